#include "worker/keeper.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/schedule.hpp"
#include "engine/wire.hpp"
#include "worker/check_requests.hpp"
#include "worker/launcher.hpp"

#include "pg/compat.hpp"

extern "C" {
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
}

namespace pulsimo::worker {

namespace {

constexpr std::int64_t kNotesEveryUs = 1'000'000;
constexpr std::int64_t kNotesAgainUs = 5'000'000;  // when they could not be written
constexpr std::int64_t kHousekeepingEveryUs = 10LL * 60 * 1'000'000;
constexpr std::size_t kMostChanged = 10'000;  // endpoints to read one by one; beyond, all are read

// A transaction that waits for a lock resets the latch, and what set it would be seen only with the next message.
struct LookAgain {
    ~LookAgain() { SetLatch(MyLatch); }
};

}  // namespace

Keeper::Keeper(int slot) : slot_index_(slot), slot_(shared()->slots[slot]) {
    wait_event_ = pg::wait_event("PulsimoKeeperMain");
}

void Keeper::run() {
    wishes_.reload_all = true;
    look_for_prepared_transactions();
    leaving_ = !should_stay();
    if (!leaving_) settle();
    while (!leaving_) turn();
    write_what_is_left();
    next_notes_us_ = 0;
    write_notes();
}

// One of them may start monitoring when it is committed, so the slot remembers it even if we leave.
void Keeper::look_for_prepared_transactions() {
    bool prepared = false;
    if (auto failure = attempt([&] { prepared = store_.has_prepared_transactions(); })) {
        complain("look for prepared transactions", *failure);
    }
    SharedLock lock;
    slot_.has_prepared |= prepared;
}

// There is something to keep here.
void Keeper::settle() {
    SharedLock lock;
    slot_.scouted = false;
    wake_launcher();  // it can send another scout
}

void Keeper::turn() {
    if (pg::call([] { return handle_signals(); })) reconfigure();
    take_requests();
    take_wishes();
    leaving_ |= wishes_.leave;
    if (wishes_.reread_state && !should_stay()) return;
    keep_probers_running();
    reload();
    apply_maintenance();
    take_results();
    reconsider_restrained();
    forward_requests();
    write_batches();
    throttle_probers();
    write_notes();
    keep_house();
    for (ProberLink& prober : probers_) {
        if (prober.running()) prober.channel().flush();
    }
    give_memory_back();
    slot_.keeper.endpoints = static_cast<std::int64_t>(watched_.size());
    slot_.keeper.queued = static_cast<std::int64_t>(pending_.size() + held_.size());
    if (!leaving_) wait();
}

void Keeper::reconfigure() {
    if (static_cast<int>(probers_.size()) != settings::probers) {
        take_results();  // those that have left a prober already
        probers_.clear();
    }
    if (std::exchange(lacks_secrets_, false)) wishes_.reload_all = true;  // the key may be there now
    for (auto& [id, watched] : watched_) watched.policy.stall_limit_us = std::int64_t{settings::late_limit_ms} * 1000;
}

// Runs `work`, which talks to the tables. Returns how they refused, if they did; "successful completion" if they are
// gone because the extension was dropped.
std::optional<pg::Failure> Keeper::attempt(const std::function<void()>& work) {
    const LookAgain look_again;
    try {
        work();
        return std::nullopt;
    } catch (const ExtensionChanged&) {
        leaving_ = true;
        leave_unless_asked_again();
        pg::Failure gone;
        gone.sqlstate = ERRCODE_SUCCESSFUL_COMPLETION;
        return gone;
    } catch (const pg::PgError& error) {
        remember_error(slot_.keeper_error, error.failure().message);
        slot_.keeper.failures++;
        return error.failure();
    }
}

// Logs a failure, unless the same work failed for the same reason the last time.
void Keeper::complain(const char* what, const pg::Failure& failure) {
    if (failure.sqlstate == ERRCODE_SUCCESSFUL_COMPLETION) return;
    std::string& last = complaints_[what];
    if (last == failure.message) return;
    last = failure.message;
    pg::call([&] {
        ereport(LOG, (errcode(failure.sqlstate), errmsg("pulsimo could not %s: %s", what, failure.message)));
    });
}

void Keeper::take_wishes() {
    wishes_.changed.reserve(wishes_.changed.size() + DatabaseSlot::kMaxChanged);
    SharedLock lock;
    wishes_.leave = slot_.suspensions > 0;
    wishes_.reread_state |= slot_.reread_state;
    wishes_.reread_maintenance |= slot_.reread_maintenance;
    wishes_.reload_all |= slot_.reload_all;
    wishes_.reload_all |= wishes_.changed.size() > kMostChanged;
    wishes_.changed.insert(wishes_.changed.end(), slot_.changed, slot_.changed + slot_.changed_count);
    slot_.reread_state = slot_.reread_maintenance = slot_.reload_all = false;
    slot_.changed_count = 0;
}

// Looks at the tables; when there is nothing to keep, tells the launcher so and leaves.
bool Keeper::should_stay() {
    Installation installation = Installation::absent;
    wishes_.reread_state = false;
    if (auto failure = attempt([&] { installation = store_.look(); })) {
        complain("read its state", *failure);
        // Cannot tell. Ending without clearing `wanted` has the launcher start us again after a while.
        leaving_ = true;
        return false;
    }
    if (installation == Installation::running) return true;
    if (installation == Installation::other_version) {
        pg::call([] {
            ereport(LOG, (errmsg("pulsimo library is of version %s, the extension in database %u is not",
                                 PULSIMO_VERSION, MyDatabaseId),
                          errhint("Run ALTER EXTENSION pulsimo UPDATE, or restart the server after installing.")));
        });
    }
    leaving_ = leave_unless_asked_again();
    return !leaving_;
}

// Clears `wanted`, unless somebody has asked for a keeper since we looked.
bool Keeper::leave_unless_asked_again() {
    SharedLock lock;
    if (slot_.reread_state) return false;
    slot_.wanted = false;
    return true;
}

ProberLink& Keeper::prober_of(std::int64_t endpoint_id) {
    return probers_[static_cast<std::size_t>(engine::owner_of(endpoint_id, static_cast<int>(probers_.size())))];
}

// A prober that is not running gets all its endpoints when it starts; commands for it until then are not needed.
void Keeper::send(ProberLink& prober, const engine::Command& command) {
    if (!prober.running()) return;
    engine::append(prober.channel().message(), command);
    prober.channel().next_message();
}

void Keeper::keep_probers_running() {
    const std::int64_t now = clock_.monotonic_us();
    while (static_cast<int>(probers_.size()) < settings::probers) {
        probers_.emplace_back(slot_index_, static_cast<int>(probers_.size()));
    }
    for (ProberLink& prober : probers_) {
        if (!prober.ensure_running(now)) continue;
        refuse_asked_of(prober);
        if (throttled_) send(prober, engine::SetAccepting{false});
        for (const auto& [id, watched] : watched_) {
            if (&prober_of(id) == &prober) send(prober, engine::Upsert{watched.config});
        }
        memory_lies_idle_ = true;
    }
}

// What the prober before this one was asked is lost with it.
void Keeper::refuse_asked_of(const ProberLink& prober) {
    for (auto& [id, requests] : asked_) {
        if (&prober_of(id) != &prober) continue;
        for (std::uint64_t request : requests) refuse_request(slot_, request, "a prober was restarted");
        requests.clear();
    }
    std::erase_if(asked_, [](const auto& asked) { return asked.second.empty(); });
}

// Before the wishes: whoever asks for a check of an endpoint that was just added finds it known then.
void Keeper::take_requests() {
    for (const PostedRequest& request : take_posted_requests(slot_)) requests_.push_back(request);
}

void Keeper::forward_requests() {
    if (wishes_.reload()) return;  // perhaps it is of those that could not be read yet
    for (const PostedRequest& request : std::exchange(requests_, {})) {
        if (watched_.contains(request.endpoint_id)) {
            asked_[request.endpoint_id].push_back(request.id);
            send(prober_of(request.endpoint_id), engine::CheckNow{request.endpoint_id, request.id});
        } else {
            refuse_request(slot_, request.id, "the endpoint is not monitored");
        }
    }
}

void Keeper::keep_house() {
    const std::int64_t now = clock_.monotonic_us();
    if (now < next_housekeeping_us_) return;
    next_housekeeping_us_ = now + kHousekeepingEveryUs;
    if (auto failure = attempt([this] { store_.keep_house(); })) complain("make or drop partitions", *failure);
}

bool Keeper::has_notes() const {
    SharedLock lock;
    return any_notes(slot_.audit_notes);
}

// Once a second at most, however much is noted.
void Keeper::write_notes() {
    const std::int64_t now = clock_.monotonic_us();
    if (now < next_notes_us_ || !has_notes()) return;
    next_notes_us_ = now + kNotesEveryUs;
    const auto failure = attempt([this] { store_.write_notes(); });
    if (!failure) return;
    complain("write the audit log", *failure);
    next_notes_us_ = now + kNotesAgainUs;
    if (is_refusal_of_data(failure->sqlstate)) store_.drop_notes();  // rather than never write any again
}

void Keeper::wait() {
    const std::int64_t now = clock_.monotonic_us();
    std::int64_t due = next_housekeeping_us_;
    if (has_notes()) due = std::min(due, next_notes_us_);
    if (!pending_.empty()) due = std::min(due, write_backoff_.not_before_us());
    if (!held_.empty()) due = std::min(due, held_until_us_);
    if (!restrained_.empty()) due = std::min(due, look_again_us_);
    if (next_maintenance_us_ != INT64_MAX) {
        due = std::min(due, std::max(next_maintenance_us_ - clock_.wall_us() + now, reload_backoff_.not_before_us()));
    }
    if (wishes_.reload() || wishes_.reread_maintenance) due = std::min(due, reload_backoff_.not_before_us());
    for (const ProberLink& prober : probers_) {
        if (!prober.running()) due = std::min(due, prober.next_start_us());
    }
    const long timeout_ms = due <= now ? 0 : static_cast<long>((due - now + 999) / 1000);
    pg::call([&] {
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms, wait_event_);
        ResetLatch(MyLatch);
    });
}

