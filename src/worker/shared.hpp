// The shared memory of all our processes: one slot per monitored database.
//
// Who writes what: backends post wishes into a slot (start, changed endpoints, check now) and set the keeper's or the
// launcher's latch; the launcher starts and stops keepers; a keeper answers wishes; probers publish counters. The slot's
// plain fields are guarded by Shared::lock, held for moments only; counters are atomics that need no lock.
//
// Results and configuration do not pass here but through queues (channel.hpp). Nothing here survives a crash: whatever
// matters is in tables, and a keeper that starts reads them.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/result.hpp"
#include "health/health.hpp"
#include "worker/audit_notes.hpp"
#include "worker/live_maintenance.hpp"
#include "worker/settings.hpp"
#include "worker/sign_in_attempts.hpp"

#include "pg/postgres.hpp"

extern "C" {
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"
}

namespace pulsimo::worker {

// Published by one process, read by anyone.
struct ProcessCounters {
    std::atomic<int> pid;                 // 0: not running
    std::atomic<std::int64_t> endpoints;
    std::atomic<std::int64_t> running;    // checks in flight
    std::atomic<std::int64_t> queued;     // prober: due but waiting; keeper: results not yet written
    std::atomic<std::int64_t> last_lateness_us;
    std::atomic<std::int64_t> max_lateness_us;
    std::atomic<std::int64_t> checks;     // prober: ended; keeper: committed
    std::atomic<std::int64_t> failures;   // prober: checks that did not pass; keeper: transactions that failed
    std::atomic<std::int64_t> skipped;
    std::atomic<std::int64_t> restarts;
};

// The last error of a process; guarded by Shared::lock.
struct LastError {
    TimestampTz at;
    char text[256];
};

enum class RequestState : std::uint8_t { free, posted, taken, answered, refused };

// A person waiting in check_now().
struct CheckRequest {
    static constexpr std::size_t kMaxText = engine::CheckResult::kMaxDetail + 1;

    RequestState state;
    std::uint32_t generation;             // a late answer to an earlier use of this place is told by it
    std::int64_t endpoint_id;
    // The answer, as plain memory.
    std::int64_t checked_at_us;
    health::Status verdict;
    engine::ErrorClass error;
    std::int32_t response_us;
    engine::Phases phases;
    std::int32_t http_status;
    char detail[kMaxText];                // of the check, or why it was refused
};

struct DatabaseSlot {
    static constexpr int kMaxRequests = 128;
    static constexpr int kMaxChanged = 512;

    Oid database;                         // InvalidOid: the slot is free
    bool wanted;                          // a keeper shall run
    bool scouted;                         // wanted only because the launcher looks around after a start
    bool keeper_exists;                   // from registration until the postmaster has seen it end
    bool reread_state;                    // for the keeper: start(), stop(), the extension changed
    bool reload_all;                      // for the keeper: too many endpoints changed to list them
    bool reread_maintenance;              // for the keeper: what is in maintenance has changed
    int suspensions;                      // transactions whose DDL needs the database to itself
    bool has_prepared;                    // a prepared transaction may have something to tell when it is committed
    Latch* keeper_latch;
    int changed_count;
    std::int64_t changed[kMaxChanged];    // endpoints to read again
    CheckRequest requests[kMaxRequests];
    AuditNotes audit_notes;
    LiveMaintenance live_maintenance;
    LastError keeper_error;
    LastError prober_errors[settings::kMaxProbers];

    ConditionVariable moved;              // a request was answered, or the keeper is gone
    ProcessCounters keeper;
    ProcessCounters probers[settings::kMaxProbers];
};

struct Shared {
    LWLock* lock;
    Latch* launcher_latch;
    LastError launcher_error;
    ProcessCounters launcher;
    SignInAttempts sign_in_attempts;
    int slot_count;
    DatabaseSlot slots[FLEXIBLE_ARRAY_MEMBER];
};

// From the hooks in module.cpp.
std::size_t shared_size();
void initialize_shared();

// nullptr when the library was not preloaded.
Shared* shared() noexcept;

// Shared::lock for the scope. No Postgres call that can raise an ERROR belongs inside.
class SharedLock {
  public:
    SharedLock() { LWLockAcquire(shared()->lock, LW_EXCLUSIVE); }
    ~SharedLock() { LWLockRelease(shared()->lock); }
    SharedLock(const SharedLock&) = delete;
    SharedLock& operator=(const SharedLock&) = delete;
};

// All with the lock held. claim_slot() takes a free slot if the database has none, or one that another database has no need
// of now; claim_free_slot() takes one that nobody has. nullptr: all are taken.
DatabaseSlot* find_slot(Oid database) noexcept;
DatabaseSlot* claim_slot(Oid database) noexcept;
DatabaseSlot* claim_free_slot(Oid database) noexcept;

void wake_launcher() noexcept;                          // with the lock held
void wake_keeper(const DatabaseSlot& slot) noexcept;    // with the lock held

void remember_error(LastError& error, const char* text);  // without the lock

}  // namespace pulsimo::worker
