// The keeper's way into the tables: batches, and what becomes of results that cannot be written.
//
//  - Whatever is there is written: the probers have held it until it was worth a transaction (prober.cpp).
//  - What the tables refuse for what it contains is found by halving the batch, and dropped; the rest is written.
//  - What fails on a lock: if results without changes can be written, then it is not the table that is locked but some
//    endpoint or incident, by somebody's open transaction. Results that change the status of such an endpoint are held
//    apart for a while, in their order, and everybody else's go on.
//  - Anything else (a full disk, a locked table, a read-only database): everything waits and is tried again.

#include <algorithm>
#include <iterator>

#include "worker/check_requests.hpp"
#include "worker/keeper.hpp"

#include "pg/guard.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace pulsimo::worker {

namespace {

constexpr int kBatchesPerTurn = 10;               // so that a backlog does not keep sessions waiting for an answer
constexpr int kLocksPerRound = 25;                // each costs kShortLockTimeout
constexpr const char* kShortLockTimeout = "20ms";
constexpr std::int64_t kHoldUs = 5'000'000;
constexpr std::int64_t kLastWritesUs = 1'000'000;

bool is_locked_out(int sqlstate) {
    return sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_T_R_DEADLOCK_DETECTED;
}

// How long our statements wait for a lock, for the scope.
struct LockTimeout {
    explicit LockTimeout(const char* time) { set(time); }
    ~LockTimeout() { set(kLockTimeout); }
    LockTimeout(const LockTimeout&) = delete;
    LockTimeout& operator=(const LockTimeout&) = delete;

