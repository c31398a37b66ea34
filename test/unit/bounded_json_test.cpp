#include "engine/bounded_json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pulsimo::engine {
namespace {

std::string error_of(const std::string& text) {
    try {
        parse_bounded_json(text);
    } catch (const JsonError& error) {
        return error.what();
    }
    return "";
}

std::string nested(int levels) {
    return std::string(static_cast<std::size_t>(levels), '[') + std::string(static_cast<std::size_t>(levels), ']');
}

std::string list_of(int values) {
    std::string text = "[";
    for (int i = 0; i < values; ++i) text += i == 0 ? "0" : ",0";
    return text + ']';
}

TEST(BoundedJson, ReadsJson) {
    const auto value = parse_bounded_json(R"({"a": [1, -2, 3.5, true, null, "\u00e4"]})");
    EXPECT_EQ(value["a"].size(), 6U);
    EXPECT_EQ(value["a"][5], "ä");
}

TEST(BoundedJson, TellsTheByteThatIsWrong) {
    EXPECT_EQ(error_of("{\"a\": x}"), "not JSON at byte 7");
    EXPECT_EQ(error_of(""), "not JSON at byte 1");
    EXPECT_EQ(error_of("{} {}"), "not JSON at byte 4");
    EXPECT_EQ(error_of("<html>"), "not JSON at byte 1");
    EXPECT_EQ(error_of("\"\xFF\""), "not JSON at byte 2");
    EXPECT_EQ(error_of("[1e999]"), "JSON with a number that is too large");
}

TEST(BoundedJson, LimitsNesting) {
    EXPECT_EQ(error_of(nested(kMaxJsonLevels)), "");
    EXPECT_EQ(error_of(nested(kMaxJsonLevels + 1)), "JSON with more than 100 levels");
    EXPECT_EQ(error_of(std::string(10'000'000, '[')), "JSON with more than 100 levels");
    std::string objects;
    for (int i = 0; i < 1000; ++i) objects += "{\"a\":";
    EXPECT_EQ(error_of(objects), "JSON with more than 100 levels");
    std::string wide = "[" + nested(50);
    for (int i = 0; i < 100; ++i) wide += "," + nested(50);
    EXPECT_EQ(error_of(wide + "]"), "");
}

TEST(BoundedJson, LimitsTheNumberOfValues) {
    EXPECT_EQ(error_of(list_of(kMaxJsonValues)), "");
    EXPECT_EQ(error_of(list_of(kMaxJsonValues + 1)), "JSON with more than 1000000 values");
}

}  // namespace
}  // namespace pulsimo::engine
