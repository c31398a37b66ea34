#include "health/counting.hpp"

#include <algorithm>

namespace pulsimo::health {
namespace {

// Whether our own trouble has anything left to spoil.
bool trouble_matters(const State& state) {
    return state.status != Status::unknown || state.failures > 0 || state.passes > 0;
}

// Down, but neither is an incident open nor does one wait to open: a person resolved it.
bool was_closed(const State& state) {
    return state.status == Status::down && !state.incident_open && state.untold_since_us == 0;
}

void add_to_row(int& counter, std::int64_t& began_us, std::int64_t at_us) {
    if (counter++ == 0) began_us = at_us;
}

void end_row(int& counter, std::int64_t& began_us) {
    counter = 0;
    began_us = 0;
}

void add_to_window(State& state, bool failed, std::int64_t at_us, const Policy& policy) {
    if (policy.failure_window > policy.failure_threshold) {
        state.window.add(failed, at_us, policy.failure_window, policy.failure_threshold);
    } else if (state.window.failures() > 0) {
        state.window = {};
    }
}

void count_trouble(State& state, std::int64_t at_us, const Policy& policy) {
    if (!trouble_matters(state)) return;
    add_to_row(state.troubles, state.trouble_began_us, at_us);
    if (state.troubles >= policy.failure_threshold && state.status == Status::unknown) forget_counters(state);
}

void count_failure_of_closed(State& state, std::int64_t at_us, const Policy& policy) {
    add_to_row(state.failures, state.run_began_us, at_us);
    if (state.failures < policy.failure_threshold) return;
    state.untold_since_us = state.run_began_us;
    end_row(state.failures, state.run_began_us);
}

void count_failure(State& state, std::int64_t at_us, const Policy& policy) {
    end_row(state.slow_passes, state.slow_began_us);
    if (state.passes > 0) end_row(state.passes, state.run_began_us);
    if (was_closed(state)) {
        count_failure_of_closed(state, at_us, policy);
    } else if (state.status != Status::down) {
        add_to_row(state.failures, state.run_began_us, at_us);
        add_to_window(state, true, at_us, policy);
    }
}

void count_pass(State& state, bool slow, std::int64_t at_us, const Policy& policy) {
    if (state.failures > 0) end_row(state.failures, state.run_began_us);
    add_to_window(state, false, at_us, policy);
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

}  // namespace

void forget_counters(State& state) {
    state = State{.status = state.status,
                  .incident_open = state.incident_open,
                  .maintenance = state.maintenance,
                  .flapping = state.flapping,
                  .history = state.history,
                  .since_us = state.since_us,
                  .told_us = state.told_us,
                  .untold_since_us = state.untold_since_us,
                  .last_checked_us = state.last_checked_us,
                  .last_interval_us = state.last_interval_us};
}

void forget_checks(State& state) {
    forget_counters(state);
    state.history = {};
}

void count(State& state, Status verdict, std::int64_t at_us, const Policy& policy) {
    if (verdict == Status::unknown) {
        count_trouble(state, at_us, policy);
        return;
    }
    end_row(state.troubles, state.trouble_began_us);
    state.history.add(verdict == Status::down);
    if (is_pass(verdict)) {
        count_pass(state, verdict == Status::degraded, at_us, policy);
    } else {
        count_failure(state, at_us, policy);
    }
}

std::int64_t longest_interval(const State& state, std::int64_t spacing_us) {
    return std::max(state.last_interval_us, spacing_us);
}

std::int64_t longest_silence(const State& state, std::int64_t spacing_us, const Policy& policy) {
    return 2 * longest_interval(state, spacing_us) + policy.timeout_us;
}

bool is_gap(const State& state, std::int64_t at_us, std::int64_t spacing_us, const Policy& policy) {
    return state.last_checked_us != 0 && at_us - state.last_checked_us > longest_silence(state, spacing_us, policy);
}

void remember_time(State& state, std::int64_t at_us, std::int64_t interval_us) {
    state.last_checked_us = at_us;
    state.last_interval_us = interval_us;
}

}  // namespace pulsimo::health
