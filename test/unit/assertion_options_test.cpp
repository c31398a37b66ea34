// How the options that make assertions are read; what the assertions do is in assertions_test.cpp.
#include <gtest/gtest.h>

#include "engine/http_options.hpp"

namespace pulsimo::engine {
namespace {

Assertions parse(const std::string& options) {
    return parse_http_options(options).assertions;
}

std::string refusal_of(const std::string& options) {
    try {
        parse(options);
    } catch (const InvalidOption& error) {
        return error.what();
    }
    return "taken";
}

TEST(AssertionOptions, TakeOneWordOrAList) {
    EXPECT_EQ(parse(R"({"body_contains": "ok"})").body_contains, std::vector<std::string>{"ok"});
    const std::vector<std::string> two = {"a", "b"};
    EXPECT_EQ(parse(R"({"body_contains": ["a", "b"]})").body_contains, two);
    EXPECT_EQ(parse(R"({"body_not_contains": ["a", "b"]})").body_not_contains, two);
    EXPECT_EQ(parse(R"({"body_matches": "^ok$"})").body_matches->pattern(), "^ok$");
}

TEST(AssertionOptions, TakeJsonAssertions) {
    const auto one = parse(R"({"json": {"path": "$.a", "value": "ok"}})").json;
    ASSERT_EQ(one.size(), 1U);
    EXPECT_EQ(one[0].path.text(), "$.a");
    EXPECT_EQ(one[0].op, CompareOp::eq);
    EXPECT_EQ(one[0].value, "\"ok\"");
    const auto list = parse(R"({"json": [{"path": "$.a"}, {"path": "$.b", "op": "absent"},
        {"path": "$.c", "op": ">=", "value": 3}, {"path": "$.d", "op": "matches", "value": "x+"},
        {"path": "$.e", "value": null}]})")
                          .json;
    ASSERT_EQ(list.size(), 5U);
    EXPECT_EQ(list[0].op, CompareOp::exists);
    EXPECT_EQ(list[1].op, CompareOp::absent);
    EXPECT_EQ(list[2].op, CompareOp::ge);
    EXPECT_EQ(list[2].value, "3");
    EXPECT_EQ(list[3].regex->pattern(), "x+");
    EXPECT_EQ(list[4].op, CompareOp::eq);
    EXPECT_EQ(list[4].value, "null");
}

TEST(AssertionOptions, TakeHeaderAssertions) {
    const auto list = parse(R"({"response_headers": [{"name": "ETag"}, {"name": "Age", "op": "<", "value": 60},
        {"name": "Server", "op": "matches", "value": "^nginx"}, {"name": "X", "op": "!=", "value": ""}]})")
                          .response_headers;
    ASSERT_EQ(list.size(), 4U);
    EXPECT_EQ(list[0].name, "ETag");
    EXPECT_EQ(list[0].op, CompareOp::exists);
    EXPECT_EQ(list[1].value, "60");
    EXPECT_EQ(list[2].regex->pattern(), "^nginx");
    EXPECT_EQ(list[3].value, "");
}

