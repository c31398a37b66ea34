// Text that came from the network, made fit for a database row and a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pulsimo::engine {

// The longest prefix of `text` that is at most `max_bytes` and ends at a character; what is not UTF-8 and NUL become '?',
// control characters and those that reverse the direction of writing become spaces. Never longer than `text`.
std::string safe_text(std::string_view text, std::size_t max_bytes);

}  // namespace pulsimo::engine
