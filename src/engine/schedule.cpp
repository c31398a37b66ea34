#include "engine/schedule.hpp"

namespace pulsimo::engine {

namespace {

// The finalizer of SplitMix64: neighbouring ids land far apart, and it is the same on every machine.
std::uint64_t mix(std::uint64_t value) noexcept {
    value += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

}  // namespace

// The hash as a fraction of the interval (not modulo), so that a changed interval moves every phase alike.
std::int64_t slot_phase_us(std::int64_t endpoint_id, std::int64_t interval_us) noexcept {
    if (interval_us <= 0) return 0;
    const auto hash = mix(static_cast<std::uint64_t>(endpoint_id));
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::int64_t>(Wide{hash} * static_cast<std::uint64_t>(interval_us) >> 64);
}

std::int64_t next_slot_us(std::int64_t endpoint_id, std::int64_t interval_us, std::int64_t after_us) noexcept {
    if (interval_us <= 0) return INT64_MAX;
    const std::int64_t since_slot = (after_us - slot_phase_us(endpoint_id, interval_us)) % interval_us;
    return after_us - since_slot + (since_slot < 0 ? 0 : interval_us);
}

// Other bits than the phase takes, or each prober would get one stretch of the interval.
int owner_of(std::int64_t endpoint_id, int count) noexcept {
    if (count <= 1) return 0;
    const auto hash = mix(mix(static_cast<std::uint64_t>(endpoint_id)));
    return static_cast<int>(hash % static_cast<std::uint64_t>(count));
}

}  // namespace pulsimo::engine