TEST(AssertionOptions, KnowEachComparison) {
    for (const char* op : {"=", "!=", "<", "<=", ">", ">=", "contains", "matches"}) {
        const auto list = parse(std::string(R"({"json": {"path": "$", "op": ")") + op + R"(", "value": "1"}})").json;
        EXPECT_EQ(to_string(list[0].op), op);
    }
    EXPECT_EQ(to_string(CompareOp::exists), "exists");
    EXPECT_EQ(to_string(CompareOp::absent), "absent");
    EXPECT_FALSE(compare_op_from("=="));
    EXPECT_FALSE(compare_op_from(""));
}

TEST(AssertionOptions, RefuseWhatCannotBeChecked) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"body_contains": ""})", R"(option "body_contains" must not be empty)"},
        {R"({"body_contains": 1})", R"(option "body_contains" must be a string)"},
        {R"({"body_contains": []})", R"(option "body_contains" must not be an empty list)"},
        {R"({"body_contains": ["a", ""]})", R"(option "body_contains[1]" must not be empty)"},
        {R"({"body_not_contains": [["a"]]})", R"(option "body_not_contains[0]" must be a string)"},
        {R"({"body_matches": ["a"]})", R"(option "body_matches" must be a string)"},
        {R"({"body_matches": "(a"})",
         R"(option "body_matches" is not a regular expression: missing closing parenthesis at character 3)"},
        {R"({"json": "$.a"})", R"(option "json" must be an object)"},
        {R"({"json": {}})", R"(option "json" must have the key "path")"},
        {R"({"json": [{"path": "$.a"}, {"value": 1}]})", R"(option "json[1]" must have the key "path")"},
        {R"({"json": {"path": "a"}})",
         R"(option "json.path" is not a JSON path: a path begins with "$" at character 1)"},
        {R"({"json": [{"path": "$.*"}]})",
         R"(option "json[0].path" is not a JSON path: only names and indexes are supported at character 3)"},
        {R"({"json": {"path": "$", "op": "=="}})", R"(option "json.op" is no comparison)"},
        {R"({"json": {"path": "$", "op": 1}})", R"(option "json.op" must be a string)"},
        {R"({"json": {"path": "$", "op": "="}})", R"(option "json" must have the key "value" with op "=")"},
        {R"({"json": {"path": "$", "op": "exists", "value": 1}})",
         R"(option "json" must not have the key "value" with op "exists")"},
        {R"({"json": {"path": "$", "op": "<", "value": true}})",
         R"(option "json.value" must be a number or a string with op "<")"},
        {R"({"json": {"path": "$", "op": "matches", "value": 1}})", R"(option "json.value" must be a string)"},
        {R"({"json": {"path": "$", "op": "matches", "value": "["}})",
         R"(option "json.value" is not a regular expression: missing terminating ] for character class at character 2)"},
        {R"({"json": {"path": "$", "valu": 1}})", R"(unknown option "json.valu")"},
        {R"({"response_headers": {"op": "exists"}})", R"(option "response_headers" must have the key "name")"},
        {R"({"response_headers": {"name": "A B"}})", R"(option "response_headers.name" is not the name of a header)"},
        {R"({"response_headers": {"name": "A", "value": ["x"]}})",
         R"(option "response_headers.value" must be a string)"},
        {R"({"response_headers": {"name": "A", "op": ">", "value": "x"}})",
         R"(option "response_headers.value" must be a number with op ">")"},
        {R"({"response_headers": {"name": "A", "op": "contains", "value": ""}})",
         R"(option "response_headers.value" must not be empty)"},
        {R"({"response_headers": {"path": "A"}})", R"(unknown option "response_headers.path")"},
    };
    for (const auto& [options, message] : cases) EXPECT_EQ(refusal_of(options), message) << options;
}

TEST(AssertionOptions, AreLimitedInNumberAndLength) {
    std::string words = "\"x\"";
    for (int i = 0; i < 50; ++i) words += ",\"x\"";
    EXPECT_EQ(refusal_of("{\"body_contains\": [" + words + "]}"),
              "option \"body_contains\" must not have more than 50 elements");
    const std::string longest(8193, 'x');
    EXPECT_EQ(refusal_of("{\"body_contains\": \"" + longest + "\"}"),
              "option \"body_contains\" must not be longer than 8192 bytes");
    EXPECT_EQ(refusal_of(R"({"json": {"path": "$", "value": [")" + longest + "\"]}}"),
              "option \"json.value\" must not be longer than 8192 bytes");
    EXPECT_EQ(refusal_of("{\"body_matches\": \"" + std::string(5000, 'x') + "\"}"),
              "option \"body_matches\" is not a regular expression: longer than 4096 bytes");
}

}  // namespace
}  // namespace pulsimo::engine
