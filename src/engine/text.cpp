#include "engine/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace pulsimo::engine {
namespace {

struct Character {
    std::uint32_t code = 0;
    std::size_t length = 0;  // 0: the bytes are no character
};

constexpr Character kNoCharacter{};

bool is_continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// The character of `length` bytes at the start of `text`; the lead byte holds `lead_bits` of it. Refuses what UTF-8
// does not allow: longer than needed, the halves of surrogate pairs, beyond U+10FFFF.
Character decode_sequence(std::string_view text, std::size_t length, unsigned lead_bits) {
    if (text.size() < length) return kNoCharacter;
    std::uint32_t code = static_cast<unsigned char>(text[0]) & ((1U << lead_bits) - 1);
    for (std::size_t i = 1; i < length; ++i) {
        if (!is_continuation(text[i])) return kNoCharacter;
        code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
    }
    constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return kNoCharacter;
    return {code, length};
}

Character decode_character(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text[0]);
    if (lead < 0x80) return {lead, 1};
    if ((lead & 0xE0) == 0xC0) return decode_sequence(text, 2, 5);
    if ((lead & 0xF0) == 0xE0) return decode_sequence(text, 3, 4);
    if ((lead & 0xF8) == 0xF0) return decode_sequence(text, 4, 3);
    return kNoCharacter;
}

// Control characters, line and paragraph separators, and the marks that make a terminal write from right to left.
bool is_unprintable(std::uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string safe_text(std::string_view text, std::size_t max_bytes) {
    std::string safe;
    while (!text.empty()) {
        const Character character = decode_character(text);
        const bool bad = character.length == 0 || character.code == 0;
        const std::string_view piece = bad                              ? std::string_view("?")
                                       : is_unprintable(character.code) ? std::string_view(" ")
                                                                        : text.substr(0, character.length);
        if (safe.size() + piece.size() > max_bytes) break;
        safe += piece;
        text.remove_prefix(bad ? 1 : character.length);
    }
    return safe;
}

std::string in_quotes(std::string_view text, std::size_t max_bytes) {
    const bool cut = text.size() > max_bytes;
    return '"' + safe_text(text, max_bytes) + (cut ? "...\"" : "\"");
}

std::size_t character_number(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, offset);
    return 1 + before.size() - static_cast<std::size_t>(std::count_if(before.begin(), before.end(), is_continuation));
}

bool contains_word(std::string_view text, std::string_view word) {
    if (word.empty()) return true;
    return word.size() <= text.size() && memmem(text.data(), text.size(), word.data(), word.size()) != nullptr;
}

std::optional<double> parse_number(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [lower](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace pulsimo::engine
