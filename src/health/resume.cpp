#include <algorithm>

#include "health/counting.hpp"

namespace pulsimo::health {

State resume(Status status, std::int64_t since_us, bool incident_open, std::span<const StoredCheck> last_checks,
             const Policy& policy, const Memory& memory) {
    State state{.status = status,
                .maintenance = memory.maintenance,
                .flapping = memory.flapping,
                .since_us = since_us,
                .told_us = std::max(since_us, memory.told_us),
                .untold_since_us = memory.untold_since_us};
    for (const StoredCheck& check : last_checks) {
        const std::int64_t at_us = std::max(check.checked_at_us, state.last_checked_us);
        const std::int64_t spacing_us = check.interval_us != 0 ? state.last_interval_us : policy.interval_us;
        if (is_gap(state, at_us, spacing_us, policy)) forget_checks(state);
        // An incident that was closed was open until then, and a down endpoint counted no failures.
        state.incident_open = incident_open || memory.closed_at_us == 0 || at_us <= memory.closed_at_us;
        count(state, check.verdict, at_us, policy);
        remember_time(state, at_us, check.interval_us != 0 ? check.interval_us : policy.interval_us);
    }
    state.incident_open = incident_open;
    if (last_checks.empty() && status != Status::unknown) remember_time(state, since_us, policy.interval_us);
    return state;
}

}  // namespace pulsimo::health
