// What keeps an endpoint that fails from being told of.
//
//  - Dependencies: while something that it strongly depends on is down, an endpoint may go down but opens no incident; the
//    cause is recorded instead. Often the dependent fails first. So with its first failure what it depends on is checked at
//    once, and while that fails below its threshold, or has not answered yet, the incident waits: for as long as the
//    threshold can take, no longer. When the cause is up again the dependent gets retry_interval to follow.
//  - Own connectivity: an endpoint with reference endpoints that gives no answer is not called down before one of those
//    has answered since. If all of them fail to as well, it is our trouble: unknown, also what has waited for that.
//  - Maintenance is a matter of src/health; here windows begin and end.
//
// A restraint is looked at again whenever an endpoint begins or ceases to fail, and once a second: an upstream may just
// have answered, or be gone, or patience is over. The next check of the endpoint itself can be a day away.

#include <algorithm>
#include <utility>

#include "health/counting.hpp"
#include "worker/keeper.hpp"

#include "pg/guard.hpp"

namespace pulsimo::worker {

namespace {

constexpr std::int64_t kLookAgainUs = 1'000'000;

// The longest time in which failures of an endpoint that is asked now reach the threshold.
std::int64_t patience_us(const health::Policy& policy) {
    constexpr std::int64_t kOurOwnUs = 1'000'000;
    const std::int64_t retry_us = std::min(policy.retry_interval_us, policy.interval_us);
    return policy.failure_threshold * (policy.timeout_us + retry_us) + kOurOwnUs;
}

bool is_down(const Watched& watched) { return watched.state.status == health::Status::down; }

// It fails and has no incident, though it is not in maintenance.
bool is_untold(const Watched& watched) {
    return watched.failed && !watched.state.incident_open && !watched.state.maintenance;
}

// Whether nobody has looked for so long that only its next check will tell how it is.
bool is_unseen(const Watched& watched, std::int64_t now_us) {
    return health::is_gap(watched.state, now_us, watched.policy.interval_us, watched.policy);
}

// Whether it has answered since then, one way or the other.
bool was_checked_since(const Watched& watched, std::int64_t since_us) { return watched.state.last_checked_us >= since_us; }

}  // namespace

const Watched* Keeper::find(std::int64_t endpoint_id) const {
    const auto place = watched_.find(endpoint_id);
    return place != watched_.end() ? &place->second : nullptr;
}

// Whether it is too early to tell how this one does.
bool Keeper::waits_for(const Watched& other, std::int64_t since_us) const {
    if (other.failed) since_us = std::max(since_us, other.failing_since_us);
    const bool undecided = other.failed || !was_checked_since(other, since_us);
    return undecided && clock_.wall_us() < since_us + patience_us(other.policy);
}

Keeper::Restraint Keeper::upstream_restraint(const Watched& watched, std::int64_t checked_at_us) const {
    Restraint restraint;
    for (const std::int64_t id : watched.relations->upstreams) {
        const Watched* upstream = find(id);
        if (upstream == nullptr) continue;
        if (is_down(*upstream)) return {health::Hold::incident, id};
        const std::int64_t may_follow_until_us = upstream->state.since_us + watched.policy.retry_interval_us;
        if (id == watched.suppressed_by && checked_at_us < may_follow_until_us) {
            return {health::Hold::incident, id};
        }
        if (waits_for(*upstream, watched.failing_since_us)) restraint.hold = health::Hold::incident;
    }
    return restraint;
}

Keeper::Restraint Keeper::reference_restraint(const Watched& watched) const {
    if (!watched.unreached || is_down(watched)) return {};
    bool waiting = false;
    for (const std::int64_t id : watched.relations->references) {
        const Watched* reference = find(id);
        if (reference == nullptr) continue;
        const bool has_answered = was_checked_since(*reference, watched.failing_since_us);
        if (has_answered && !reference->unreached) return {};
        waiting |= has_answered || waits_for(*reference, watched.failing_since_us);
    }
    return {waiting ? health::Hold::verdict : health::Hold::nothing, 0};
}

// checked_at_us: its last check, which may be the one that is being judged.
Keeper::Restraint Keeper::restraint_on(const Watched& watched, std::int64_t checked_at_us) const {
    const Restraint restraint = reference_restraint(watched);
    return restraint.hold != health::Hold::nothing ? restraint : upstream_restraint(watched, checked_at_us);
}

Keeper::Restraint Keeper::restraint_on(const Watched& watched) const {
    return restraint_on(watched, watched.state.last_checked_us);
}

bool Keeper::is_our_connectivity(const Watched& watched) const {
    bool all_unreached = false;
    for (const std::int64_t id : watched.relations->references) {
        const Watched* reference = find(id);
        if (reference == nullptr) continue;
        if (!reference->unreached || !was_checked_since(*reference, watched.failing_since_us)) return false;
        all_unreached = true;
    }
    return all_unreached;
}

// Those that were not checked since. One that fails already is checked again by itself: if many ask at a time, its
// threshold must not be reached sooner for that.
void Keeper::ask_others(const Watched& watched, std::int64_t since_us) {
    for (const auto* ids : {&watched.relations->upstreams, &watched.relations->references}) {
        for (const std::int64_t id : *ids) {
            const Watched* other = find(id);
            if (other == nullptr || was_checked_since(*other, since_us)) continue;
            if (!other->failed || is_down(*other)) check_soon(id, 0);
        }
    }
}

// After a result or another look: notes what restrains the endpoint, and tells of the cause once it is known.
void Keeper::follow_up(Watched& watched, const Restraint& restraint) {
    const std::int64_t id = watched.config.id;
    if (!is_untold(watched) || restraint.hold == health::Hold::nothing) {
        restrained_.erase(id);
        watched.suppressed_by = 0;
        return;
    }
    restrained_[id] = restraint;
    if (!is_down(watched)) watched.suppressed_by = 0;
    if (!is_down(watched) || restraint.cause == 0 || restraint.cause == watched.suppressed_by) return;
    watched.suppressed_by = restraint.cause;
    Pending pending;
    pending.result.endpoint_id = id;
    pending.is_check = false;
    pending.since_us = began_us(watched.state);
    pending.suppressed_by = restraint.cause;
    pending_.push_back(std::move(pending));
}

// Of one that we know from the tables alone: what may have restrained it when we stopped is looked at again, soon.
void Keeper::restrain_as_before(const Watched& watched) {
    if (!is_untold(watched) || is_unseen(watched, clock_.wall_us())) return;
    restrained_[watched.config.id] = {health::Hold::incident, watched.suppressed_by};
    look_at_restrained_ = true;
}

void Keeper::reconsider_restrained() {
    const std::int64_t now = clock_.monotonic_us();
    if (!std::exchange(look_at_restrained_, false) && now < look_again_us_) return;
    look_again_us_ = now + kLookAgainUs;
    const std::unordered_map<std::int64_t, Restraint> restrained = restrained_;
    for (const auto& [id, before] : restrained) {
        Watched& watched = watched_.at(id);
        const Restraint restraint = restraint_on(watched);
        const bool waits = restraint.hold == health::Hold::verdict;
        if (waits && is_our_connectivity(watched)) health::failures_void(watched.state);
        const Watched* cause = find(before.cause);
        const bool cause_is_up = cause != nullptr && restraint.cause == before.cause && !is_down(*cause);
        if (cause_is_up) check_soon(id, watched.policy.retry_interval_us);
        if (restraint == before) continue;
        const bool was_our_trouble = before.hold == health::Hold::verdict && watched.state.failures == 0;
        if (was_our_trouble) check_soon(id, 0);
        std::vector<health::Change> changes;
        if (const auto change = health::reconsider(watched.state, watched.policy, restraint.hold)) changes.push_back(*change);
        tell(watched, std::move(changes));
        follow_up(watched, restraint);
    }
}

// What happened to an endpoint without a result.
void Keeper::tell(Watched& watched, std::vector<health::Change> changes) {
    if (changes.empty()) return;
    Pending pending;
    pending.result.endpoint_id = watched.config.id;
    pending.is_check = false;
    pending.since_us = began_us(watched.state);
    watched.lacks_excerpt |= opens_incident(changes);
    pending.changes = std::move(changes);
    pending_.push_back(std::move(pending));
}

void Keeper::apply_maintenance() {
    const std::int64_t now = clock_.wall_us();
    if (!wishes_.reread_maintenance && now < next_maintenance_us_) return;
    if (wishes_.reload() || !reload_backoff_.over(clock_.monotonic_us())) return;  // the endpoints come first
    Maintenance maintenance;
    if (auto failure = attempt([&] { maintenance = store_.load_maintenance(); })) {
        complain("read maintenance windows", *failure);
        reload_backoff_.failed(clock_.monotonic_us());
        return;
    }
    reload_backoff_.reset();
    const std::int64_t ended_us = wishes_.reread_maintenance ? now : next_maintenance_us_;
    wishes_.reread_maintenance = false;
    next_maintenance_us_ = maintenance.next_change_us;
    for (auto& [id, watched] : watched_) {
        const auto window = maintenance.since_us.find(id);
        const bool begins = window != maintenance.since_us.end();
        if (begins == watched.state.maintenance) continue;
        const Restraint restraint = begins || !watched.failed ? Restraint() : restraint_on(watched);
        // One that ended while nobody looked: whether the endpoint is still down its next check will tell.
        const health::Hold hold = is_unseen(watched, now) ? health::Hold::incident : restraint.hold;
        tell(watched, {begins ? health::enter_maintenance(watched.state, window->second)
                              : health::leave_maintenance(watched.state, ended_us, hold)});
        follow_up(watched, restraint);
    }
}

}  // namespace pulsimo::worker
