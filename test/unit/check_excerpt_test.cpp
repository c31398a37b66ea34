// The excerpts that come with the results of checks: what is in them for each way to fail.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/support/engine_harness.hpp"
#include "unit/support/scripted_target.hpp"

namespace pulsimo::test {
namespace {

using engine::CheckResult;
using engine::ErrorClass;
using nlohmann::json;

class CheckExcerpt : public testing::Test {
  protected:
    // The excerpt of a check of the scripted target.
    json excerpt(const std::string& path, const std::string& options = "{}", std::int64_t timeout_us = 10'000'000) {
        return excerpt_of(harness.check(server.url(path), options, timeout_us));
    }
    static json excerpt_of(const CheckResult& result) {
        EXPECT_NE(result.error, ErrorClass::none);
        EXPECT_LE(result.excerpt.size(), CheckResult::kMaxExcerpt);
        return json::parse(result.excerpt);
    }
    std::string peer() const { return "127.0.0.1:" + std::to_string(server.port()); }

    TestServer server{ScriptedTarget()};
    EngineHarness harness;
};

// What it shows of the header; empty: it is not there.
std::string header(const json& excerpt, const std::string& name) {
    for (const auto& each : excerpt.at("headers")) {
        if (each[0] == name) return each[1];
    }
    return {};
}

TEST_F(CheckExcerpt, IsThereOnlyWhenTheTargetFailed) {
    EXPECT_EQ(harness.check(server.url("/")).excerpt, "");
    EXPECT_EQ(harness.check(server.url("/"), R"({"body_contains": "ok"})").excerpt, "");
    const CheckResult own_trouble = harness.check("http://255.255.255.255/");
    EXPECT_EQ(own_trouble.error, ErrorClass::internal);
    EXPECT_EQ(own_trouble.excerpt, "");
}

TEST_F(CheckExcerpt, ShowsTheWholeResponse) {
    TestServer down([](const Request&) {
        return respond(503, "down for a deploy\n",
                       {{"Server", "nginx"}, {"X-Served-By", "web-3"}, {"X-Served-By", "lb"}});
    });
    const json seen = excerpt_of(harness.check(down.url("/a")));
    const std::string address = "127.0.0.1:" + std::to_string(down.port());
    EXPECT_EQ(seen.at("url"), "http://" + address + "/a");
    EXPECT_EQ(seen.at("address"), address);
    EXPECT_EQ(seen.at("http_version"), "1.1");
    EXPECT_EQ(seen.at("status_line").get<std::string>().find("HTTP/1.1 503"), 0u) << seen;
    EXPECT_EQ(seen.at("headers")[0], json({"Server", "nginx"}));
    EXPECT_EQ(seen.at("headers")[1], json({"X-Served-By", "web-3"}));
    EXPECT_EQ(seen.at("headers")[2], json({"X-Served-By", "lb"}));
    EXPECT_EQ(header(seen, "Content-Length"), "18");
    EXPECT_EQ(seen.at("body"), "down for a deploy\n");
    EXPECT_EQ(seen.at("body_truncated"), false);
    EXPECT_FALSE(seen.contains("certificate"));
}

TEST_F(CheckExcerpt, ShowsWhatAnAssertionWasAbout) {
    EXPECT_EQ(excerpt("/json/{\"status\":\"bad\"}", R"({"json": {"path": "$.status", "value": "ok"}})").at("body"),
              R"({"status":"bad"})");
    const json seen = excerpt("/", R"({"response_headers": {"name": "X-Ready", "op": "exists"}})");
    EXPECT_EQ(header(seen, "Content-Length"), "3");
    EXPECT_EQ(seen.at("body"), "ok\n");
}

TEST_F(CheckExcerpt, HidesInTheReasonWhatItHidesItself) {
    const CheckResult result =
        harness.check(server.url("/json/{\"seen\":\"t0ken-12\"}"),
                      R"({"auth": {"bearer": "t0ken-12"}, "json": {"path": "$.seen", "value": "ok"}})");
    EXPECT_EQ(result.detail.find("t0ken-12"), std::string::npos) << result.detail;
    EXPECT_NE(result.detail.find("(hidden)"), std::string::npos) << result.detail;
    EXPECT_EQ(excerpt_of(result).at("body"), R"x({"seen":"(hidden)"})x");
}

// They are the same words by chance.
TEST_F(CheckExcerpt, HidesNothingOfOurOwnWords) {
    EXPECT_EQ(harness.check(server.url("/status/500?key=status")).detail, "unexpected status 500, expected 200-299");
}

TEST_F(CheckExcerpt, ShowsTheBeginningOfALongBody) {
    for (const char* options : {R"({"expected_status": [201]})", R"({"body_contains": "end"})"}) {
        const json seen = excerpt("/body/5000", options);
        EXPECT_EQ(seen.at("body"), std::string(4096, 'b'));
        EXPECT_EQ(seen.at("body_truncated"), true);
    }
    const json too_large = excerpt("/body/3000", R"({"max_body_bytes": 1000})");
    EXPECT_EQ(too_large.at("body").get<std::string>().substr(0, 1000), std::string(1000, 'b'));
    EXPECT_FALSE(excerpt("/status/503", R"({"max_body_bytes": 0})").contains("body"));
}

TEST_F(CheckExcerpt, ShowsTheBodyDecompressed) {
    const std::string body = excerpt("/gzip/2000", R"({"expected_status": [201]})").at("body");
    EXPECT_EQ(body, std::string(body.size(), 'a'));
    EXPECT_GE(body.size(), 2000u);
}

TEST_F(CheckExcerpt, ShowsHowFarTheResponseCame) {
    for (const char* path : {"/slow-body/60000", "/close-middle"}) {
        const json seen = excerpt(path, "{}", 300'000);
        EXPECT_EQ(seen.at("status_line").get<std::string>().find("HTTP/1.1 200"), 0u) << path;
        EXPECT_EQ(header(seen, "Content-Length"), "10") << path;
        EXPECT_EQ(seen.at("body"), "01234") << path;
    }
    const json nothing = excerpt("/hang", "{}", 150'000);
    EXPECT_EQ(nothing, json({{"url", server.url("/hang")}, {"address", peer()}}));
}

TEST_F(CheckExcerpt, NamesTheAddressThatRefused) {
    const std::string address = "127.0.0.1:" + std::to_string(refused_port());
    EXPECT_EQ(excerpt_of(harness.check("http://" + address + "/")),
              json({{"url", "http://" + address + "/"}, {"address", address}}));
}

TEST_F(CheckExcerpt, HoldsWhenTheHeadersAreTooLarge) {
    const json seen = excerpt("/headers/70000");
    EXPECT_EQ(seen.at("headers_truncated"), true);
    EXPECT_GE(seen.at("headers").size(), 3u);
}

TEST_F(CheckExcerpt, HidesTheSecretsOfTheEndpoint) {
    TestServer echo([](const Request& request) {
        const std::string all = request.header("Authorization") + " " + request.header("X-Tenant");
        return respond(403, "you sent " + all + " to " + request.path, {{"X-Echo", all}, {"Set-Cookie", "id=1"}});
    });
    const std::string url = echo.url("/a?key=12345");
    const std::pair<std::string, json> ways[] = {{"Bearer", {{"bearer", "t0ken"}}},
                                                 {"Basic", {{"basic", {{"username", "me"}, {"password", "secret"}}}}}};
    for (const auto& [scheme, auth] : ways) {
        const json options = {{"headers", {{"X-Tenant", "acme-77"}}}, {"auth", auth}};
        const json seen = excerpt_of(harness.check(url, options.dump()));
        EXPECT_EQ(header(seen, "X-Echo"), scheme + " (hidden) (hidden)");
        EXPECT_EQ(header(seen, "Set-Cookie"), "(hidden)");
        EXPECT_EQ(seen.at("body"), "you sent " + scheme + " (hidden) (hidden) to /a?(hidden)");
        EXPECT_EQ(seen.at("url"), echo.url("/a?(hidden)"));
    }
}

TEST_F(CheckExcerpt, HidesTheQueriesOfRedirects) {
    TestServer gate([](const Request& request) {
        if (request.path == "/") return respond(302, "see /in?ticket=abc", {{"Location", "/in?ticket=abc"}});
        return respond(401, "no entry for " + request.path, {{"WWW-Authenticate", "Basic realm=\"staff\""}});
    });
    const json followed = excerpt_of(harness.check(gate.url("/")));
    EXPECT_EQ(followed.at("url"), gate.url("/in?(hidden)"));
    EXPECT_EQ(followed.at("body"), "no entry for /in?(hidden)");
    EXPECT_EQ(header(followed, "WWW-Authenticate"), "Basic (hidden)");
    const json refused = excerpt_of(harness.check(gate.url("/"), R"({"follow_redirects": false})"));
    EXPECT_EQ(header(refused, "Location"), "/in?(hidden)");
    EXPECT_EQ(refused.at("body"), "see /in?(hidden)");
}

TEST_F(CheckExcerpt, IsAboutTheLastUrlOnly) {
    EXPECT_EQ(excerpt("/redirect-to/302/http://[::1]:9/x", R"({"ip_version": "4"})"),
              json({{"url", "http://[::1]:9/x"}}));
    const json loop = excerpt("/redirect-loop");
    EXPECT_EQ(loop.at("url"), server.url("/redirect-loop"));
    EXPECT_EQ(header(loop, "Location"), "/redirect-loop");
}

class CertificateExcerpt : public CheckExcerpt {
  protected:
    json certificate_of(const CertificateOptions& options) {
        const Certificate certificate = make_certificate(options);
        TestServer::Options server_options;
        server_options.certificate = &certificate;
        TestServer tls(ScriptedTarget(), server_options);
        const json trust = {{"ca_certificate", authority.pem()}, {"expected_status", 201}};
        const json seen = excerpt_of(harness.check(tls.url("/"), trust.dump()));
        EXPECT_EQ(seen.at("address"), "127.0.0.1:" + std::to_string(tls.port()));
        return seen.at("certificate");
    }

    Certificate authority = make_authority();
    CertificateOptions trusted{.issuer = &authority};
};

TEST_F(CertificateExcerpt, ShowsTheCertificateOfAServer) {
    const json seen = certificate_of(trusted);
    EXPECT_EQ(seen.at("subject"), "CN = localhost");
    EXPECT_EQ(seen.at("issuer"), "CN = Pulsimo Test Authority");
    EXPECT_EQ(seen.at("names"), json({"localhost", "127.0.0.1", "::1"}));
    EXPECT_FALSE(seen.contains("error"));
}

TEST_F(CertificateExcerpt, ShowsACertificateForAnotherName) {
    trusted.names = {"DNS:other.example"};
    for (int i = 1; i < 30; ++i) trusted.names.push_back("DNS:n" + std::to_string(i) + ".example");
    const json seen = certificate_of(trusted);
    EXPECT_EQ(seen.at("names").size(), 20u);
    EXPECT_EQ(seen.at("names")[0], "other.example");
    EXPECT_EQ(seen.at("error").get<std::string>().find("certificate is for other.example, "), 0u) << seen;
}

TEST_F(CertificateExcerpt, ShowsAnExpiredCertificate) {
    trusted.valid_from_s = -30 * 86400;
    trusted.valid_to_s = -3 * 86400 - 60;
    const json seen = certificate_of(trusted);
    EXPECT_EQ(seen.at("error"), "certificate expired 3 days ago");
    const std::string not_before = seen.at("not_before");
    const std::string not_after = seen.at("not_after");
    EXPECT_LT(not_before, not_after);
    EXPECT_EQ(not_after.size(), std::string("2026-01-01T00:00:00Z").size());
}

}  // namespace
}  // namespace pulsimo::test
