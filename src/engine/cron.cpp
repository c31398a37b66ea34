#include "engine/cron.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <string>
#include <utility>

#include "engine/cron_parser.hpp"
#include "engine/invalid_option.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {

namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kMinuteUs = 60 * kSecondUs;
constexpr std::int64_t kHourS = 3600;
constexpr std::int64_t kDayS = 86'400;
constexpr int kMinutesOfDay = 1440;
constexpr std::uint32_t kEveryHour = (1U << 24) - 1;

constexpr std::int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01
constexpr std::int64_t kEndSecond = 253'402'300'800;    // 10000-01-01
// February 29 on a given day of the week: 40 years around a century without a leap day.
constexpr std::int64_t kLongestWaitS = 41 * 366 * kDayS;
// More than any two clocks on Earth, and so any two periods of a zone, are apart.
constexpr std::int64_t kLargestChangeS = 2 * kDayS;

constexpr std::int64_t floor_div(std::int64_t value, std::int64_t by) noexcept {
    return value / by - (value % by < 0 ? 1 : 0);
}

// The first full minute at or after the second.
constexpr std::int64_t minute_from(std::int64_t second) noexcept {
    return floor_div(second, 60) + (second % 60 != 0 ? 1 : 0);
}

constexpr std::int64_t second_of(std::int64_t us) noexcept {
    return std::max(floor_div(us, kSecondUs), kFirstSecond);
}

constexpr bool has(std::uint64_t set, unsigned value) noexcept {
    return (set >> value & 1) != 0;
}

constexpr std::uint64_t below(std::uint64_t set, int value) noexcept {
    return set & ((std::uint64_t{1} << value) - 1);
}

std::chrono::year_month_day date_of(std::int64_t day) noexcept {
    return std::chrono::sys_days{std::chrono::days{day}};
}

// The local times after a moment as they go by: one period of the zone after the other, each with the local times that
// count in it, and before them those that its beginning passed over. What has been shown before counts no more, except
// in a rhythm.
class LocalTimes {
  public:
    LocalTimes(bool in_rhythm, const TimeZone& zone, std::int64_t after_s)
        : in_rhythm_(in_rhythm), zone_(zone), begin_s_(after_s), period_(zone.period_from(after_s)) {
        from_s_ = after_s + period_.offset_s + 1;
        if (!in_rhythm) from_s_ = std::max(from_s_, shown_until(after_s));
        passed_over_s_ = from_s_;
        shown_s_ = from_s_;
    }

    void next() {
        shown_s_ = in_rhythm_ ? end_s() : std::max(shown_s_, end_s());
        begin_s_ = period_.end_s;
        if (begin_s_ == INT64_MAX) return;  // nothing comes any more, and nobody looks beyond
        const std::int32_t old_offset_s = std::exchange(period_, zone_.period_from(begin_s_)).offset_s;
        const std::int32_t change_s = period_.offset_s - old_offset_s;
        from_s_ = begin_s_ + period_.offset_s;
        passed_over_s_ = from_s_;
        if (in_rhythm_ && (change_s < 0 || change_s % kHourS == 0)) return;
        passed_over_s_ = shown_s_;
        from_s_ = std::max(from_s_, shown_s_);
    }

    std::int64_t begin_s() const noexcept { return begin_s_; }              // a Unix time, as the only one here
    std::int64_t passed_over_s() const noexcept { return passed_over_s_; }  // from here to from_s()
    std::int64_t from_s() const noexcept { return from_s_; }
    std::int64_t end_s() const noexcept { return period_.end_s == INT64_MAX ? INT64_MAX : local_s(period_.end_s); }
    std::int64_t local_s(std::int64_t unix_s) const noexcept { return unix_s + period_.offset_s; }
    std::int64_t unix_s(std::int64_t local_s) const noexcept { return local_s - period_.offset_s; }

  private:
    // The latest local time that the periods before the one of `after_s` have come to.
    std::int64_t shown_until(std::int64_t after_s) const {
        std::int64_t shown_s = INT64_MIN;
        ZonePeriod period = zone_.period_from(after_s - kLargestChangeS);
        for (; period.end_s <= after_s; period = zone_.period_from(period.end_s)) {
            shown_s = std::max(shown_s, period.end_s + period.offset_s);
        }
        return shown_s;
    }

    bool in_rhythm_;
    const TimeZone& zone_;
    std::int64_t begin_s_;
    ZonePeriod period_;
    std::int64_t from_s_ = 0;
    std::int64_t passed_over_s_ = 0;
    std::int64_t shown_s_ = 0;
};

}  // namespace

Cron::Cron(std::string_view text) {
    const CronFields fields = parse_cron(text);
    minutes_ = fields.minutes;
    hours_ = static_cast<std::uint32_t>(fields.hours);
    days_ = static_cast<std::uint32_t>(fields.days);
    months_ = static_cast<std::uint16_t>(fields.months);
    weekdays_ = static_cast<std::uint8_t>(fields.weekdays);
    last_day_ = fields.last_day;
    either_day_ = !fields.any_day && !fields.any_weekday;
    if (never_runs()) {
        throw InvalidOption("cron: " + in_quotes(text) + " never runs",
                            "None of its months has one of its days of the month.");
    }
}

bool Cron::every_hour() const noexcept {
    return hours_ == kEveryHour;
}

std::optional<std::int64_t> Cron::first(std::int64_t from_s, std::int64_t to_s) const {
    const std::int64_t from_minute = minute_from(from_s);
    std::int64_t day = floor_div(from_minute, kMinutesOfDay);
    int minute = static_cast<int>(from_minute - day * kMinutesOfDay);
    for (; day * kDayS < to_s; day = day_after(day), minute = 0) {
        if (!runs_on(day)) continue;
        const int found = first_minute(minute);
        if (found == kMinutesOfDay) continue;
        const std::int64_t second = day * kDayS + found * 60;
        return second < to_s ? std::optional(second) : std::nullopt;
    }
    return std::nullopt;
}

