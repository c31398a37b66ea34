// Where the slots of an endpoint lie: a pure function of its id and interval, so that a restart, a second
// prober and an SQL view all agree without talking to each other.
//
// Slots are the instants t of CLOCK_MONOTONIC with t = phase (mod interval). The phase is a hash of the id spread
// evenly over the interval, so endpoints added together do not start together.
#pragma once

#include <cstdint>

namespace pulsimo::engine {

// Offset of the endpoint's slots inside the interval, 0 <= phase < interval_us.
std::int64_t slot_phase_us(std::int64_t endpoint_id, std::int64_t interval_us) noexcept;

// The first slot strictly after `after_us` (monotonic).
std::int64_t next_slot_us(std::int64_t endpoint_id, std::int64_t interval_us, std::int64_t after_us) noexcept;

// Which of `count` probers owns the endpoint (0-based).
int owner_of(std::int64_t endpoint_id, int count) noexcept;

}  // namespace pulsimo::engine
