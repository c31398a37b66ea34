// A result goes through three steps: judge() makes a verdict of it, count() takes the verdict into the counters, and
// decide() looks whether a counter has reached its threshold. Counting reads the status but never changes it, so
// resume() can count stored checks again under the status that is known to be the outcome.
#include "health/health.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace pulsimo::health {
namespace {

bool is_pass(Status verdict) {
    return verdict == Status::up || verdict == Status::degraded;
}

bool is_slow(const Observation& observation, const Policy& policy) {
    return policy.degraded_after_us > 0 && observation.response_us > policy.degraded_after_us;
}

// Forgets what was counted, not what was decided.
void forget_counters(State& state) {
    state = State{.status = state.status,
                  .since_us = state.since_us,
                  .incident_open = state.incident_open,
                  .last_checked_us = state.last_checked_us,
                  .last_interval_us = state.last_interval_us};
}

// Whether our own trouble has anything left to spoil.
bool trouble_matters(const State& state) {
    return state.status != Status::unknown || state.failures > 0 || state.passes > 0;
}

void add_to_row(int& counter, std::int64_t& began_us, std::int64_t at_us) {
    if (counter++ == 0) began_us = at_us;
}

void end_row(int& counter, std::int64_t& began_us) {
    counter = 0;
    began_us = 0;
}

void count_trouble(State& state, std::int64_t at_us, const Policy& policy) {
    if (!trouble_matters(state)) return;
    add_to_row(state.troubles, state.trouble_began_us, at_us);
    if (state.troubles >= policy.failure_threshold && state.status == Status::unknown) forget_counters(state);
}

void count_failure(State& state, std::int64_t at_us) {
    end_row(state.slow_passes, state.slow_began_us);
    if (state.passes > 0) end_row(state.passes, state.run_began_us);
    if (state.status != Status::down) add_to_row(state.failures, state.run_began_us, at_us);
}

void count_pass(State& state, bool slow, std::int64_t at_us) {
    if (state.failures > 0) end_row(state.failures, state.run_began_us);
    const bool returning = state.status == Status::down || state.status == Status::unknown;
    if (returning || (state.status == Status::degraded && !slow)) {
        add_to_row(state.passes, state.run_began_us, at_us);
    } else if (state.status == Status::degraded) {
        end_row(state.passes, state.run_began_us);
    } else if (slow) {
        add_to_row(state.slow_passes, state.slow_began_us, at_us);
    } else {
        end_row(state.slow_passes, state.slow_began_us);
    }
}

void count(State& state, Status verdict, std::int64_t at_us, const Policy& policy) {
    if (verdict == Status::unknown) {
        count_trouble(state, at_us, policy);
        return;
    }
    end_row(state.troubles, state.trouble_began_us);
    if (is_pass(verdict)) {
        count_pass(state, verdict == Status::degraded, at_us);
    } else {
        count_failure(state, at_us);
    }
}

struct Decision {
    Status status = Status::unknown;
    std::int64_t at_us = 0;
};

std::optional<Decision> decide_after_failure(const State& state, const Policy& policy) {
    if (state.status == Status::down) return std::nullopt;
    const bool again = state.status == Status::unknown && state.incident_open;
    if (!again && state.failures < policy.failure_threshold) return std::nullopt;
    return Decision{Status::down, state.run_began_us};
}

std::optional<Decision> decide_after_pass(const State& state, Status verdict, const Policy& policy) {
    if (state.status == Status::up) {
        if (state.slow_passes == 0 || state.slow_passes < policy.failure_threshold) return std::nullopt;
        return Decision{Status::degraded, state.slow_began_us};
    }
    const bool first_is_enough = state.status == Status::unknown && !state.incident_open;
    if (state.passes == 0 || (!first_is_enough && state.passes < policy.success_threshold)) return std::nullopt;
    return Decision{verdict, state.run_began_us};
}

// What the verdict that was just counted makes of the endpoint.
std::optional<Decision> decide(const State& state, Status verdict, const Policy& policy) {
    if (is_pass(verdict)) return decide_after_pass(state, verdict, policy);
    if (verdict == Status::down) return decide_after_failure(state, policy);
    if (state.status == Status::unknown || state.troubles < policy.failure_threshold) return std::nullopt;
    return Decision{Status::unknown, state.trouble_began_us};
}

IncidentAction incident_action(const State& state, Status to) {
    if (to == Status::down && !state.incident_open) return IncidentAction::open;
    if (is_pass(to) && state.incident_open) return IncidentAction::resolve;
    return IncidentAction::none;
}

Change change_to(State& state, const Decision& decision) {
    Change change{.from = state.status,
                  .to = decision.status,
                  .at_us = std::max(decision.at_us, state.since_us),
                  .incident = incident_action(state, decision.status)};
    state.status = change.to;
    state.since_us = change.at_us;
    if (change.incident != IncidentAction::none) state.incident_open = change.incident == IncidentAction::open;
    forget_counters(state);
    return change;
}

std::int64_t longest_interval(const State& state, const Policy& policy) {
    return std::max(state.last_interval_us, policy.interval_us);
}

std::int64_t longest_silence(const State& state, const Policy& policy) {
    return 2 * longest_interval(state, policy) + policy.timeout_us;
}

bool is_gap(const State& state, std::int64_t at_us, const Policy& policy) {
    return state.last_checked_us != 0 && at_us - state.last_checked_us > longest_silence(state, policy);
}

// When a check counts as made. A clock that was set back a little must not turn the order of checks around; one that
// was far ahead must not have us live in its future until that has come.
std::int64_t take_time(State& state, std::int64_t checked_at_us, const Policy& policy) {
    if (state.last_checked_us - checked_at_us <= longest_silence(state, policy)) {
        return std::max(checked_at_us, state.last_checked_us);
    }
    forget_counters(state);
    state.last_checked_us = 0;
    state.since_us = std::min(state.since_us, checked_at_us);
    return checked_at_us;
}

std::optional<Change> take_gap(State& state, std::int64_t at_us, const Policy& policy) {
    if (!is_gap(state, at_us, policy)) return std::nullopt;
    forget_counters(state);
    if (state.status == Status::unknown) return std::nullopt;
    Change change = change_to(state, {Status::unknown, state.last_checked_us + longest_interval(state, policy)});
    change.gap = true;
    return change;
}

void remember_time(State& state, std::int64_t at_us, const Policy& policy) {
    state.last_checked_us = at_us;
    state.last_interval_us = policy.interval_us;
}

std::int64_t retry_after(const State& state, const Policy& policy) {
    const bool retry = state.failures > 0 && policy.retry_interval_us < policy.interval_us;
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

Step step(State& state, const Observation& observation, const Policy& policy) {
    Step result;
    result.verdict = judge(observation, policy);
    const std::int64_t at_us = take_time(state, observation.checked_at_us, policy);
    if (const auto gap = take_gap(state, at_us, policy)) result.changes.push_back(*gap);
    count(state, result.verdict, at_us, policy);
    remember_time(state, at_us, policy);
    if (const auto decision = decide(state, result.verdict, policy)) {
        result.changes.push_back(change_to(state, *decision));
    } else if (is_pass(result.verdict) && is_pass(state.status) && state.incident_open) {
        // Opened by somebody else, or written after its end was seen: nothing else would ever resolve it.
        result.changes.push_back(
            {.from = state.status, .to = state.status, .at_us = at_us, .incident = IncidentAction::resolve});
        state.incident_open = false;
    }
    result.retry_after_us = retry_after(state, policy);
    return result;
}

State resume(Status status, std::int64_t since_us, bool incident_open, std::span<const StoredCheck> last_checks,
             const Policy& policy) {
    State state{.status = status, .since_us = since_us, .incident_open = incident_open};
    for (const StoredCheck& check : last_checks) {
        const std::int64_t at_us = std::max(check.checked_at_us, state.last_checked_us);
        if (is_gap(state, at_us, policy)) forget_counters(state);
        count(state, check.verdict, at_us, policy);
        remember_time(state, at_us, policy);
    }
    if (last_checks.empty() && status != Status::unknown) remember_time(state, since_us, policy);
    return state;
}

}  // namespace pulsimo::health
