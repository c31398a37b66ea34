// Durations as an operator reads them.
#pragma once

#include <cstdint>
#include <string>

namespace pulsimo::engine {

// "10 s", "1.5 s", "100 ms"
std::string duration_text(std::int64_t us);

// "3 days", "1 day", "5 hours", "12 minutes"; whole ones, rounded down
std::string days_text(std::int64_t seconds);

}  // namespace pulsimo::engine
