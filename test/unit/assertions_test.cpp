#include "engine/assertions.hpp"

#include <gtest/gtest.h>

#include "engine/http_options.hpp"
#include "engine/result.hpp"

namespace pulsimo::engine {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// What a check would report, "" when all is well. Assertions are written as users write them.
std::string violation(const std::string& options, std::string_view body, const Headers& headers = {}) {
    const auto found = first_violation(parse_http_options(options).assertions, {body, &headers});
    return found ? found->detail : "";
}

std::string json_violation_of(const std::string& assertion, std::string_view body) {
    return violation("{\"json\": " + assertion + '}', body);
}

std::string header_violation_of(const std::string& assertion, const Headers& headers) {
    return violation("{\"response_headers\": " + assertion + '}', "", headers);
}

TEST(Assertions, HoldWhenThereAreNone) {
    EXPECT_EQ(violation("{}", ""), "");
    EXPECT_FALSE(first_violation(Assertions{}, Response{}));
}

TEST(Assertions, LookIntoTheBody) {
    EXPECT_EQ(violation(R"({"body_contains": "ok"})", "all ok"), "");
    EXPECT_EQ(violation(R"({"body_contains": "ok"})", "bad"), "body does not contain \"ok\"");
    EXPECT_EQ(violation(R"({"body_contains": ["a", "b"]})", "a"), "body does not contain \"b\"");
    EXPECT_EQ(violation(R"({"body_contains": "ok"})", ""), "body does not contain \"ok\"");
    EXPECT_EQ(violation(R"({"body_not_contains": "error"})", "fine"), "");
    EXPECT_EQ(violation(R"({"body_not_contains": ["x", "error"]})", "an error"), "body contains \"error\"");
    EXPECT_EQ(violation(R"({"body_matches": "^v\\d+$"})", "v12"), "");
    EXPECT_EQ(violation(R"({"body_matches": "^v\\d+$"})", "w12"), "body does not match \"^v\\d+$\"");
    EXPECT_EQ(violation(R"({"body_contains": "\u0000x"})", std::string_view("a\0xb", 4)), "");
}

TEST(Assertions, NeedABodyOnlyWhenTheyLookAtIt) {
    EXPECT_FALSE(parse_http_options(R"({"response_headers": {"name": "A"}})").assertions.need_body());
    for (const char* options : {R"({"body_contains": "x"})", R"({"body_not_contains": "x"})",
                                R"({"body_matches": "x"})", R"({"json": {"path": "$"}})"}) {
        EXPECT_TRUE(parse_http_options(options).assertions.need_body()) << options;
    }
}

TEST(Assertions, CompareJson) {
    constexpr std::string_view kBody =
        R"({"s": "beta", "n": 3, "big": 9007199254740993, "huge": 18446744073709551615, "neg": -5, "f": 2.5, "t": true,
            "z": null, "a": [1, "x", {"k": 1.0}], "o": {"k": [1, 2]}})";
    const std::pair<const char*, const char*> cases[] = {
        {R"({"path": "$.s", "value": "beta"})", ""},
        {R"({"path": "$.s", "value": "bad"})", R"($.s is "beta", expected "bad")"},
        {R"({"path": "$.s", "op": "!=", "value": "bad"})", ""},
        {R"({"path": "$.s", "op": "!=", "value": "beta"})", R"($.s is "beta", expected anything else)"},
        {R"({"path": "$.s", "op": "<", "value": "gamma"})", ""},
        {R"({"path": "$.s", "op": ">", "value": "gamma"})", R"($.s is "beta", expected > "gamma")"},
        {R"({"path": "$.s", "op": "contains", "value": "et"})", ""},
        {R"({"path": "$.s", "op": "contains", "value": "x"})", R"($.s is "beta", expected to contain "x")"},
        {R"({"path": "$.s", "op": "matches", "value": "^b"})", ""},
        {R"({"path": "$.s", "op": "matches", "value": "^x"})", R"($.s is "beta", expected to match "^x")"},
        {R"({"path": "$.n", "value": 3})", ""},
        {R"({"path": "$.n", "value": 3.0})", ""},
        {R"({"path": "$.n", "value": "3"})", R"($.n is 3, expected "3")"},
        {R"({"path": "$.n", "op": "<", "value": 10})", ""},
        {R"({"path": "$.n", "op": "<", "value": 3})", "$.n is 3, expected < 3"},
        {R"({"path": "$.n", "op": "<=", "value": 3})", ""},
        {R"({"path": "$.n", "op": ">", "value": 3})", "$.n is 3, expected > 3"},
        {R"({"path": "$.n", "op": ">=", "value": 3})", ""},
        {R"({"path": "$.n", "op": ">=", "value": 3.5})", "$.n is 3, expected >= 3.5"},
        {R"({"path": "$.n", "op": ">", "value": "2"})", R"($.n is 3, expected > "2")"},
        {R"({"path": "$.n", "op": "matches", "value": "^[0-9]$"})", ""},
        {R"({"path": "$.big", "value": 9007199254740992})", "$.big is 9007199254740993, expected 9007199254740992"},
        {R"({"path": "$.huge", "op": ">", "value": -1})", ""},
        {R"({"path": "$.neg", "op": "<", "value": 18446744073709551615})", ""},
        {R"({"path": "$.neg", "op": ">=", "value": -5})", ""},
        {R"({"path": "$.f", "value": 2.5})", ""},
        {R"({"path": "$.t", "value": true})", ""},
        {R"({"path": "$.t", "value": 1})", "$.t is true, expected 1"},
        {R"({"path": "$.z", "value": null})", ""},
        {R"({"path": "$.z"})", ""},
        {R"({"path": "$.z", "op": "absent"})", "$.z is null, expected to be absent"},
        {R"({"path": "$.nothing", "op": "absent"})", ""},
        {R"({"path": "$.nothing"})", "$.nothing is missing"},
        {R"({"path": "$.nothing", "op": "!=", "value": 1})", "$.nothing is missing"},
        {R"({"path": "$.nothing", "op": "<", "value": 1})", "$.nothing is missing"},
        {R"({"path": "$.a[2].k", "value": 1})", ""},
        {R"({"path": "$.a", "op": "contains", "value": "x"})", ""},
        {R"({"path": "$.a", "op": "contains", "value": 1.0})", ""},
        {R"({"path": "$.a", "op": "contains", "value": {"k": 1}})", ""},
        {R"({"path": "$.a", "op": "contains", "value": "y"})", R"($.a is an array of 3, expected to contain "y")"},
        {R"({"path": "$.o", "value": {"k": [1, 2]}})", ""},
        {R"({"path": "$.o", "value": {"k": [2, 1]}})", "$.o is an object, expected an object"},
        {R"({"path": "$.o", "op": "contains", "value": "k"})", R"($.o is an object, expected to contain "k")"},
        {R"({"path": "$.o", "op": "matches", "value": "k"})", R"($.o is an object, expected to match "k")"},
        {R"([{"path": "$.n"}, {"path": "$.x"}, {"path": "$.y"}])", "$.x is missing"},
    };
    for (const auto& [assertion, expected] : cases) {
        EXPECT_EQ(json_violation_of(assertion, kBody), expected) << assertion;
    }
}

