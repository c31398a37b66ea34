#include "engine/regex.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace pulsimo::engine {
namespace {

using Answer = Regex::Answer;

TEST(Regex, FindsThePatternAnywhere) {
    const struct {
        const char* pattern;
        const char* text;
        bool found;
    } cases[] = {
        {"ok", "all ok here", true},
        {"^ok$", "all ok here", false},
        {"\"status\"\\s*:\\s*\"(up|ok)\"", "{\"status\" : \"ok\"}", true},
        {"(?i)HEALTHY", "Healthy", true},
        {"^\\d{3}$", "12", false},
        {"ä{2}", "xääy", true},
        {"^.$", "世", true},
        {"\\w+@\\w+", "mail someone@example", true},
        {"", "", true},
        {"a", "", false},
    };
    for (const auto& [pattern, text, found] : cases) {
        EXPECT_EQ(Regex(pattern).search(text), found ? Answer::match : Answer::no_match) << pattern;
    }
    EXPECT_EQ(Regex("^$").search({}), Answer::match);
}

TEST(Regex, TakesTextThatIsNotUtf8) {
    EXPECT_EQ(Regex("ok").search("\xFF\xFE ok"), Answer::match);
    EXPECT_EQ(Regex("a.b").search("a\xFF"
                                  "b"),
              Answer::no_match);
    EXPECT_EQ(Regex("a.b").search(std::string_view("a\0b", 3)), Answer::match);
}

TEST(Regex, SaysWhatIsWrongAndWhere) {
    const std::pair<const char*, const char*> cases[] = {
        {"(abc", "missing closing parenthesis at character 5"},
        {"ab)", "unmatched closing parenthesis at character 3"},
        {"ä*+?+", "quantifier does not follow a repeatable item at character 4"},
        {"[z-a]", "range out of order in character class at character 4"},
    };
    for (const auto& [pattern, message] : cases) {
        try {
            Regex regex(pattern);
            ADD_FAILURE() << pattern << " was taken";
        } catch (const std::invalid_argument& error) {
            EXPECT_STREQ(error.what(), message) << pattern;
        }
    }
    EXPECT_THROW(Regex(std::string(5000, 'a')), std::invalid_argument);
    EXPECT_THROW(Regex("\\C"), std::invalid_argument);
    EXPECT_THROW(Regex("\xFF"), std::invalid_argument);
}

// Each of these takes hours where only the limits of PCRE2 hold, and must come back soon; the test runner has a limit.
TEST(Regex, GivesUpOnPatternsThatTakeTooLong) {
    const std::string letters(1 << 20, 'a');
    EXPECT_EQ(Regex("(a+)+[bc]").search(letters), Answer::gave_up);
    EXPECT_EQ(Regex("(a|aa)+[bc]").search(letters), Answer::gave_up);
    EXPECT_EQ(Regex("(?:a?){40}a{40}[bc]").search(letters), Answer::gave_up);
    EXPECT_EQ(Regex("(.*)*\\1[bc]").search(letters), Answer::gave_up);
    std::string near_misses;
    while (near_misses.size() < 1 << 20) near_misses += std::string(65534, 'a') + 'c';
    EXPECT_EQ(Regex("a{65535}").search(near_misses), Answer::gave_up);
}

TEST(Regex, HasPatienceForALargeBody) {
    std::string lines;
    while (lines.size() < 1 << 20) lines += "a line of text with 12345 words and {\"a\": 1}\n";
    EXPECT_EQ(Regex("^.*no such word.*$").search(lines), Answer::no_match);
    EXPECT_EQ(Regex("\\d+ errors").search(lines), Answer::no_match);
    EXPECT_EQ(Regex("the end").search(lines + "the end"), Answer::match);
}

TEST(Regex, SurvivesDeepRecursion) {
    const Regex balanced("^(\\((?:[^()]|(?1))*\\))$");
    EXPECT_EQ(balanced.search(std::string(10, '(') + std::string(10, ')')), Answer::match);
    EXPECT_EQ(balanced.search(std::string(1 << 20, '(') + ")"), Answer::gave_up);
}

}  // namespace
}  // namespace pulsimo::engine
