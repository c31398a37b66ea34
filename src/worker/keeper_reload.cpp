// From the tables into the keeper's memory: endpoints that are new, changed or gone.
//
// The tables know what was written; the keeper also what is still to be written, and the counters of src/health. So of an
// endpoint that it watches already it takes the configuration and keeps the rest, unless somebody else has written its
// history. Of one that it does not know, as when it starts, it takes everything.

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "engine/wire.hpp"
#include "worker/check_requests.hpp"
#include "worker/keeper.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace pulsimo::worker {

namespace {

constexpr std::int64_t kFirstChecksApartUs = 1000;  // of endpoints that were added together

}  // namespace

void Keeper::reload() {
    const std::int64_t now = clock_.monotonic_us();
    if (!wishes_.reload() || !reload_backoff_.over(now)) return;
    std::optional<std::vector<std::int64_t>> ids;
    if (!wishes_.reload_all) ids = wishes_.changed;
    std::vector<Watched> fresh;
    if (auto failure = attempt([&] { fresh = store_.load(ids); })) {
        complain("read endpoints", *failure);
        reload_backoff_.failed(now);
        return;
    }
    reload_backoff_.reset();
    complain_of_secrets();
    for (std::int64_t id : missing_from(fresh)) forget(id);
    const std::unordered_set<std::int64_t> incident_waits = with_incident_to_write();
    std::int64_t first_check_us = 0;
    for (Watched& watched : fresh) {
        const std::int64_t id = watched.config.id;
        if (watch(std::move(watched), incident_waits.contains(id))) check_soon(id, first_check_us += kFirstChecksApartUs);
    }
    forget_changes_of_replaced();
    memory_lies_idle_ |= wishes_.reload_all;
    wishes_ = Wishes();
    wishes_.reread_maintenance = true;  // of what is new
}

// What it took to read many endpoints and to tell the probers of them lies between them when that is done.
void Keeper::give_memory_back() {
    const auto has_to_tell = [](ProberLink& prober) { return prober.running() && prober.channel().waiting(); };
    if (!memory_lies_idle_ || std::any_of(probers_.begin(), probers_.end(), has_to_tell)) return;
    memory_lies_idle_ = false;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void Keeper::complain_of_secrets() {
    pg::Failure failure;
    std::string why;
    lacks_secrets_ |= store_.lacks_secrets(why);
    if (why.empty()) return;
    failure.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
    pg::copy_text(failure.message, why.c_str());
    remember_error(slot_.keeper_error, failure.message);
    complain("open a secret", failure);
}

// Nobody wants to wait a whole interval for the first answer of an endpoint they have just added or changed.
void Keeper::check_soon(std::int64_t endpoint_id, std::int64_t delay_us) {
    send(prober_of(endpoint_id), engine::RetryAfter{endpoint_id, delay_us});
}

// Which of the endpoints that were asked for are not to be watched any more.
std::vector<std::int64_t> Keeper::missing_from(const std::vector<Watched>& fresh) const {
    std::unordered_set<std::int64_t> found;
    for (const Watched& watched : fresh) found.insert(watched.config.id);
    std::vector<std::int64_t> missing;
    if (wishes_.reload_all) {
        for (const auto& [id, watched] : watched_) {
            if (!found.contains(id)) missing.push_back(id);
        }
    } else {
        for (std::int64_t id : wishes_.changed) {
            if (!found.contains(id)) missing.push_back(id);
        }
    }
    return missing;
}

// Endpoints whose incident opens or is resolved by a change that is not written yet.
std::unordered_set<std::int64_t> Keeper::with_incident_to_write() const {
    std::unordered_set<std::int64_t> found;
    const auto look = [&found](const Pending& pending) {
        for (const health::Change& change : pending.changes) {
            if (change.incident != health::IncidentAction::none) found.insert(pending.result.endpoint_id);
        }
    };
    std::for_each(pending_.begin(), pending_.end(), look);
    std::for_each(held_.begin(), held_.end(), look);
    return found;
}

// What we hold is ahead of the tables, except where somebody else wrote to them (paused and resumed, removed and added
// again). Then what we had still to write about it is void as well. An incident is what people write to,
// too; but what we are still to write about it comes last.
bool Keeper::keep_ours(const Watched& known, Watched& fresh, bool incident_waits) {
    const bool incident_was_open = known.stored.incident_open;
    Stored expected = known.stored;
    expected.incident_open = fresh.stored.incident_open;
    if (known.stale || expected != fresh.stored) return false;
    fresh.state = known.state;
    fresh.suppressed_by = known.suppressed_by;
    fresh.failed = known.failed;
    fresh.failing_since_us = known.failing_since_us;
    fresh.unreached = known.unreached;
    fresh.lacks_excerpt = known.lacks_excerpt;
    if (incident_waits) return true;
    if (incident_was_open && !fresh.stored.incident_open) health::incident_closed(fresh.state);
    if (!incident_was_open && fresh.stored.incident_open) health::incident_opened(fresh.state);
    return true;
}

// True when the endpoint should be checked soon, because it is new or was changed. Where all are read, one that we did
// not know may be an old one: then only if nothing is known of it, as after it was resumed, or if it was to be tried again.
bool Keeper::watch(Watched fresh, bool incident_waits) {
    const std::int64_t id = fresh.config.id;
    auto [place, is_new] = watched_.try_emplace(id);
    Watched& known = place->second;
    const bool changed = is_new || known.config != fresh.config;
    const bool ours_counts = !is_new && keep_ours(known, fresh, incident_waits);
    if (!is_new && !ours_counts) replaced_.insert(id);
    known = std::move(fresh);
    if (!ours_counts) restrain_as_before(known);
    if (changed) send(prober_of(id), engine::Upsert{known.config});
    const bool undecided = known.state.status == health::Status::unknown || known.state.failures > 0;
    return changed && (!is_new || !wishes_.reload_all || undecided);
}

void Keeper::forget(std::int64_t endpoint_id) {
    refused_.erase(endpoint_id);
    asked_.erase(endpoint_id);
    restrained_.erase(endpoint_id);
    replaced_.insert(endpoint_id);
    if (watched_.erase(endpoint_id) > 0) send(prober_of(endpoint_id), engine::Remove{endpoint_id});
    refuse_requests_for(slot_, endpoint_id, "the endpoint was removed or paused");
}

}  // namespace pulsimo::worker
