// What is taken for a secret, and the forms in which it is found again. What excerpts do with it is in
// excerpt_test.cpp.
#include "engine/redaction.hpp"

#include <gtest/gtest.h>

namespace pulsimo::engine {
namespace {

TEST(Redaction, KnowsTheSecretsOfOptions) {
    const auto secrets = [](const char* options) { return secrets_of(parse_http_options(options)); };
    using Secrets = std::vector<std::string>;
    EXPECT_EQ(secrets(R"({"auth": {"bearer": "token"}})"), Secrets{"token"});
    EXPECT_EQ(secrets(R"({"auth": {"basic": {"username": "me", "password": "secret"}}})"),
              (Secrets{"secret", "bWU6c2VjcmV0"}));
    EXPECT_EQ(secrets(R"({"auth": {"api_key": {"header": "Accept", "value": "abcd"}}})"), Secrets{"abcd"});
    EXPECT_EQ(secrets(R"({"headers": {"X-Any": "abcd", "X-Short": "abc", "Accept": "text/plain"}})"), Secrets{"abcd"});
    EXPECT_EQ(secrets(R"({"headers": {"Authorization": "Bearer t0ken123"}})"),
              (Secrets{"Bearer t0ken123", "t0ken123"}));
    EXPECT_EQ(secrets(R"({"headers": {"Cookie": "lang=en; session=12345678"}})"),
              (Secrets{"lang=en; session=12345678", "12345678"}));
}

TEST(Redaction, KnowsTheSecretsOfABody) {
    const auto secrets = [](const std::string& body) {
        HttpOptions options;
        options.body = body;
        return secrets_of(options);
    };
    using Secrets = std::vector<std::string>;
    EXPECT_EQ(secrets("ping"), Secrets{});
    EXPECT_EQ(secrets("<Password>x</Password>"), Secrets{"<Password>x</Password>"});
    const std::string json =
        R"({"user": "somebody", "login": {"pass": "a, b&c", "codes": 7, "password2": 123456}, "tokens": ["t0ken", "abc"]})";
    EXPECT_EQ(secrets(json), (Secrets{json, "a, b&c", "123456", "t0ken"}));
    const std::string form = "user=somebody&password=p%40ss+w0rd&api_key=k123456&pwd&token=abc";
    EXPECT_EQ(secrets(form), (Secrets{form, "p%40ss+w0rd", "p@ss w0rd", "k123456"}));
    EXPECT_EQ(hide("no such login: p@ss w0rd", secrets(form)), "no such login: (hidden)");
}

TEST(Redaction, KnowsTheSecretsOfAQuery) {
    std::vector<std::string> secrets;
    add_query(secrets, "https://example.com/a?api_key=URLKEY1234&page=2222#top");
    EXPECT_EQ(secrets, (std::vector<std::string>{"api_key=URLKEY1234&page=2222", "URLKEY1234"}));
    add_query(secrets, "https://example.com/a#access_token=t0ken");
    EXPECT_EQ(secrets.back(), "t0ken");
    EXPECT_EQ(secrets.size(), 3u);
    secrets.clear();
    std::string far = "https://example.com/?";
    for (int i = 10000; i < 20000; ++i) far += "&key=" + std::to_string(i);
    add_query(secrets, far);
    EXPECT_EQ(secrets.size(), 100u);
}

TEST(Redaction, HidesWhatJsonUrlsAndHtmlWrite) {
    const std::vector<std::string> secrets = in_all_forms({"p@ss\"w/rd&1"});
    EXPECT_EQ(hide(R"({"echo": "p@ss\"w/rd&1"})", secrets), R"x({"echo": "(hidden)"})x");
    EXPECT_EQ(hide("/?p=p%40ss%22w%2Frd%261&a", secrets), "/?p=(hidden)&a");
    EXPECT_EQ(hide("<b>p@ss&quot;w/rd&amp;1</b>", secrets), "<b>(hidden)</b>");
    EXPECT_EQ(hide(R"({"a": "p@ss\"w\/rd&1", "b": "p@ss\"w/rd\u00261"})", secrets),
              R"x({"a": "(hidden)", "b": "(hidden)"})x");
    EXPECT_EQ(hide("<b>p@ss&#34;w/rd&amp;1</b>", secrets), "<b>(hidden)</b>");
    EXPECT_EQ(hide(R"("gr\u00fcn")", in_all_forms({"gr\xC3\xBCn"})), R"x("(hidden)")x");
    EXPECT_EQ(hide("body is p@ss\"w/rd&1!", secrets), "body is (hidden)!");
}

TEST(Redaction, HidesWhatIsLeftOfAQuotation) {
    const std::string secret = "s3cret-" + std::string(100, 'k');
    EXPECT_EQ(hide("X is \"client " + secret.substr(0, 45) + "...\", expected \"fine\"", {secret}),
              "X is \"client (hidden)...\", expected \"fine\"");
}

}  // namespace
}  // namespace pulsimo::engine
