// Cron expressions: minute, hour, day of month, month, day of week, in the local time of a zone.
//
// Each field is *, a value, a range, either with a step, or a list of these: "*/5", "9-17/2", "mon-fri", "1,15,L".
// Months and days of the week have their English names too, Sunday is 0 and 7, L is the last day of the month. @hourly,
// @daily, @weekly, @monthly and @yearly stand for what they say. As cron has always done it: when both day fields are
// restricted, which is to say that neither begins with *, a day that matches one of them will do.
//
// When clocks are changed, no run is lost and none is doubled:
//  - A local time that exists twice runs once, the first time.
//  - A local time that does not exist runs at the moment the clocks go forward, once for all that were passed over, and
//    not in addition to a run that is due at that moment anyway.
//  - An expression that matches every hour of the day means a rhythm rather than a time of day, so it follows the real
//    time: both hours run when an hour comes twice, and nothing is made up for when hours are passed over, since in
//    real time nothing is missing. Only when the clocks go forward by a part of an hour (Lord Howe Island: half an
//    hour) are the minutes passed over made up for as above; else an hourly run could be one and a half hours away.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/time_zone.hpp"

namespace pulsimo::engine {

// Local times are written as the Unix time at which the clocks of UTC show the same.
class Cron {
  public:
    static constexpr std::size_t kMaxLength = 200;

    // Throws InvalidOption, which names the field and what is wrong in it, also for what never runs (February 30).
    explicit Cron(std::string_view text);

    bool every_hour() const noexcept;
    // The first local time in [from_s, to_s) that matches. Both of the years 1 to 9999.
    std::optional<std::int64_t> first(std::int64_t from_s, std::int64_t to_s) const;
    // How many there are; the work goes with the number of days.
    std::int64_t count(std::int64_t from_s, std::int64_t to_s) const;
    // The smallest distance between two runs, at most a day; changes of the clocks aside.
    std::int64_t shortest_spacing_us() const noexcept;

  private:
    bool runs_on(std::int64_t day) const noexcept;
    bool never_runs() const noexcept;
    std::int64_t day_after(std::int64_t day) const noexcept;
    int first_minute(int from) const noexcept;
    int minutes_before(int minute) const noexcept;

    std::uint64_t minutes_ = 0;  // bit sets, by value
    std::uint32_t hours_ = 0;
    std::uint32_t days_ = 0;
    std::uint16_t months_ = 0;
    std::uint8_t weekdays_ = 0;  // 0: Sunday
    bool last_day_ = false;      // of the month
    bool either_day_ = false;    // both day fields are restricted
};

// The first run strictly after `after_us` (wall clock). No value: none before the year 10000.
std::optional<std::int64_t> next_run_us(const Cron& cron, const TimeZone& zone, std::int64_t after_us);

// The number of runs after `after_us` and not after `to_us`.
std::int64_t count_runs(const Cron& cron, const TimeZone& zone, std::int64_t after_us, std::int64_t to_us);

}  // namespace pulsimo::engine
