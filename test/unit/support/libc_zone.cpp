#include "unit/support/libc_zone.hpp"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <stdexcept>

namespace pulsimo::test {

namespace {

constexpr std::int64_t kStepS = 6 * 3600;  // no zone has changed twice in so short a time

std::int32_t ask_libc(std::int64_t unix_s) {
    const auto moment = static_cast<std::time_t>(unix_s);
    std::tm local{};
    localtime_r(&moment, &local);
    return static_cast<std::int32_t>(local.tm_gmtoff);
}

// When the offset becomes another one, which it does in (low, high].
std::int64_t find_change(std::int64_t low, std::int64_t high) {
    const std::int32_t before = ask_libc(low);
    while (high - low > 1) {
        const std::int64_t middle = low + (high - low) / 2;
        (ask_libc(middle) == before ? low : high) = middle;
    }
    return high;
}

}  // namespace

LibcZone::LibcZone(const std::string& name, std::int64_t from_s, std::int64_t to_s) : name_(name) {
    if (!std::filesystem::exists("/usr/share/zoneinfo/" + name)) throw std::runtime_error("no time zone " + name);
    use();
    std::int32_t offset = ask_libc(from_s);
    offsets_[INT64_MIN] = offset;
    for (std::int64_t moment = from_s; moment < to_s; moment += kStepS) {
        const std::int32_t next = ask_libc(moment + kStepS);
        if (next == offset) continue;
        offsets_[find_change(moment, moment + kStepS)] = next;
        offset = next;
    }
}

engine::ZonePeriod LibcZone::period_from(std::int64_t unix_s) const {
    const auto next = offsets_.upper_bound(unix_s);
    return {.end_s = next == offsets_.end() ? INT64_MAX : next->first, .offset_s = std::prev(next)->second};
}

void LibcZone::use() const {
    setenv("TZ", name_.c_str(), 1);
    tzset();
}

}  // namespace pulsimo::test
