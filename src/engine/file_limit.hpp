// How many descriptors this process may open; every running check takes one, two while it falls back to another
// address.
#pragma once

#include <cstdint>

namespace pulsimo::engine {

// Raises the soft limit towards `needed`, as far as the hard limit allows. Returns the limit that now holds.
std::int64_t raise_open_file_limit(std::int64_t needed) noexcept;

}  // namespace pulsimo::engine