std::int64_t Cron::count(std::int64_t from_s, std::int64_t to_s) const {
    const std::int64_t from_minute = minute_from(from_s);
    const std::int64_t to_minute = minute_from(to_s);
    std::int64_t runs = 0;
    for (std::int64_t day = floor_div(from_minute, kMinutesOfDay); day * kMinutesOfDay < to_minute;
         day = day_after(day)) {
        if (!runs_on(day)) continue;
        const std::int64_t midnight = day * kMinutesOfDay;
        const auto from = static_cast<int>(std::max(from_minute - midnight, std::int64_t{0}));
        const auto to = static_cast<int>(std::min(to_minute - midnight, std::int64_t{kMinutesOfDay}));
        if (from < to) runs += minutes_before(to) - minutes_before(from);
    }
    return runs;
}

std::int64_t Cron::shortest_spacing_us() const noexcept {
    const int first = first_minute(0);
    int shortest = kMinutesOfDay;
    for (int minute = first; minute < kMinutesOfDay;) {
        const int next = first_minute(minute + 1);
        shortest = std::min(shortest, next == kMinutesOfDay ? first + kMinutesOfDay - minute : next - minute);
        minute = next;
    }
    return shortest * kMinuteUs;
}

bool Cron::runs_on(std::int64_t day) const noexcept {
    const std::chrono::year_month_day date = date_of(day);
    if (!has(months_, unsigned{date.month()})) return false;
    const bool is_last = date == std::chrono::sys_days{date.year() / date.month() / std::chrono::last};
    const bool by_day = has(days_, unsigned{date.day()}) || (last_day_ && is_last);
    const bool by_weekday = has(weekdays_, std::chrono::weekday{date}.c_encoding());
    return either_day_ ? by_day || by_weekday : by_day && by_weekday;
}

// A day of the week comes in every month, on whatever day of it.
bool Cron::never_runs() const noexcept {
    if (either_day_ || last_day_) return false;
    constexpr std::chrono::year kLeapYear{2000};
    for (unsigned month = 1; month <= 12; ++month) {
        const std::chrono::year_month_day_last last = kLeapYear / std::chrono::month{month} / std::chrono::last;
        const int days = static_cast<int>(unsigned{last.day()});
        if (has(months_, month) && below(days_, days + 1) != 0) return false;
    }
    return true;
}

// The next day, or the first of the next month when nothing runs in this one.
std::int64_t Cron::day_after(std::int64_t day) const noexcept {
    const std::chrono::year_month_day date = date_of(day);
    if (has(months_, unsigned{date.month()})) return day + 1;
    const auto next = date.year() / date.month() / std::chrono::day{1} + std::chrono::months{1};
    return std::chrono::sys_days{next}.time_since_epoch().count();
}

// Of the day, at or after `from`; kMinutesOfDay: none.
int Cron::first_minute(int from) const noexcept {
    if (from >= kMinutesOfDay) return kMinutesOfDay;
    const int hour = from / 60;
    const std::uint64_t left = minutes_ & ~below(~std::uint64_t{0}, from % 60);
    if (has(hours_, static_cast<unsigned>(hour)) && left != 0) return hour * 60 + std::countr_zero(left);
    const std::uint64_t later_hours = hours_ & ~below(~std::uint64_t{0}, hour + 1);
    return later_hours == 0 ? kMinutesOfDay : std::countr_zero(later_hours) * 60 + std::countr_zero(minutes_);
}

// How many minutes of a day match that come before this one.
int Cron::minutes_before(int minute) const noexcept {
    const int hour = minute / 60;
    const int in_full_hours = std::popcount(below(hours_, hour)) * std::popcount(minutes_);
    const bool runs_in_hour = has(hours_, static_cast<unsigned>(hour));
    return in_full_hours + (runs_in_hour ? std::popcount(below(minutes_, minute % 60)) : 0);
}

std::optional<std::int64_t> next_run_us(const Cron& cron, const TimeZone& zone, std::int64_t after_us) {
    const std::int64_t after_s = second_of(after_us);
    if (after_s >= kEndSecond) return std::nullopt;
    const std::int64_t end_s = std::min(after_s + kLongestWaitS, kEndSecond);
    for (LocalTimes times(cron.every_hour(), zone, after_s); times.begin_s() < end_s; times.next()) {
        if (cron.first(times.passed_over_s(), times.from_s())) return times.begin_s() * kSecondUs;
        if (const auto local_s = cron.first(times.from_s(), std::min(times.end_s(), times.local_s(end_s)))) {
            return times.unix_s(*local_s) * kSecondUs;
        }
    }
    return std::nullopt;
}

std::int64_t count_runs(const Cron& cron, const TimeZone& zone, std::int64_t after_us, std::int64_t to_us) {
    const std::int64_t end_s = std::min(second_of(to_us) + 1, kEndSecond);
    std::int64_t runs = 0;
    for (LocalTimes times(cron.every_hour(), zone, second_of(after_us)); times.begin_s() < end_s; times.next()) {
        const bool made_up = cron.first(times.passed_over_s(), times.from_s()).has_value();
        if (made_up && !cron.first(times.from_s(), times.from_s() + 1)) ++runs;
        runs += cron.count(times.from_s(), std::min(times.end_s(), times.local_s(end_s)));
    }
    return runs;
}

}  // namespace pulsimo::engine
