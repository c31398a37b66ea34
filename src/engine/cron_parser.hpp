// The fields of a cron expression as bit sets.
#pragma once

#include <cstdint>
#include <string_view>

namespace pulsimo::engine {

struct CronFields {
    std::uint64_t minutes = 0;
    std::uint64_t hours = 0;
    std::uint64_t days = 0;
    std::uint64_t months = 0;
    std::uint64_t weekdays = 0;  // Sunday is 0 only
    bool last_day = false;
    bool any_day = false;      // the day of the month begins with *
    bool any_weekday = false;  // the day of the week does
};

// Throws InvalidOption for what is not written as cron.hpp says.
CronFields parse_cron(std::string_view text);

}  // namespace pulsimo::engine
