#include "engine/clock.hpp"

#include <ctime>

namespace pulsimo::engine {

namespace {

std::int64_t read_us(clockid_t clock) noexcept {
    timespec now{};
    clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

std::int64_t SystemClock::monotonic_us() const noexcept {
    return read_us(CLOCK_MONOTONIC);
}

std::int64_t SystemClock::wall_us() const noexcept {
    return read_us(CLOCK_REALTIME);
}

}  // namespace pulsimo::engine
