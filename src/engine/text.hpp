// Text that came from the network or from a user, made fit for a database row, a terminal and an error message.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pulsimo::engine {

// The longest prefix of `text` that is at most `max_bytes` and ends at a character; what is not UTF-8 and NUL become
// '?', control characters and those that reverse the direction of writing become spaces. Never longer than `text`.
std::string safe_text(std::string_view text, std::size_t max_bytes);

// `text` in double quotes, safe and shortened to about `max_bytes` with "..." where something is missing.
std::string in_quotes(std::string_view text, std::size_t max_bytes = 80);

// Which character, counted from 1, the byte at `offset` belongs to: for the position in an error message.
std::size_t character_number(std::string_view text, std::size_t offset);

// Takes time in proportion to `text` whatever the word, which std::string_view::find() does not.
bool contains_word(std::string_view text, std::string_view word);

// The whole of `text` as a number.
std::optional<double> parse_number(std::string_view text);

// ASCII only, as header names and URL schemes are.
bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace pulsimo::engine
