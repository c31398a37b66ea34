// What an excerpt shows of the evidence, what it hides, and that it keeps within its bounds whatever came.
#include "engine/excerpt.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "engine/http_response.hpp"
#include "engine/result.hpp"

namespace pulsimo::engine {
namespace {

using nlohmann::json;

Evidence with_body(std::string_view body) {
    Evidence evidence;
    evidence.url = "http://example.com/";
    evidence.body = body;
    evidence.body_bytes = static_cast<std::int64_t>(body.size());
    return evidence;
}

std::string shown_body(std::string_view body, const std::vector<std::string>& secrets = {}) {
    return json::parse(excerpt_of(with_body(body), secrets)).at("body");
}

// The value that is shown of a header.
std::string shown_header(std::string_view name, std::string_view value, const std::vector<std::string>& secrets = {}) {
    Evidence evidence;
    evidence.headers = {{name, value}};
    return json::parse(excerpt_of(evidence, secrets)).at("headers")[0][1];
}

std::string shown_url(const std::string& url) {
    Evidence evidence;
    evidence.url = url;
    return json::parse(excerpt_of(evidence, {})).at("url");
}

TEST(Excerpt, LeavesOutWhatIsNotKnown) {
    EXPECT_EQ(excerpt_of({}, {}), "{}");
    EXPECT_EQ(excerpt_of(with_body("ok"), {}), R"({"url":"http://example.com/","body":"ok","body_truncated":false})");
}

TEST(Excerpt, ShowsTextAsItIs) {
    const std::string text = "<p class=\"a\">\n\tGr\xC3\xBC\xC3\x9F\x65 \xF0\x9F\x99\x82 \\ </p>";
    EXPECT_EQ(shown_body(text), text);
    EXPECT_EQ(shown_body("one\r\ntwo\r\n"), "one\ntwo\n");
}

TEST(Excerpt, PutsAMarkInPlaceOfWhatIsNoText) {
    const std::string page(60, 'x');
    const std::string mark = "\xEF\xBF\xBD";
    EXPECT_EQ(shown_body("caf\xE9 " + page), "caf" + mark + " " + page);
    EXPECT_EQ(shown_body("\x1B[31m " + page), mark + "[31m " + page);
    EXPECT_EQ(shown_body("a\rb\x7F " + page), "a" + mark + "b" + mark + " " + page);
    EXPECT_EQ(shown_body("half \xC3" + page), "half " + mark + page);
    EXPECT_EQ(shown_header("X-A", "caf\xE9"), "caf" + mark);
}

// Line ends become shorter, so what is left of a character that was cut through would find room.
TEST(Excerpt, CutsTheBodyAtACharacter) {
    std::string umlauts;
    while (umlauts.size() < 2 * kExcerptBody) umlauts += "\xC3\xA4";
    const json cut = json::parse(excerpt_of(with_body("a\r\n\r\n" + umlauts), {}));
    EXPECT_EQ(cut.at("body"), "a\n\n" + umlauts.substr(0, kExcerptBody - 6));
    EXPECT_EQ(cut.at("body_truncated"), true);
    const json whole = json::parse(excerpt_of(with_body(umlauts.substr(0, kExcerptBody)), {}));
    EXPECT_EQ(whole.at("body"), umlauts.substr(0, kExcerptBody));
    EXPECT_EQ(whole.at("body_truncated"), false);
}

TEST(Excerpt, TellsABinaryBodyByTypeLengthAndFirstBytes) {
    std::string image("\x89PNG\r\n\x1A\n\0\0\0\rIHDR", 16);
    image += std::string(5000, '\0');
    Evidence evidence = with_body(image);
    evidence.headers = {{"content-type", "image/png"}};
    const json shown = json::parse(excerpt_of(evidence, {}));
    const std::string body = shown.at("body");
    EXPECT_EQ(body.find("binary, image/png, 5016 bytes: 89 50 4e 47 0d 0a 1a 0a 00 00 00 0d 49 48 44 52"), 0u) << body;
    EXPECT_EQ(body.size(), std::string("binary, image/png, 5016 bytes:").size() + 3 * 64);
    EXPECT_EQ(shown.at("body_truncated"), true);
    EXPECT_EQ(shown_body("\xFF\xFE\xFD"), "binary, no content type, 3 bytes: ff fe fd");
}

TEST(Excerpt, HidesHeadersThatCarrySecretsByTheirName) {
    for (const char* name : {"Set-Cookie", "cookie", "Authorization", "Proxy-Authorization", "Authentication-Info",
                             "X-API-Key", "Apikey", "X-Auth-Token", "X-Amz-Signature", "X-Session-Id"}) {
        EXPECT_EQ(shown_header(name, "abc"), "(hidden)") << name;
    }
    EXPECT_EQ(shown_header("WWW-Authenticate", "Basic realm=\"staff\""), "Basic (hidden)");
    EXPECT_EQ(shown_header("Proxy-Authenticate", "Negotiate"), "Negotiate");
    EXPECT_EQ(shown_header("Server", "nginx"), "nginx");
    EXPECT_EQ(shown_header("Keep-Alive", "timeout=5"), "timeout=5");
}

TEST(Excerpt, HidesUsersQueriesAndFragmentsOfUrls) {
    EXPECT_EQ(shown_url("https://example.com/a/b"), "https://example.com/a/b");
    EXPECT_EQ(shown_url("https://example.com/a?token=1"), "https://example.com/a?(hidden)");
    EXPECT_EQ(shown_header("Location", "https://me:pass@example.com/a?b#c"), "https://(hidden)@example.com/a?(hidden)");
    EXPECT_EQ(shown_header("location", "/a#access_token=1"), "/a#(hidden)");
    EXPECT_EQ(shown_header("Location", "/a@b"), "/a@b");
    EXPECT_EQ(shown_header("Refresh", "0; url=/a?token=1"), "0; url=/a?(hidden)");
}

TEST(Excerpt, HidesSecretsWhereverTheyComeBack) {
    const std::vector<std::string> secrets{"hunter22", "hunter2", "t0ken"};
    EXPECT_EQ(shown_body("hunter22", secrets), "(hidden)");
    EXPECT_EQ(shown_body("a hunter2, a t0ken, hunter2hunter2.", secrets), "a (hidden), a (hidden), (hidden).");
    EXPECT_EQ(shown_header("X-Echo", "t0ken!", secrets), "(hidden)!");
    Evidence evidence;
    evidence.url = "http://example.com/t0ken/x";
    evidence.status_line = "HTTP/1.1 403 no hunter2 here";
    EXPECT_EQ(excerpt_of(evidence, secrets),
              R"({"url":"http://example.com/(hidden)/x","status_line":"HTTP/1.1 403 no (hidden) here"})");
}

// The end of the body that was kept may go through a secret; a server may itself shorten what it repeats.
TEST(Excerpt, HidesPartsOfSecrets) {
    const std::string secret = "s3cret-" + std::string(200, 'k') + "-end";
    for (const std::size_t inside : {4u, 7u, 60u, 150u}) {
        const std::string before(kExcerptBody - inside, 'x');
        EXPECT_EQ(shown_body(before + secret, {secret}), (before + "(hidden)").substr(0, kExcerptBody)) << inside;
    }
    EXPECT_EQ(shown_body("<" + secret.substr(0, 100) + "...>", {secret}), "<(hidden)...>");
}

TEST(Excerpt, HidesSecretsInABinaryBody) {
    EXPECT_EQ(shown_body(std::string("\0hunter2\0", 9), {"hunter2"}),
              "binary, no content type, 9 bytes: 00 28 68 69 64 64 65 6e 29 00");
}

TEST(Excerpt, CutsHeadersThatAreTooMany) {
    const std::string value(500, 'h');
    Evidence evidence;
    for (int i = 0; i < 100; ++i) evidence.headers.emplace_back("X-Filler", value);
    const std::string excerpt = excerpt_of(evidence, {});
    const json shown = json::parse(excerpt);
    EXPECT_LE(excerpt.size(), 4200u);
    EXPECT_EQ(shown.at("headers").size(), 8u);
    EXPECT_EQ(shown.at("headers_truncated"), true);
    evidence.headers.resize(7);
    EXPECT_FALSE(json::parse(excerpt_of(evidence, {})).contains("headers_truncated"));
}

// Each part as large as a server can make it, of characters that JSON must escape.
TEST(Excerpt, KeepsWithinItsBounds) {
    const std::string quotes(64 * 1024, '"');
    Evidence evidence = with_body(quotes);
    evidence.url = "https://" + quotes;
    evidence.address = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    evidence.http_version = "1.1";
    evidence.status_line = quotes;
    evidence.headers = {{quotes, quotes}};
    evidence.certificate = CertificateFacts{.subject = quotes,
                                            .issuer = quotes,
                                            .names = std::vector<std::string>(20, quotes.substr(0, 50)),
                                            .not_before_s = 253402300799,
                                            .not_after_s = 253402300799,
                                            .error = quotes};
    const std::string excerpt = excerpt_of(evidence, {});
    EXPECT_LE(excerpt.size(), CheckResult::kMaxExcerpt);
    const json shown = json::parse(excerpt);
    EXPECT_GE(shown.at("body").get<std::string>().size(), kExcerptBody / 2);
    EXPECT_EQ(shown.at("certificate").at("not_after"), "9999-12-31T23:59:59Z");
    EXPECT_EQ(acceptable_excerpt(excerpt), excerpt);
}

TEST(Excerpt, IsAcceptableWhateverCame) {
    std::mt19937 random(9);
    const std::string alphabet(
        "\0\x01\r\n\t\\\"\x7F\x80\xC2\xC3\xE2\x80\xA8\xED\xA0\xF0\x9F\x99\x82\xFF"
        "abcsecret",
        30);
    const auto any = [&](std::size_t most) {
        std::string text(random() % most, '\0');
        for (char& c : text) c = alphabet[random() % alphabet.size()];
        return text;
    };
    for (int round = 0; round < 2000; ++round) {
        const std::string body = any(round % 10 == 0 ? 9000 : 50);
        const std::string name = any(20);
        const std::string value = any(50);
        Evidence evidence = with_body(body);
        evidence.url = any(50);
        evidence.status_line = any(50);
        evidence.headers = {{name, value}, {"Location", value}, {"Content-Type", value}};
        evidence.certificate = CertificateFacts{.subject = any(50),
                                                .issuer = any(50),
                                                .names = {any(50)},
                                                .not_before_s = 1,
                                                .not_after_s = 0,
                                                .error = any(50)};
        const std::string excerpt = excerpt_of(evidence, {"secret"});
        EXPECT_EQ(acceptable_excerpt(excerpt), excerpt);
        EXPECT_EQ(excerpt.find("secret"), std::string::npos);
    }
}

TEST(Excerpt, IsAcceptedOnlyIfADatabaseCanStoreIt) {
    EXPECT_EQ(acceptable_excerpt(R"({"body":"a \"\\\n\t"})"), R"({"body":"a \"\\\n\t"})");
    for (const char* bad :
         {"", "x", "[]", "\"text\"", "{", R"({"body":"\u0000"})", R"({"body":"\ud800"})", R"({"body":"a\b"})",
          "{\"body\":\"a\x01\"}", "{\"body\":\"\xFF\"}", R"({"a":1e999})", "{\"a\":\"\\"}) {
        EXPECT_EQ(acceptable_excerpt(bad), "") << bad;
    }
    EXPECT_EQ(acceptable_excerpt("{\"a\":" + std::string(200, '[') + std::string(200, ']') + "}"), "");
    EXPECT_EQ(acceptable_excerpt("{\"a\":\"" + std::string(CheckResult::kMaxExcerpt, 'x') + "\"}"), "");
    EXPECT_EQ(acceptable_excerpt(std::string("{}\0", 3)), "");
}

TEST(Excerpt, NeedsNoMoreOfTheBodyThanItShows) {
    const HttpOptions options = parse_http_options("{}");
    HttpResponse response(options);
    const std::string piece(16 * 1024, 'x');
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(response.take_body(piece));
    EXPECT_EQ(response.body().size(), kExcerptBody);
    EXPECT_LE(response.body().capacity(), 2 * kExcerptBody);
    EXPECT_EQ(response.body_bytes(), 50 * 16 * 1024);
}

}  // namespace
}  // namespace pulsimo::engine
