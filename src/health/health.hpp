// The verdict: from the results of checks to the status of an endpoint. Pure functions over plain values; the same
// code runs in the keeper and in a replay of stored checks.
//
// Rules (docs/architecture.md explains them to users):
//  - a check passes, passes slowly (response above degraded_after), fails, or says nothing because of our own trouble;
//  - failure_threshold failures in a row make an endpoint down, dated at the first of them; the incident opens with it;
//    with a failure_window as many of the last failure_window checks are enough, whatever their order, dated at the
//    first failure among them;
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
//  - maintenance, and a hold of the caller's, keep incidents from opening and change no status; Hold::verdict puts off
//    `down` as well. What was kept back is told of afterwards, if it still goes on, with the true start of the outage;
//  - an incident that a person resolved while the endpoint is down is followed by another one only after
//    failure_threshold further failures in a row, and begins at the first of those;
//  - flapping begins when flap_start percent of the neighbours among the last 20 verdicts differ and ends at flap_stop
//    percent. It opens no incident; while it lasts a recovery does not resolve one, its end does, if the endpoint is up
//    or degraded; a gap ends it;
//  - an incident that a recovery will not resolve (flapping, or auto_resolve is off) does not bear on the status
//    either: from unknown the thresholds are as without one;
//  - no change is dated before the one that went before it, unless the clock was set back by more than such a gap: then
//    the counters are forgotten and the new time counts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "health/history.hpp"

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
    int failure_window = 0;    // failure_threshold of so many last checks, up to 20; not above the threshold: in a row
    int flap_start = 0;        // percent; 0: never flapping
    int flap_stop = 0;         // percent, below flap_start
    bool auto_resolve = true;  // false: only a person resolves an incident
};

// fail: the target answered, and that was wrong. no_answer: it did not, or not to the end.
enum class Outcome : std::uint8_t { pass, fail, no_answer, own_trouble };

struct Observation {
    std::int64_t checked_at_us = 0;  // wall clock
    Outcome outcome = Outcome::pass;
    std::int64_t response_us = 0;
    std::int64_t stall_us = 0;
    // Of an uneven schedule (cron), for which policy.interval_us is the distance to the next run: how far this run was
    // due from the one before. That is state.last_interval_us, unless the schedule was changed. 0: policy.interval_us.
    std::int64_t spacing_us = 0;
};

// What keeps an endpoint that fails from being told of, besides maintenance. incident: it may go down, but no incident
// opens (something that it depends on is down). verdict: it may not even go down yet (we wait to learn whether it is
// our own connectivity that fails).
enum class Hold : std::uint8_t { nothing, incident, verdict };

// Counters count towards the next change and are 0 when the status makes them pointless: a down endpoint counts no
// failures, unless a person resolved its incident. That keeps the state a function of few checks, so that resume() can
// find it again.
struct State {
    Status status = Status::unknown;
    bool incident_open = false;
    bool maintenance = false;
    bool flapping = false;
    FlapHistory history = {};
    std::int64_t since_us = 0;          // of the status
    std::int64_t told_us = 0;           // of the last change of any kind
    std::int64_t untold_since_us = 0;   // start of an outage whose incident is held back; 0: none is
    int failures = 0;                   // in a row, each counter
    int passes = 0;                     // of any speed while down or unknown; fast ones while degraded
    int slow_passes = 0;                // while up
    int troubles = 0;
    std::int64_t run_began_us = 0;      // first result of the row that `failures` or `passes` counts
    std::int64_t slow_began_us = 0;
    std::int64_t trouble_began_us = 0;
    FailureWindow window = {};          // while not down, where the policy has one
    std::int64_t last_checked_us = 0;   // 0: never
    std::int64_t last_interval_us = 0;  // in force at that time; a shorter one does not turn the past into a gap

    bool operator==(const State&) const = default;
};

enum class IncidentAction : std::uint8_t { none, open, resolve };

// Where from and to are the same, it is only the incident, the maintenance or the flapping that changed.
struct Change {
    Status from = Status::unknown;
    Status to = Status::unknown;
    std::int64_t at_us = 0;
    bool gap = false;                 // unknown because nothing was checked
    IncidentAction incident = IncidentAction::none;
    std::int64_t incident_at_us = 0;  // when the outage really began or ended, which may be before at_us; 0: none did
    bool maintenance = false;         // afterwards, as `flapping`
    bool flapping = false;
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
Step step(State& state, const Observation& observation, const Policy& policy, Hold hold = Hold::nothing);

// What another hold kept back and this one does not, without waiting for a result: the endpoint is down now if its last
// result was a failure and the counters say so, and the incident opens. Dated at the start of the outage.
std::optional<Change> reconsider(State& state, const Policy& policy, Hold hold);

// A maintenance window begins or ends. An endpoint that is down when it ends has its incident then, dated at the end of
// the window, with the true start of the outage.
Change enter_maintenance(State& state, std::int64_t at_us);
Change leave_maintenance(State& state, std::int64_t at_us, Hold hold = Hold::nothing);

// What was counted as failures of the endpoint was our own trouble.
void failures_void(State& state);

// A person resolved the incident, perhaps of an endpoint that is still down, or opened or reopened one.
void incident_closed(State& state);
void incident_opened(State& state);

// A check as it was stored.
struct StoredCheck {
    std::int64_t checked_at_us = 0;
    Status verdict = Status::unknown;
    std::int64_t interval_us = 0;  // of an uneven schedule: the distance to the run after it; 0: policy.interval_us
};

// So many last checks of an endpoint hold everything its counters can know: twenty results towards a change (a failure
// window), nine own troubles between them and after the last. Only where a Hold::verdict put off `down` for longer than
// that, the start of the outage is not among them: then it begins with the oldest.
inline constexpr int kResumeChecks = 200;

// What else is stored of an endpoint.
struct Memory {
    bool maintenance = false;
    bool flapping = false;
    std::int64_t told_us = 0;          // State::told_us; 0: nothing was told of since the status
    std::int64_t untold_since_us = 0;  // State::untold_since_us
    std::int64_t closed_at_us = 0;     // down: a person resolved its incident then; 0: nobody did, or nobody knows when
};

// The state that step() had left behind, from what is stored: the status and its date, whether an incident is open, and
// the last kResumeChecks checks of that status, oldest first. Where none is stored any more, nothing is known since the
// status began: the next check finds a gap from there.
// Lost are the verdicts before this status, which count for flapping: `flapping` stays as stored until there are 20
// again. A down endpoint without incident of which neither untold_since_us nor closed_at_us is known counts the
// failures towards another incident from now on. Where reconsider() had to date `down` later than it began, own
// troubles before that date are lost.
State resume(Status status, std::int64_t since_us, bool incident_open, std::span<const StoredCheck> last_checks,
             const Policy& policy, const Memory& memory = {});

}  // namespace pulsimo::health
