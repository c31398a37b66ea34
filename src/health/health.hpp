// The verdict: from the results of checks to the status of an endpoint. Pure functions over plain values; the same
// code runs in the keeper and in a replay of stored checks.
//
// Rules (docs/architecture.md explains them to users):
//  - a check passes, passes slowly (response above degraded_after), fails, or says nothing because of our own trouble;
//  - failure_threshold failures in a row make an endpoint down, dated at the first of them; the incident opens with it;
//  - success_threshold passes in a row end it, slow ones too, dated at the first of them; from unknown without an open
//    incident one pass is enough;
//  - failure_threshold slow passes in a row make an up endpoint degraded; success_threshold fast ones make it up again;
//    an endpoint that comes back from down or unknown is degraded at once when the pass that decides was slow;
//  - our own trouble interrupts no row; failure_threshold such results in a row make the endpoint unknown, dated at
//    the first of them, and forget the counters. An incident stays open meanwhile, and a failure afterwards makes it
//    down again at once, dated at that failure: what we did not see is never counted as down;
//  - a gap without any result longer than two intervals and the timeout makes it unknown from one interval after the
//    last result (server off, database not writable, slots skipped), and forgets the counters;
//  - while failing below the threshold the next check comes after retry_interval, if that is shorter than the interval;
//  - no change is dated before the one that went before it, unless the clock was set back by more than such a gap: then
//    the counters are forgotten and the new time counts.
#pragma once

#include <cstdint>
#include <span>
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
    std::int64_t stall_limit_us = 1'000'000;  // a later loop of ours spoils lacks of an answer and slow responses
};

// fail: the target answered, and that was wrong. no_answer: it did not, or not to the end.
enum class Outcome : std::uint8_t { pass, fail, no_answer, own_trouble };

struct Observation {
    std::int64_t checked_at_us = 0;  // wall clock
    Outcome outcome = Outcome::pass;
    std::int64_t response_us = 0;
    std::int64_t stall_us = 0;
};

// Counters count towards the next change and are 0 when the status makes them pointless: a down endpoint counts no
// failures. That keeps the state a function of few checks, so that resume() can find it again.
struct State {
    Status status = Status::unknown;
    std::int64_t since_us = 0;
    bool incident_open = false;
    int failures = 0;                   // in a row, each counter
    int passes = 0;                     // of any speed while down or unknown; fast ones while degraded
    int slow_passes = 0;                // while up
    int troubles = 0;
    std::int64_t run_began_us = 0;      // first result of the row that `failures` or `passes` counts
    std::int64_t slow_began_us = 0;
    std::int64_t trouble_began_us = 0;
    std::int64_t last_checked_us = 0;   // 0: never
    std::int64_t last_interval_us = 0;  // in force at that time; a shorter one does not turn the past into a gap

    bool operator==(const State&) const = default;
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

// Takes one result into the state. Results of an endpoint come in the order of their start; one that is a little older
// than the last (the wall clock was set back) is judged, but dated as the last one: afterwards state.last_checked_us is the
// time to store it under.
Step step(State& state, const Observation& observation, const Policy& policy);

// A check as it was stored.
struct StoredCheck {
    std::int64_t checked_at_us = 0;
    Status verdict = Status::unknown;
};

// So many last checks of an endpoint hold everything its counters can know: nine results towards a change, nine own
// troubles before each of them and after the last.
inline constexpr int kResumeChecks = 100;

// The state that step() had left behind, from what is stored: the status and its date, whether an incident is open, and
// the last kResumeChecks checks of that status, oldest first. Where none is stored any more, nothing is known since the
// status began: the next check finds a gap from there.
State resume(Status status, std::int64_t since_us, bool incident_open, std::span<const StoredCheck> last_checks,
             const Policy& policy);

}  // namespace pulsimo::health