TEST(Assertions, SayWhyABodyIsNoJson) {
    EXPECT_EQ(json_violation_of(R"({"path": "$"})", ""), "body is empty, expected JSON");
    EXPECT_EQ(json_violation_of(R"({"path": "$"})", "<html>"), "body is not JSON at byte 1");
    EXPECT_EQ(json_violation_of(R"({"path": "$"})", std::string(1 << 20, '[')),
              "body is JSON with more than 100 levels");
}

TEST(Assertions, CompareHeaders) {
    const Headers headers = {{"Content-Type", "application/json"},
                             {"age", "12"},
                             {"Set-Cookie", "a=1"},
                             {"set-cookie", "b=2"},
                             {"X-Empty", ""}};
    const std::pair<const char*, const char*> cases[] = {
        {R"({"name": "content-type", "value": "application/json"})", ""},
        {R"({"name": "Content-Type", "op": "contains", "value": "json"})", ""},
        {R"({"name": "Content-Type", "op": "contains", "value": "html"})",
         R"(header Content-Type is "application/json", expected to contain "html")"},
        {R"({"name": "Content-Type", "op": "matches", "value": "^app"})", ""},
        {R"({"name": "Content-Type", "op": "matches", "value": "^text"})",
         R"(header Content-Type is "application/json", expected to match "^text")"},
        {R"({"name": "Age", "op": "<", "value": 60})", ""},
        {R"({"name": "Age", "op": "<", "value": "9"})", R"(header Age is "12", expected < "9")"},
        {R"({"name": "Age", "op": ">=", "value": 12})", ""},
        {R"({"name": "Content-Type", "op": ">", "value": 1})",
         R"(header Content-Type is "application/json", expected > "1")"},
        {R"({"name": "Set-Cookie", "value": "b=2"})", ""},
        {R"({"name": "Set-Cookie", "value": "c=3"})", R"(header Set-Cookie is "a=1", expected "c=3")"},
        {R"({"name": "Set-Cookie", "op": "!=", "value": "b=2"})",
         R"(header Set-Cookie is "a=1", expected anything else)"},
        {R"({"name": "Set-Cookie", "op": "!=", "value": "c=3"})", ""},
        {R"({"name": "X-Empty"})", ""},
        {R"({"name": "X-Empty", "value": ""})", ""},
        {R"({"name": "X-Empty", "op": "absent"})", R"(header X-Empty is "", expected to be absent)"},
        {R"({"name": "X-None"})", "header X-None is missing"},
        {R"({"name": "X-None", "op": "!=", "value": "x"})", "header X-None is missing"},
        {R"({"name": "X-None", "op": "absent"})", ""},
    };
    for (const auto& [assertion, expected] : cases) {
        EXPECT_EQ(header_violation_of(assertion, headers), expected) << assertion;
    }
    const Assertions assertions = parse_http_options(R"({"response_headers": {"name": "A"}})").assertions;
    EXPECT_TRUE(first_violation(assertions, Response{}));
}

