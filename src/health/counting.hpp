// Taking a verdict into the counters, and time: what step() and resume() have in common.
//
// Counting reads the status but never changes it, so resume() can count stored checks again under the status that is
// known to be the outcome.
#pragma once

#include <cstdint>

#include "health/health.hpp"

namespace pulsimo::health {

inline bool is_pass(Status verdict) {
    return verdict == Status::up || verdict == Status::degraded;
}

// Forgets what was counted, not what was decided, nor how restless the endpoint is.
void forget_counters(State& state);

void count(State& state, Status verdict, std::int64_t at_us, const Policy& policy);

// The counters and the history end where nothing was checked for long.
void forget_checks(State& state);

// spacing_us: how far this check was due from the one before.
std::int64_t longest_interval(const State& state, std::int64_t spacing_us);
std::int64_t longest_silence(const State& state, std::int64_t spacing_us, const Policy& policy);
bool is_gap(const State& state, std::int64_t at_us, std::int64_t spacing_us, const Policy& policy);

// interval_us: until the next check is due.
void remember_time(State& state, std::int64_t at_us, std::int64_t interval_us);

}  // namespace pulsimo::health