namespace {

void leave_shared_memory(int /*code*/, Datum slot_index) {
    DatabaseSlot& slot = shared()->slots[DatumGetInt32(slot_index)];
    {
        SharedLock lock;
        slot.keeper_latch = nullptr;
        slot.keeper.pid = 0;
        slot.keeper.queued = 0;
        wake_launcher();
    }
    refuse_all_requests(slot, "monitoring was stopped");
}

void enter_shared_memory(DatabaseSlot& slot) {
    SharedLock lock;
    slot.keeper_latch = MyLatch;
    slot.keeper.pid = MyProcPid;
    slot.keeper.checks = slot.keeper.failures = slot.keeper.skipped = 0;
}

// What an administrator set for sessions in general must neither end the keeper nor change what its SQL means.
void configure_session() {
    auto set = [](const char* name, const char* value) { SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE); };
    set("search_path", "pg_catalog, pg_temp");
    set("statement_timeout", "0");
    set("idle_in_transaction_session_timeout", "0");
    set("lock_timeout", kLockTimeout);
    set("default_transaction_isolation", "read committed");
    set("max_parallel_workers_per_gather", "0");
    set("role", "none");
    set("client_encoding", GetDatabaseEncodingName());  // COPY converts texts from it
    set("session_replication_role", "origin");
    set("client_min_messages", "error");
    if (pg::kHasTransactionTimeout) set("transaction_timeout", "0");
}

}  // namespace

}  // namespace pulsimo::worker

PULSIMO_EXPORT void pulsimo_keeper_main(Datum argument) {
    using namespace pulsimo;
    using namespace pulsimo::worker;

    prepare_worker();
    const int index = DatumGetInt32(argument);
    DatabaseSlot& slot = shared()->slots[index];
    before_shmem_exit(leave_shared_memory, argument);
    enter_shared_memory(slot);
    BackgroundWorkerInitializeConnectionByOid(slot.database, InvalidOid, 0);
    configure_session();
    pgstat_report_appname(kKeeperType);
    pgstat_report_activity(STATE_IDLE, nullptr);

    MemoryContextSwitchTo(TopMemoryContext);
    pg::entry([&] {
        Keeper(index).run();
        return Datum(0);
    });
}
