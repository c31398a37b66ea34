// The verdict: from the results of checks to the status of an endpoint. Pure functions over plain values; the same
// code runs in the keeper and in a replay of stored checks.
//
// Rules (docs/architecture.md explains them to users):
//  - a check passes, passes slowly (response above degraded_after), fails, or says nothing because of our own trouble;
//  - failure_threshold failures in a row make an endpoint down, dated at the first of them; the incident opens with it;
//  - success_threshold passes in a row end it, dated at the first of them; from unknown one pass is enough;
//  - failure_threshold slow passes in a row make an up endpoint degraded; success_threshold fast ones make it up again;
//    an endpoint that comes back from down or unknown with a slow pass is degraded at once;
//  - our own trouble changes no counter; failure_threshold such results in a row make the endpoint unknown, dated at
//    the first of them. An incident stays open meanwhile, and a failure afterwards makes it down again at once;
//  - a gap without any result longer than two intervals and the timeout makes it unknown from one interval after the
//    last result (server off, database not writable, slots skipped), and forgets the counters;
//  - while failing below the threshold the next check comes after retry_interval.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pulsimo::health {

enum class Status : std::uint8_t { unknown, up, degraded, down };

std::string_view to_string(Status status) noexcept;

struct Policy {
    int failure_threshold = 3;
    int success_threshold = 1;
    std::int64_t interval_us = 60'000'000;
    std::int64_t timeout_us = 10'000'000;
    std::int64_t retry_interval_us = 10'000'000;
    std::int64_t degraded_after_us = 0;  // 0: never degraded
    std::int64_t stall_limit_us = 1'000'000;  // our loop late by more than this spoils timeouts and slow responses
};

enum class Outcome : std::uint8_t { pass, fail, timed_out, own_trouble };

struct Observation {
    std::int64_t checked_at_us = 0;  // wall clock
    Outcome outcome = Outcome::pass;
    std::int64_t response_us = 0;
    std::int64_t stall_us = 0;
};

struct State {
    Status status = Status::unknown;
    std::int64_t since_us = 0;
    bool incident_open = false;
    int failures = 0;                 // in a row, each counter
    int passes = 0;
    int slow_passes = 0;
    int troubles = 0;
    std::int64_t run_began_us = 0;    // first result of the run that the non-zero counter counts
    std::int64_t slow_began_us = 0;
    std::int64_t trouble_began_us = 0;
    std::int64_t last_checked_us = 0; // 0: never
};

enum class IncidentAction : std::uint8_t { none, open, resolve };

struct Change {
    Status from = Status::unknown;
    Status to = Status::unknown;
    std::int64_t at_us = 0;
    bool gap = false;                 // unknown because nothing was checked
    IncidentAction incident = IncidentAction::none;
};

struct Step {
    Status verdict = Status::unknown;  // of this single check, as stored in its row
    std::vector<Change> changes;       // 0 to 2: a gap, then what the check itself changed
    std::int64_t retry_after_us = 0;   // 0: as scheduled
};

// The verdict of one check by itself.
Status judge(const Observation& observation, const Policy& policy) noexcept;

// Takes one result into the state. Results of an endpoint come in the order of their start; one that is older than
// the last (the wall clock was set back) is judged, but dated as the last one.
Step step(State& state, const Observation& observation, const Policy& policy);

}  // namespace pulsimo::health