  private:
    static void set(const char* time) { SetConfigOption("lock_timeout", time, PGC_SUSET, PGC_S_OVERRIDE); }
};

// As pulsimo.record_states() and the functions of incidents do.
void note_change(Stored& stored, const health::Change& change) {
    const bool is_row = stored.status != change.to || stored.maintenance != change.maintenance ||
                        stored.flapping != change.flapping;
    if (is_row) {
        stored = {.changed_us = std::max(stored.changed_us, change.at_us),
                  .status = change.to,
                  .maintenance = change.maintenance,
                  .flapping = change.flapping,
                  .incident_open = stored.incident_open};
    }
    if (change.incident != health::IncidentAction::none) {
        stored.incident_open = change.incident == health::IncidentAction::open;
    }
}

void append(std::vector<Pending>& to, std::vector<Pending>&& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

bool is_refusal_of_data(int sqlstate) {
    const int category = ERRCODE_TO_CATEGORY(sqlstate);
    return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
           category == ERRCODE_PLPGSQL_ERROR;
}

bool Keeper::batch_is_due() const {
    return !pending_.empty() && write_backoff_.over(clock_.monotonic_us());
}

void Keeper::write_batches() {
    if (!held_.empty() && clock_.monotonic_us() >= held_until_us_) release_held();
    if (!batch_is_due()) return;
    for (int batches = 0; batches < kBatchesPerTurn && !pending_.empty(); batches++) {
        std::vector<Pending> left = write(take_batch());
        if (left.empty()) continue;
        pending_.insert(pending_.begin(), std::make_move_iterator(left.begin()), std::make_move_iterator(left.end()));
        write_backoff_.failed(clock_.monotonic_us());
        return;
    }
}

std::vector<Pending> Keeper::take_batch() {
    const auto length = std::min(pending_.size(), static_cast<std::size_t>(settings::batch_size));
    const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(length);
    std::vector<Pending> batch(std::make_move_iterator(pending_.begin()), std::make_move_iterator(end));
    pending_.erase(pending_.begin(), end);
    return batch;
}

// Writes what can be written. Returns what has to wait, in its order.
std::vector<Pending> Keeper::write(std::vector<Pending> batch) {
    if (!locked_.empty()) return write_around_locks(std::move(batch));
    auto failure = write_whole(batch);
    if (!failure) return {};
    if (is_locked_out(failure->sqlstate)) return write_around_locks(std::move(batch));
    if (is_refusal_of_data(failure->sqlstate)) return write_halves(std::move(batch));
    complain("write results", *failure);
    return batch;
}

std::optional<pg::Failure> Keeper::write_whole(std::span<const Pending> batch) {
    if (batch.empty()) return std::nullopt;
    if (auto failure = attempt([&] { store_.write(batch); })) return failure;
    slot_.keeper.checks += std::count_if(batch.begin(), batch.end(), [](const Pending& p) { return p.is_check; });
    note_stored(batch);
    for (const Pending& pending : batch) {
        for (std::uint64_t request : pending.answers) answer_request(slot_, request, pending.result, pending.verdict);
        if (!refused_.empty()) refused_.erase(pending.result.endpoint_id);
    }
    write_backoff_.reset();
    if (complaints_.erase("write results") > 0) pg::call([] { ereport(LOG, (errmsg("pulsimo writes results again"))); });
    return std::nullopt;
}

void Keeper::note_stored(std::span<const Pending> batch) {
    for (const Pending& pending : batch) {
        const auto place = watched_.find(pending.result.endpoint_id);
        if (place == watched_.end()) continue;
        for (const health::Change& change : pending.changes) note_change(place->second.stored, change);
    }
}

// Their results stay, for they were measured.
void Keeper::forget_changes_of_replaced() {
    if (replaced_.empty()) return;
    const auto forget = [this](Pending& pending) {
        if (!replaced_.contains(pending.result.endpoint_id)) return;
        pending.changes.clear();
        pending.suppressed_by = 0;
        pending.shows_response = false;
    };
    std::for_each(pending_.begin(), pending_.end(), forget);
    std::for_each(held_.begin(), held_.end(), forget);
    replaced_.clear();
}

std::vector<Pending> Keeper::write_halves(std::vector<Pending> batch) {
    if (batch.size() == 1) return write_or_drop(std::move(batch));
    const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
    std::vector<Pending> second(std::make_move_iterator(middle), std::make_move_iterator(batch.end()));
    batch.erase(middle, batch.end());
    std::vector<Pending> left = write(std::move(batch));
    append(left, left.empty() ? write(std::move(second)) : std::move(second));
    return left;
}

// Once more, for somebody may have dropped the partition that the first attempt took for granted.
std::vector<Pending> Keeper::write_or_drop(std::vector<Pending> single) {
    const auto failure = write_whole(single);
    if (failure && !is_refusal_of_data(failure->sqlstate)) return single;
    if (failure) drop(single.front(), *failure);
    return {};
}

std::vector<Pending> Keeper::write_around_locks(std::vector<Pending> batch) {
    const auto begin =
        std::stable_partition(batch.begin(), batch.end(),
                              [](const Pending& p) { return p.is_plain(); });
    std::vector<Pending> changes(std::make_move_iterator(begin), std::make_move_iterator(batch.end()));
    batch.erase(begin, batch.end());
    auto failure = write_whole(batch);
    if (failure && is_refusal_of_data(failure->sqlstate)) {
        batch = write_halves(std::move(batch));
    } else if (failure) {
        complain("write results", *failure);
    } else {
        batch.clear();
    }
    if (batch.empty()) return write_changes(std::move(changes));
    append(batch, std::move(changes));
    return batch;
}

// One by one, so that each is found out to be locked, refused or neither.
std::vector<Pending> Keeper::write_changes(std::vector<Pending> changes) {
    // Those that were locked before come last, so that they do not keep the others waiting again.
    std::stable_partition(changes.begin(), changes.end(),
                          [this](const Pending& p) { return !suspects_.contains(p.result.endpoint_id); });
    const LockTimeout impatient(kShortLockTimeout);
    int locks = 0;
    for (auto each = changes.begin(); each != changes.end(); ++each) {
        if (locked_.contains(each->result.endpoint_id) || locks == kLocksPerRound) {
            hold(std::move(*each));
        } else if (auto failure = write_whole({each, 1})) {
            std::vector<Pending> left;
            left.push_back(std::move(*each));
            if (is_refusal_of_data(failure->sqlstate)) left = write_or_drop(std::move(left));
            if (left.empty()) continue;
            if (!is_locked_out(failure->sqlstate)) {
                complain("write results", *failure);
                left.insert(left.end(), std::make_move_iterator(each + 1), std::make_move_iterator(changes.end()));
                return left;
            }
            locks++;
            suspects_.insert(left.front().result.endpoint_id);
            hold(std::move(left.front()));
        } else {
            suspects_.erase(each->result.endpoint_id);
        }
    }
    return {};
}

void Keeper::hold(Pending&& pending) {
    if (held_.empty()) held_until_us_ = clock_.monotonic_us() + kHoldUs;
    locked_.insert(pending.result.endpoint_id);
    held_.push_back(std::move(pending));
}

void Keeper::release_held() {
    pending_.insert(pending_.begin(), std::make_move_iterator(held_.begin()), std::make_move_iterator(held_.end()));
    held_.clear();
    locked_.clear();
}

// When the keeper goes: one more attempt, whatever failed before, for as long as it helps and keeps nobody waiting.
void Keeper::write_what_is_left() {
    take_results();
    release_held();
    write_backoff_.reset();
    const std::int64_t until = clock_.monotonic_us() + kLastWritesUs;
    while (batch_is_due() && clock_.monotonic_us() < until) write_batches();
}

// The tables know nothing of what they refused, nor of the change of status that it may have caused. So we go on from
// what they do know: an outage whose begin was refused is then told with the next result.
void Keeper::drop(const Pending& pending, const pg::Failure& failure) {
    const std::int64_t endpoint_id = pending.result.endpoint_id;
    if (refused_.insert(endpoint_id).second) {
        pg::call([&] {
            ereport(LOG, (errcode(failure.sqlstate),
                          errmsg("pulsimo drops results of endpoint %lld that cannot be stored: %s",
                                 static_cast<long long>(endpoint_id), failure.message)));
        });
    }
    slot_.keeper.skipped++;
    for (std::uint64_t request : pending.answers) refuse_request(slot_, request, "its result cannot be stored");
    auto place = watched_.find(endpoint_id);
    if (place == watched_.end() || pending.changes.empty()) return;
    place->second.stale = true;
    wishes_.changed.push_back(endpoint_id);
}

}  // namespace pulsimo::worker
