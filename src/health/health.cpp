// A result goes through three steps: judge() makes a verdict of it, count() takes the verdict into the counters, and
// decide() looks whether a counter has reached its threshold. What was decided is gathered in one Change, the incident
// follows from it: an outage that may not have its incident yet is remembered with its start (untold_since_us) and
// otherwise treated as if it had, so that no hold and no maintenance bears on the status.
#include "health/health.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "health/counting.hpp"

namespace pulsimo::health {
namespace {

bool is_slow(const Observation& observation, const Policy& policy) {
    return policy.degraded_after_us > 0 && observation.response_us > policy.degraded_after_us;
}

bool recovery_resolves(const State& state, const Policy& policy) {
    return policy.auto_resolve && !state.flapping;
}

// While unknown: whether the outage before it may still go on, for nothing was seen of its end.
bool outage_goes_on(const State& state, const Policy& policy) {
    return (state.incident_open || state.untold_since_us != 0) && recovery_resolves(state, policy);
}

struct Decision {
    Status status = Status::unknown;
    std::int64_t at_us = 0;
};

std::optional<Decision> decide_after_failure(const State& state, const Policy& policy) {
    if (state.status == Status::down || state.failures == 0) return std::nullopt;
    if (state.window.failures() >= policy.failure_threshold) return Decision{Status::down, state.window.began_us()};
    const bool again = state.status == Status::unknown && outage_goes_on(state, policy);
    if (!again && state.failures < policy.failure_threshold) return std::nullopt;
    return Decision{Status::down, state.run_began_us};
}

std::optional<Decision> decide_after_pass(const State& state, Status verdict, const Policy& policy) {
    if (state.status == Status::up) {
        if (state.slow_passes == 0 || state.slow_passes < policy.failure_threshold) return std::nullopt;
        return Decision{Status::degraded, state.slow_began_us};
    }
    const bool first_is_enough = state.status == Status::unknown && !outage_goes_on(state, policy);
    if (state.passes == 0 || (!first_is_enough && state.passes < policy.success_threshold)) return std::nullopt;
    return Decision{verdict, state.run_began_us};
}

// What the verdict that was just counted makes of the endpoint.
std::optional<Decision> decide(const State& state, Status verdict, const Policy& policy, Hold hold) {
    if (is_pass(verdict)) return decide_after_pass(state, verdict, policy);
    if (verdict == Status::down) {
        return hold == Hold::verdict ? std::nullopt : decide_after_failure(state, policy);
    }
    if (state.status == Status::unknown || state.troubles < policy.failure_threshold) return std::nullopt;
    return Decision{Status::unknown, state.trouble_began_us};
}

Change no_change(const State& state, std::int64_t at_us) {
    return {.from = state.status, .to = state.status, .at_us = at_us};
}

void resolve(State& state, Change& change, std::int64_t ended_us) {
    change.incident = IncidentAction::resolve;
    change.incident_at_us = ended_us;
    state.incident_open = false;
}

void change_status(State& state, Change& change, const Decision& decision, const Policy& policy) {
    change.to = state.status = decision.status;
    change.at_us = decision.at_us;
    forget_counters(state);
    if (decision.status == Status::down && !state.incident_open && state.untold_since_us == 0) {
        state.untold_since_us = decision.at_us;
    } else if (is_pass(decision.status)) {
        state.untold_since_us = 0;
        if (state.incident_open && recovery_resolves(state, policy)) resolve(state, change, decision.at_us);
    }
}

// Opens the incident of a down endpoint that has waited for it, if it may.
void open_untold(State& state, Change& change, Hold hold) {
    const bool waits = state.status == Status::down && state.untold_since_us != 0;
    if (!waits || state.maintenance || hold != Hold::nothing) return;
    change.incident = IncidentAction::open;
    change.incident_at_us = state.untold_since_us;
    state.incident_open = true;
    state.untold_since_us = 0;
}

void date_by_incident(Change& change) {
    if (change.from == change.to && change.incident != IncidentAction::none) change.at_us = change.incident_at_us;
}

// Puts the change that was gathered after all that were told of before.
Change told(State& state, Change change) {
    change.at_us = std::max(change.at_us, state.told_us);
    change.maintenance = state.maintenance;
    change.flapping = state.flapping;
    state.told_us = change.at_us;
    if (change.from != change.to) state.since_us = change.at_us;
    return change;
}

// When a check counts as made. A clock that was set back a little must not turn the order of checks around; one that
// was far ahead must not have us live in its future until that has come.
std::int64_t take_time(State& state, std::int64_t checked_at_us, std::int64_t spacing_us, const Policy& policy) {
    if (state.last_checked_us - checked_at_us <= longest_silence(state, spacing_us, policy)) {
        return std::max(checked_at_us, state.last_checked_us);
    }
    forget_counters(state);
    state.last_checked_us = 0;
    for (std::int64_t* date : {&state.since_us, &state.told_us, &state.untold_since_us}) {
        *date = std::min(*date, checked_at_us);
    }
    return checked_at_us;
}

std::optional<Change> take_gap(State& state, std::int64_t at_us, std::int64_t spacing_us, const Policy& policy) {
    if (!is_gap(state, at_us, spacing_us, policy)) return std::nullopt;
    const bool was_flapping = state.flapping;
    forget_checks(state);
    state.flapping = false;
    if (state.status == Status::unknown && !was_flapping) return std::nullopt;
    const std::int64_t began_us = state.last_checked_us + longest_interval(state, spacing_us);
    Change change = no_change(state, began_us);
    change_status(state, change, {Status::unknown, began_us}, policy);
    change.gap = true;
    return told(state, change);
}

// Whether it began or ended.
bool update_flapping(State& state, const Policy& policy) {
    const bool was_flapping = state.flapping;
    if (policy.flap_start <= 0) {
        state.flapping = false;
    } else if (state.history.complete()) {
        state.flapping =
            was_flapping ? !state.history.at_most(policy.flap_stop) : state.history.at_least(policy.flap_start);
    }
    return state.flapping != was_flapping;
}

// An incident that is open though the endpoint passes: its flapping has ended, or the incident was opened by somebody
// else or written after the end of its outage was seen. Nothing else would ever resolve it.
void resolve_left_over(State& state, Change& change, Status verdict, bool flapping_changed, const Policy& policy) {
    if (!is_pass(state.status) || !state.incident_open || !recovery_resolves(state, policy)) return;
    if (flapping_changed) {
        resolve(state, change, state.since_us);
    } else if (is_pass(verdict)) {
        resolve(state, change, change.at_us);
    }
}

// What the verdict that was just counted changes, if anything.
std::optional<Change> take_verdict(State& state, Status verdict, std::int64_t at_us, const Policy& policy, Hold hold) {
    Change change = no_change(state, at_us);
    const bool flapping_changed = update_flapping(state, policy);
    if (const auto decision = decide(state, verdict, policy, hold)) change_status(state, change, *decision, policy);
    if (verdict == Status::down) {
        open_untold(state, change, hold);
        date_by_incident(change);
    }
    resolve_left_over(state, change, verdict, flapping_changed, policy);
    const bool changed = flapping_changed || change.from != change.to || change.incident != IncidentAction::none;
    return changed ? std::optional(told(state, change)) : std::nullopt;
}

std::int64_t retry_after(const State& state, const Policy& policy) {
    const bool failing = state.failures > 0 && state.status != Status::down;
    const bool too_few = failing && !decide_after_failure(state, policy);
    const bool retry = too_few && policy.retry_interval_us < policy.interval_us;
    return retry ? std::max<std::int64_t>(policy.retry_interval_us, 0) : 0;
}

}  // namespace

std::string_view to_string(Status status) noexcept {
    constexpr std::array<std::string_view, 4> kNames = {"unknown", "up", "degraded", "down"};
    return kNames[static_cast<std::size_t>(status)];
}

Status judge(const Observation& observation, const Policy& policy) noexcept {
    const bool stalled = observation.stall_us > policy.stall_limit_us;
    switch (observation.outcome) {
        case Outcome::pass:
            return is_slow(observation, policy) && !stalled ? Status::degraded : Status::up;
        case Outcome::fail:
            return Status::down;
        case Outcome::no_answer:
            return stalled ? Status::unknown : Status::down;
        case Outcome::own_trouble:
            break;
    }
    return Status::unknown;
}

Step step(State& state, const Observation& observation, const Policy& policy, Hold hold) {
    Step result;
    result.verdict = judge(observation, policy);
    const std::int64_t spacing_us = observation.spacing_us != 0 ? observation.spacing_us : policy.interval_us;
    const std::int64_t at_us = take_time(state, observation.checked_at_us, spacing_us, policy);
    if (const auto gap = take_gap(state, at_us, spacing_us, policy)) result.changes.push_back(*gap);
    count(state, result.verdict, at_us, policy);
    remember_time(state, at_us, policy.interval_us);
    if (const auto change = take_verdict(state, result.verdict, at_us, policy, hold)) result.changes.push_back(*change);
    result.retry_after_us = retry_after(state, policy);
    return result;
}

std::optional<Change> reconsider(State& state, const Policy& policy, Hold hold) {
    Change change = no_change(state, state.told_us);
    if (const auto decision = decide_after_failure(state, policy); decision && hold != Hold::verdict) {
        // Own troubles after that failure were no part of the decision and are not forgotten with it.
        const int troubles = state.troubles;
        const std::int64_t trouble_began_us = state.trouble_began_us;
        change_status(state, change, *decision, policy);
        state.troubles = troubles;
        state.trouble_began_us = trouble_began_us;
    }
    open_untold(state, change, hold);
    date_by_incident(change);
    if (change.from == change.to && change.incident == IncidentAction::none) return std::nullopt;
    return told(state, change);
}

Change enter_maintenance(State& state, std::int64_t at_us) {
    state.maintenance = true;
    return told(state, no_change(state, at_us));
}

Change leave_maintenance(State& state, std::int64_t at_us, Hold hold) {
    state.maintenance = false;
    Change change = no_change(state, at_us);
    open_untold(state, change, hold);
    change.at_us = std::max(change.at_us, change.incident_at_us);  // told of late, it may have failed since
    return told(state, change);
}

void failures_void(State& state) {
    state.window = {};
    if (state.failures == 0) return;
    state.failures = 0;
    state.run_began_us = 0;
}

void incident_closed(State& state) {
    state.incident_open = false;
}

void incident_opened(State& state) {
    state.incident_open = true;
    state.untold_since_us = 0;
    if (state.status != Status::down || state.failures == 0) return;
    state.failures = 0;  // of what was resolved, towards another incident
    state.run_began_us = 0;
}

}  // namespace pulsimo::health
