#include "engine/text.hpp"

#include <gtest/gtest.h>

#include <random>

namespace pulsimo::engine {
namespace {

TEST(SafeText, KeepsWhatCanBeShown) {
    for (const char* text : {"", "plain", "Grüße, 世界 \U0001F600", "\x7E", "\u00A0", "\uFFFD"}) {
        EXPECT_EQ(safe_text(text, 100), text);
    }
}

TEST(SafeText, ReplacesControlCharactersBySpaces) {
    EXPECT_EQ(safe_text("a\r\nb\tc\x1b[31m\x7F", 100), "a  b c [31m ");
    EXPECT_EQ(safe_text("\u0085\u009F", 100), "  ");               // C1
    EXPECT_EQ(safe_text("a\u2028b\u202Ec\u2066", 100), "a b c ");  // separators, right-to-left override
}

TEST(SafeText, ReplacesWhatIsNotUtf8) {
    using namespace std::string_view_literals;
    EXPECT_EQ(safe_text("a\0b"sv, 100), "a?b");
    EXPECT_EQ(safe_text("\xFF\xFE", 100), "??");
    EXPECT_EQ(safe_text("\x80", 100), "?");                 // continuation without a lead
    EXPECT_EQ(safe_text("\xC0\xAF", 100), "??");            // overlong slash
    EXPECT_EQ(safe_text("\xE0\x80\xAF", 100), "???");       // overlong in three
    EXPECT_EQ(safe_text("\xED\xA0\x80", 100), "???");       // surrogate
    EXPECT_EQ(safe_text("\xF4\x90\x80\x80", 100), "????");  // beyond U+10FFFF
    EXPECT_EQ(safe_text("\xE4\xB8", 100), "??");            // cut off
    EXPECT_EQ(safe_text("\xE4\xB8z", 100), "??z");
    EXPECT_EQ(safe_text("\xF8\x88\x80\x80\x80", 100), "?????");
}

TEST(SafeText, CutsAtACharacter) {
    const std::string text = "aä世\U0001F600";  // 1 + 2 + 3 + 4 bytes
    const std::size_t lengths[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (std::size_t limit = 0; limit < std::size(lengths); ++limit) {
        EXPECT_EQ(safe_text(text, limit), text.substr(0, lengths[limit])) << limit;
    }
}

TEST(SafeText, IsSafeAndStableForRandomBytes) {
    std::mt19937 random(20240607);
    for (int round = 0; round < 20000; ++round) {
        std::string bytes(random() % 24, '\0');
        // Few different lead bytes make many sequences that are nearly right.
        for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? random() % 256 : 0x80 + random() % 128);
        const std::size_t limit = random() % 30;
        const std::string safe = safe_text(bytes, limit);
        ASSERT_LE(safe.size(), std::min(limit, bytes.size()));
        ASSERT_EQ(safe_text(safe, limit), safe);
        ASSERT_EQ(safe.find('\0'), std::string::npos);
    }
}

TEST(InQuotes, ShortensAndSaysSo) {
    EXPECT_EQ(in_quotes("ok"), "\"ok\"");
    EXPECT_EQ(in_quotes("abcdef", 6), "\"abcdef\"");
    EXPECT_EQ(in_quotes("abcdefg", 6), "\"abcdef...\"");
    EXPECT_EQ(in_quotes("a\nb"), "\"a b\"");
}

TEST(CharacterNumber, CountsCharactersNotBytes) {
    EXPECT_EQ(character_number("abc", 0), 1U);
    EXPECT_EQ(character_number("abc", 3), 4U);
    EXPECT_EQ(character_number("ä世c", 2), 2U);
    EXPECT_EQ(character_number("ä世c", 5), 3U);
}

TEST(ContainsWord, FindsBytesAnywhere) {
    EXPECT_TRUE(contains_word("needle in hay", "needle"));
    EXPECT_TRUE(contains_word("hay and needle", "needle"));
    EXPECT_FALSE(contains_word("needl", "needle"));
    EXPECT_FALSE(contains_word("", "x"));
    EXPECT_TRUE(contains_word("", ""));
    EXPECT_FALSE(contains_word({}, "x"));
}

TEST(ParseNumber, TakesTheWholeTextOrNothing) {
    EXPECT_EQ(parse_number("12"), 12.0);
    EXPECT_EQ(parse_number("-1.5e3"), -1500.0);
    for (const char* text : {"", " 1", "1 ", "1x", "x", "0x10", "1,5"}) EXPECT_FALSE(parse_number(text)) << text;
}

TEST(EqualsIgnoringCase, IsForAsciiOnly) {
    EXPECT_TRUE(equals_ignoring_case("X-Api-Key", "x-api-KEY"));
    EXPECT_FALSE(equals_ignoring_case("a", "ab"));
    EXPECT_FALSE(equals_ignoring_case("Ä", "ä"));
    EXPECT_FALSE(equals_ignoring_case("@", "`"));  // 0x20 apart, but no letters
    EXPECT_TRUE(equals_ignoring_case("", ""));
}

}  // namespace
}  // namespace pulsimo::engine