TEST(Assertions, AreTheTargetsFaultUnlessAPatternGaveUp) {
    const std::string body(1 << 20, 'a');
    const auto failed = first_violation(parse_http_options(R"({"body_matches": "^b"})").assertions, {body, nullptr});
    EXPECT_EQ(failed->error, ErrorClass::assertion);
    const Headers headers = {{"X", body}};
    const std::string json = '"' + body + '"';
    const std::pair<const char*, const char*> cases[] = {
        {R"({"body_matches": "(a+)+[bc]"})", R"(pattern "(a+)+[bc]" takes too many steps on the body)"},
        {R"({"response_headers": {"name": "X", "op": "matches", "value": "(a+)+[bc]"}})",
         R"(pattern "(a+)+[bc]" takes too many steps on the header X)"},
        {R"({"json": {"path": "$", "op": "matches", "value": "(a+)+[bc]"}})",
         R"(pattern "(a+)+[bc]" takes too many steps on the $)"},
    };
    for (const auto& [options, detail] : cases) {
        const auto gave_up = first_violation(parse_http_options(options).assertions, {json, &headers});
        ASSERT_TRUE(gave_up) << options;
        EXPECT_EQ(gave_up->error, ErrorClass::internal);
        EXPECT_EQ(gave_up->detail, detail);
    }
}

TEST(Assertions, KeepDetailsShortAndSafe) {
    const std::string long_word(8000, 'w');
    const std::string escaped_path = "$[\\\"" + std::string(1000, 'p') + "\\\"]";
    const std::string body = "{\"" + std::string(1000, 'p') + "\": \"" + std::string(8000, 'v') + "\"}";
    const std::string details[] = {
        violation("{\"body_contains\": \"" + long_word + "\"}", "x"),
        json_violation_of("{\"path\": \"" + escaped_path + "\", \"value\": \"" + long_word + "\"}", body),
        header_violation_of(R"({"name": "X", "value": ")" + long_word + "\"}", {{"X", std::string(8000, 'h')}}),
    };
    for (const std::string& detail : details) {
        EXPECT_GT(detail.size(), 80U);
        EXPECT_LE(detail.size(), CheckResult::kMaxDetail);
    }
    EXPECT_EQ(header_violation_of(R"({"name": "X", "value": "y"})", {{"X", "a\x1b[2J\xFF"}}),
              R"(header X is "a [2J?", expected "y")");
}

}  // namespace
}  // namespace pulsimo::engine
