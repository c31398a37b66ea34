// Every key of the options: what it is good for, and how it refuses. Assertions are in assertion_options_test.cpp.
#include "engine/http_options.hpp"

#include <gtest/gtest.h>

#include "unit/support/test_certificates.hpp"

namespace pulsimo::engine {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Refusal {
    const char* options;
    const char* message;
};

void expect_refused(const Refusal& refusal) {
    try {
        parse_http_options(refusal.options);
        ADD_FAILURE() << refusal.options << " was taken";
    } catch (const InvalidOption& error) {
        EXPECT_STREQ(error.what(), refusal.message) << refusal.options;
    }
}

std::string hint_of(const std::string& options) {
    try {
        parse_http_options(options);
    } catch (const InvalidOption& error) {
        return error.hint();
    }
    return "was taken";
}

std::string in_json(const std::string& text) {
    std::string json = "\"";
    for (const char c : text) json += c == '\n' ? std::string("\\n") : std::string(1, c);
    return json + '"';
}

TEST(HttpOptions, HaveDefaults) {
    const HttpOptions options = parse_http_options("{}");
    EXPECT_EQ(options.method, "GET");
    EXPECT_TRUE(options.headers.empty());
    EXPECT_TRUE(options.credential_header.empty());
    EXPECT_TRUE(options.body.empty());
    EXPECT_TRUE(options.follow_redirects);
    EXPECT_EQ(options.max_redirects, 5);
    EXPECT_EQ(options.expected_status.text(), "200-299");
    EXPECT_EQ(options.ip_version, IpVersion::any);
    EXPECT_EQ(options.http_version, HttpVersion::any);
    EXPECT_FALSE(options.insecure);
    EXPECT_TRUE(options.compression);
    EXPECT_EQ(options.max_body, 1024 * 1024);
    EXPECT_FALSE(options.reuse_connection);
    EXPECT_FALSE(options.assertions.need_body());
}

TEST(HttpOptions, TakeEachMethodThatMonitorsNeed) {
    for (const char* method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
        EXPECT_EQ(parse_http_options(std::string(R"({"method": ")") + method + "\"}").method, method);
    }
}

TEST(HttpOptions, TakeSimpleKeys) {
    EXPECT_EQ(parse_http_options(R"({"method": "POST", "body": "a=1\u0000"})").body, std::string("a=1\0", 4));
    EXPECT_EQ(parse_http_options(R"({"body": "sent with GET"})").body, "sent with GET");
    EXPECT_FALSE(parse_http_options(R"({"follow_redirects": false})").follow_redirects);
    EXPECT_EQ(parse_http_options(R"({"max_redirects": 0})").max_redirects, 0);
    EXPECT_EQ(parse_http_options(R"({"max_redirects": 20})").max_redirects, 20);
    EXPECT_EQ(parse_http_options(R"({"server_name": "www.example.com"})").server_name, "www.example.com");
    EXPECT_TRUE(parse_http_options(R"({"insecure": true})").insecure);
    EXPECT_FALSE(parse_http_options(R"({"compression": false})").compression);
    EXPECT_EQ(parse_http_options(R"({"max_body_bytes": 0})").max_body, 0);
    EXPECT_EQ(parse_http_options(R"({"max_body_bytes": 16777216})").max_body, 16 * 1024 * 1024);
    EXPECT_TRUE(parse_http_options(R"({"reuse_connection": true})").reuse_connection);
}

TEST(HttpOptions, TakeVersions) {
    EXPECT_EQ(parse_http_options(R"({"ip_version": "any"})").ip_version, IpVersion::any);
    EXPECT_EQ(parse_http_options(R"({"ip_version": "4"})").ip_version, IpVersion::v4);
    EXPECT_EQ(parse_http_options(R"({"ip_version": "6"})").ip_version, IpVersion::v6);
    EXPECT_EQ(parse_http_options(R"({"http_version": "any"})").http_version, HttpVersion::any);
    EXPECT_EQ(parse_http_options(R"({"http_version": "1.0"})").http_version, HttpVersion::v1_0);
    EXPECT_EQ(parse_http_options(R"({"http_version": "1.1"})").http_version, HttpVersion::v1_1);
    EXPECT_EQ(parse_http_options(R"({"http_version": "2"})").http_version, HttpVersion::v2);
}

TEST(HttpOptions, TakeExpectedStatusInThreeForms) {
    EXPECT_EQ(parse_http_options(R"({"expected_status": 204})").expected_status.text(), "204");
    EXPECT_EQ(parse_http_options(R"({"expected_status": "200-299,304"})").expected_status.text(), "200-299,304");
    EXPECT_EQ(parse_http_options(R"({"expected_status": [200, "300-399"]})").expected_status.text(), "200,300-399");
}

TEST(HttpOptions, TakeHeaders) {
    const HttpOptions options = parse_http_options(
        R"({"headers": {"Host": "internal", "X-Empty": "", "Accept": "text/html;\tq=1", "cookie": "a=b"}})");
    const Headers expected = {{"Accept", "text/html;\tq=1"}, {"Host", "internal"}, {"X-Empty", ""}, {"cookie", "a=b"}};
    EXPECT_EQ(options.headers, expected);
}

TEST(HttpOptions, TakeOneKindOfAuth) {
    const HttpOptions basic = parse_http_options(R"({"auth": {"basic": {"username": "me", "password": "a:b"}}})");
    EXPECT_EQ(basic.basic_user, "me");
    EXPECT_EQ(basic.basic_password, "a:b");
    EXPECT_EQ(parse_http_options(R"({"auth": {"basic": {"username": "me", "password": ""}}})").basic_password, "");
    EXPECT_EQ(parse_http_options(R"({"auth": {"bearer": "abc.DEF-_~+/=="}})").bearer, "abc.DEF-_~+/==");
    const HttpOptions key =
        parse_http_options(R"({"auth": {"api_key": {"header": "X-Key", "value": "k"}}, "headers": {"Accept": "*/*"}})");
    const Headers expected = {{"X-Key", "k"}, {"Accept", "*/*"}};
    EXPECT_EQ(key.headers, expected);
    EXPECT_EQ(key.credential_header, "X-Key");
}

TEST(HttpOptions, TakeCertificatesInPem) {
    const std::string one = test::make_authority().pem();
    const std::string two = one + "a comment between\n" + test::make_authority().pem();
    for (const std::string& pem : {one, two}) {
        EXPECT_EQ(parse_http_options("{\"ca_certificate\": " + in_json(pem) + '}').ca_certificate, pem);
    }
}

TEST(HttpOptions, RefuseWhatIsNoPem) {
    const std::string pem = test::make_authority().pem();
    const std::string broken = pem.substr(0, pem.size() / 2) + pem.substr(pem.size() / 2 + 4);
    const std::string cut = pem.substr(0, pem.size() - 40);
    const std::string encrypted =
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
        "AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
        "AAAA\n-----END CERTIFICATE-----\n";
    for (const std::string& text : {std::string("x"), broken, cut, pem + cut, encrypted}) {
        const std::string options = "{\"ca_certificate\": " + in_json(text) + '}';
        expect_refused({options.c_str(), "option \"ca_certificate\" must be one or more certificates in PEM form"});
    }
    const std::string key = pem + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    const std::string options = "{\"ca_certificate\": " + in_json(key) + '}';
    expect_refused({options.c_str(), "option \"ca_certificate\" contains a private key"});
}

TEST(HttpOptions, AreAnObject) {
    for (const Refusal& refusal : {
             Refusal{"", "options are not JSON at byte 1"},
             Refusal{"{\"method\": }", "options are not JSON at byte 12"},
             Refusal{"[]", "options must be a JSON object"},
             Refusal{"null", "options must be a JSON object"},
             Refusal{"\"GET\"", "options must be a JSON object"},
         }) {
        expect_refused(refusal);
    }
    const std::string deep = R"({"json": {"path": "$", "value": )" + std::string(100000, '[');
    expect_refused({deep.c_str(), "options are JSON with more than 100 levels"});
    const std::string long_options = std::string(2 * 1024 * 1024, ' ') + "{}";
    expect_refused({long_options.c_str(), "options are longer than 2 MiB"});
}

TEST(HttpOptions, TakeNullForLeftOut) {
    const HttpOptions options = parse_http_options(R"({"method": null, "body_contains": null, "max_body_bytes": 0})");
    EXPECT_EQ(options.method, "GET");
    EXPECT_EQ(options.max_body, 0);
}

TEST(HttpOptions, RefuseUnknownKeysWithAHint) {
    expect_refused({R"({"metod": "GET"})", "unknown option \"metod\""});
    expect_refused({R"({"Method": "GET"})", "unknown option \"Method\""});
    expect_refused({R"({"auth": {"basci": {}}})", "unknown option \"auth.basci\""});
    expect_refused({R"({"auth": {"basic": {"user": "x"}}})", "unknown option \"auth.basic.user\""});
    expect_refused({R"({"auth": {"api_key": {"name": "x"}}})", "unknown option \"auth.api_key.name\""});
    expect_refused({R"({"": 1})", "unknown option \"\""});
    expect_refused({R"({"metod": null})", "unknown option \"metod\""});
    EXPECT_EQ(hint_of(R"({"metod": "GET"})"), "Did you mean \"method\"?");
    EXPECT_EQ(hint_of(R"({"follow_redirect": true})"), "Did you mean \"follow_redirects\"?");
    EXPECT_EQ(hint_of(R"({"auth": {"oauth2": {}}})"), "Known here are \"basic\", \"bearer\", \"api_key\".");
    EXPECT_NE(hint_of(R"({"proxy": "x"})").find("\"max_body_bytes\""), std::string::npos);
    const std::string long_key = "{\"" + std::string(5000, 'k') + "\": 1}";
    const std::string message = "unknown option \"" + std::string(80, 'k') + "...\"";
    expect_refused({long_key.c_str(), message.c_str()});
}

TEST(HttpOptions, RefuseWrongTypesAndImpossibleValues) {
    for (const Refusal& refusal : {
             Refusal{R"({"method": "get"})",
                     "option \"method\" must be one of \"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", "
                     "\"OPTIONS\""},
             Refusal{R"({"method": "GET / HTTP/1.1\r\n"})",
                     "option \"method\" must be one of \"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", "
                     "\"OPTIONS\""},
             Refusal{R"({"body": {"a": 1}})", "option \"body\" must be a string"},
             Refusal{R"({"follow_redirects": "yes"})", "option \"follow_redirects\" must be true or false"},
             Refusal{R"({"follow_redirects": 1})", "option \"follow_redirects\" must be true or false"},
             Refusal{R"({"max_redirects": 21})", "option \"max_redirects\" must be a whole number from 0 to 20"},
             Refusal{R"({"max_redirects": -1})", "option \"max_redirects\" must be a whole number from 0 to 20"},
             Refusal{R"({"max_redirects": 1.5})", "option \"max_redirects\" must be a whole number from 0 to 20"},
             Refusal{R"({"max_redirects": "5"})", "option \"max_redirects\" must be a whole number from 0 to 20"},
             Refusal{R"({"max_redirects": 18446744073709551615})",
                     "option \"max_redirects\" must be a whole number from 0 to 20"},
             Refusal{R"({"expected_status": 99})", "option \"expected_status\" must be a whole number from 100 to 999"},
             Refusal{R"({"expected_status": [200, 1000]})",
                     "option \"expected_status[1]\" must be a whole number from 100 to 999"},
             Refusal{R"({"expected_status": "2xx"})",
                     "option \"expected_status\" is wrong: \"2xx\" is neither a status code nor a range of them"},
             Refusal{R"({"expected_status": []})", "option \"expected_status\" must not be an empty list"},
             Refusal{R"({"expected_status": true})", "option \"expected_status\" must be a string"},
             Refusal{R"({"ip_version": 4})", "option \"ip_version\" must be one of \"any\", \"4\", \"6\""},
             Refusal{R"({"http_version": "3"})",
                     "option \"http_version\" must be one of \"any\", \"1.0\", \"1.1\", \"2\""},
             Refusal{R"({"ca_certificate": ""})", "option \"ca_certificate\" must not be empty"},
             Refusal{R"({"ca_certificate": 1})", "option \"ca_certificate\" must be a string"},
             Refusal{R"({"server_name": ""})", "option \"server_name\" must not be empty"},
             Refusal{R"({"server_name": "127.0.0.1"})", "option \"server_name\" must be a host name"},
             Refusal{R"({"server_name": "::1"})", "option \"server_name\" must be a host name"},
             Refusal{R"({"server_name": "a b"})", "option \"server_name\" must be a host name"},
             Refusal{R"({"server_name": "a\u0000b"})", "option \"server_name\" must be a host name"},
             Refusal{R"({"server_name": ".example"})", "option \"server_name\" must be a host name"},
             Refusal{R"({"insecure": "true"})", "option \"insecure\" must be true or false"},
             Refusal{R"({"max_body_bytes": 16777217})",
                     "option \"max_body_bytes\" must be a whole number from 0 to 16777216"},
             Refusal{R"({"reuse_connection": 0})", "option \"reuse_connection\" must be true or false"},
         }) {
        expect_refused(refusal);
    }
    const std::string body = "{\"method\": \"POST\", \"body\": \"" + std::string(1024 * 1024 + 1, 'x') + "\"}";
    expect_refused({body.c_str(), "option \"body\" must not be longer than 1048576 bytes"});
}

TEST(HttpOptions, RefuseHeadersThatCouldSmuggle) {
    for (const Refusal& refusal : {
             Refusal{R"({"headers": []})", "option \"headers\" must be an object"},
             Refusal{R"({"headers": {"X": 1}})", "option \"headers.X\" must be a string"},
             Refusal{R"({"headers": {"": "x"}})", "option \"headers.\" is not the name of a header"},
             Refusal{R"({"headers": {"A B": "x"}})", "option \"headers.A B\" is not the name of a header"},
             Refusal{R"({"headers": {"A:": "x"}})", "option \"headers.A:\" is not the name of a header"},
             Refusal{R"({"headers": {":path": "x"}})", "option \"headers.:path\" is not the name of a header"},
             Refusal{R"({"headers": {"A\r\nB": "x"}})", "option \"headers.A  B\" is not the name of a header"},
             Refusal{R"({"headers": {"Ä": "x"}})", "option \"headers.Ä\" is not the name of a header"},
             Refusal{R"({"headers": {"X": "a\r\nY: b"}})",
                     "option \"headers.X\" must not contain line breaks or other control characters"},
             Refusal{R"({"headers": {"X": "a\nb"}})",
                     "option \"headers.X\" must not contain line breaks or other control characters"},
             Refusal{R"({"headers": {"X": "a\u0000b"}})",
                     "option \"headers.X\" must not contain line breaks or other control characters"},
             Refusal{R"({"headers": {"Content-Length": "5"}})",
                     "option \"headers.Content-Length\" is a header that Pulsimo sets itself"},
             Refusal{R"({"headers": {"TRANSFER-ENCODING": "chunked"}})",
                     "option \"headers.TRANSFER-ENCODING\" is a header that Pulsimo sets itself"},
             Refusal{R"({"headers": {"connection": "close"}})",
                     "option \"headers.connection\" is a header that Pulsimo sets itself"},
             Refusal{R"({"headers": {"Accept-Encoding": "br"}})",
                     "option \"headers.Accept-Encoding\" is a header that Pulsimo sets itself"},
             Refusal{R"({"headers": {"X-A": "1", "x-a": "2"}})", "option \"headers\" gives \"x-a\" twice"},
         }) {
        expect_refused(refusal);
    }
}

TEST(HttpOptions, RefuseAuthThatIsIncompleteOrContradictory) {
    for (const Refusal& refusal : {
             Refusal{R"({"auth": "x"})", "option \"auth\" must be an object"},
             Refusal{R"({"auth": {}})",
                     "option \"auth\" must have one of the keys \"basic\", \"bearer\" and \"api_key\""},
             Refusal{R"({"auth": {"bearer": "x", "basic": {"username": "u", "password": "p"}}})",
                     "option \"auth\" must have one of the keys \"basic\", \"bearer\" and \"api_key\""},
             Refusal{R"({"auth": {"basic": {"username": "u"}}})",
                     "option \"auth.basic\" must have the keys \"username\" and \"password\""},
             Refusal{R"({"auth": {"basic": {"username": "", "password": "p"}}})",
                     "option \"auth.basic.username\" must not be empty"},
             Refusal{R"({"auth": {"basic": {"username": "u:v", "password": "p"}}})",
                     "option \"auth.basic.username\" must not contain a colon"},
             Refusal{R"({"auth": {"basic": {"username": "u", "password": "p\n"}}})",
                     "option \"auth.basic.password\" must not contain control characters"},
             Refusal{R"({"auth": {"bearer": ""}})", "option \"auth.bearer\" must not be empty"},
             Refusal{R"({"auth": {"bearer": "a b"}})",
                     "option \"auth.bearer\" must be a token of visible ASCII characters"},
             Refusal{R"({"auth": {"bearer": "a\r\nX: y"}})",
                     "option \"auth.bearer\" must be a token of visible ASCII characters"},
             Refusal{R"({"auth": {"api_key": {"header": "X-Key"}}})",
                     "option \"auth.api_key\" must have the keys \"header\" and \"value\""},
             Refusal{R"({"auth": {"api_key": {"header": "X Key", "value": "k"}}})",
                     "option \"auth.api_key.header\" is not the name of a header"},
             Refusal{R"({"auth": {"api_key": {"header": "Connection", "value": "k"}}})",
                     "option \"auth.api_key.header\" is a header that Pulsimo sets itself"},
             Refusal{R"({"auth": {"api_key": {"header": "X-Key", "value": ""}}})",
                     "option \"auth.api_key.value\" must not be empty"},
             Refusal{R"({"auth": {"api_key": {"header": "X-Key", "value": "a\nb"}}})",
                     "option \"auth.api_key.value\" must not contain line breaks or other control characters"},
             Refusal{R"({"auth": {"bearer": "x"}, "headers": {"authorization": "y"}})",
                     "option \"auth\" contradicts the header \"Authorization\""},
             Refusal{R"({"auth": {"basic": {"username": "u", "password": "p"}}, "headers": {"Authorization": "y"}})",
                     "option \"auth\" contradicts the header \"Authorization\""},
             Refusal{R"({"auth": {"api_key": {"header": "X-Key", "value": "k"}}, "headers": {"x-key": "y"}})",
                     "option \"headers\" gives \"x-key\" twice"},
         }) {
        expect_refused(refusal);
    }
}

TEST(HttpOptions, RefuseCombinationsThatMakeNoSense) {
    for (const Refusal& refusal : {
             Refusal{R"({"follow_redirects": false, "max_redirects": 3})",
                     "option \"max_redirects\" makes no sense when \"follow_redirects\" is false"},
             Refusal{R"({"method": "HEAD", "body": "x"})", "option \"body\" cannot be sent with method HEAD"},
             Refusal{R"({"method": "HEAD", "body_contains": "x"})",
                     "option \"body_contains\" needs a body, but a response to HEAD has none"},
             Refusal{R"({"method": "HEAD", "json": {"path": "$.a"}})",
                     "option \"json\" needs a body, but a response to HEAD has none"},
             Refusal{R"({"max_body_bytes": 0, "body_not_contains": "x"})",
                     "option \"body_not_contains\" needs a body, but \"max_body_bytes\" is 0"},
             Refusal{R"({"max_body_bytes": 0, "body_matches": "x"})",
                     "option \"body_matches\" needs a body, but \"max_body_bytes\" is 0"},
         }) {
        expect_refused(refusal);
    }
    EXPECT_NO_THROW(parse_http_options(R"({"method": "HEAD", "response_headers": {"name": "ETag"}})"));
    const std::string options =
        R"({"insecure": true, "ca_certificate": )" + in_json(test::make_authority().pem()) + '}';
    expect_refused({options.c_str(), "option \"ca_certificate\" makes no sense when \"insecure\" is true"});
}

// What is secret in options must not come back in an error message, which ends up in logs.
TEST(HttpOptions, NeverTellASecret) {
    for (const char* options : {
             R"({"auth": {"bearer": "hunter2 x"}})",
             R"({"auth": {"basic": {"username": "u:hunter2", "password": "hunter2"}}})",
             R"({"auth": {"basic": {"username": "u", "password": "hunter2\n"}}})",
             R"({"auth": {"basic": "hunter2"}})",
             R"({"auth": {"api_key": {"header": "X-Key", "value": "hunter2\n"}}})",
             R"({"auth": {"api_key": {"value": "hunter2"}}})",
             R"({"headers": {"Cookie": "hunter2\n"}})",
             R"({"headers": "hunter2"})",
             R"({"headers": {"X": ["hunter2"]}})",
             R"({"method": "HEAD", "body": "hunter2"})",
             R"({"body": ["hunter2"]})",
             R"({"ca_certificate": "hunter2"})",
             R"({"body": "hunter2)",
         }) {
        try {
            parse_http_options(options);
            ADD_FAILURE() << options << " was taken";
        } catch (const InvalidOption& error) {
            EXPECT_EQ(std::string(error.what()).find("hunter2"), std::string::npos) << error.what();
            EXPECT_EQ(error.hint().find("hunter2"), std::string::npos) << error.hint();
        }
    }
}

}  // namespace
}  // namespace pulsimo::engine
