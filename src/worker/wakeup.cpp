#include "worker/wakeup.hpp"

#include "pg/compat.hpp"
#include "worker/shared.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "commands/extension.h"
}

namespace pulsimo::worker {

namespace {

constexpr int kSuspendPatienceMs = 5000;
constexpr int kSuspendTurnMs = 100;

// What the running transaction has to tell at commit.
struct Notes {
    bool state_changed;
    bool extension_dropped;
    bool all_changed;
    int changed_count;
    std::int64_t changed[DatabaseSlot::kMaxChanged];
    bool suspended_something;

    bool any() const { return state_changed || extension_dropped || all_changed || changed_count > 0; }
};

Notes notes = {};
bool callback_registered = false;

void hand_over_endpoints(DatabaseSlot& slot) {
    if (notes.all_changed || slot.changed_count + notes.changed_count > DatabaseSlot::kMaxChanged) {
        slot.reload_all = true;
        return;
    }
    memcpy(slot.changed + slot.changed_count, notes.changed, sizeof(std::int64_t) * notes.changed_count);
    slot.changed_count += notes.changed_count;
}

// False: all slots are taken.
bool hand_over() {
    SharedLock lock;
    DatabaseSlot* slot = notes.state_changed ? claim_slot(MyDatabaseId) : find_slot(MyDatabaseId);
    if (slot == nullptr) return !notes.state_changed;
    if (notes.state_changed) slot->wanted = true;
    if (notes.state_changed || notes.extension_dropped) slot->reread_state = true;
    hand_over_endpoints(*slot);
    wake_keeper(*slot);
    if (notes.state_changed) wake_launcher();
    return true;
}

void end_suspension() {
    SharedLock lock;
    for (int i = 0; i < shared()->slot_count; i++) {
        if (shared()->slots[i].suspended_by == MyProcPid) shared()->slots[i].suspended_by = 0;
    }
    wake_launcher();
}

void at_transaction_end(XactEvent event, void* /*arg*/) {
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE) return;
    if (notes.suspended_something) end_suspension();
    bool handed_over = event != XACT_EVENT_COMMIT || !notes.any() || hand_over();
    notes.state_changed = notes.extension_dropped = notes.all_changed = notes.suspended_something = false;
    notes.changed_count = 0;
    if (!handed_over) {
        ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                          errmsg("pulsimo already monitors %d databases, this one is not monitored",
                                 shared()->slot_count),
                          errhint("Consider increasing pulsimo.max_databases.")));
    }
}

// False: there is nobody to tell.
bool ready_to_note() {
    if (shared() == nullptr || RecoveryInProgress()) return false;
    if (!callback_registered) RegisterXactCallback(at_transaction_end, nullptr);
    callback_registered = true;
    return true;
}

// The slot whose keeper has to go first; nullptr when the database has none.
DatabaseSlot* ask_for_suspension(Oid database) {
    SharedLock lock;
    DatabaseSlot* slot = find_slot(database);
    if (slot == nullptr) return nullptr;
    slot->suspended_by = MyProcPid;
    notes.suspended_something = true;
    wake_keeper(*slot);
    wake_launcher();
    return slot;
}

// It is the launcher who notes that a keeper has ended. While there is none, the keeper's own farewell must do.
bool keeper_exists(Oid database) {
    SharedLock lock;
    DatabaseSlot* slot = find_slot(database);
    if (slot == nullptr) return false;
    return shared()->launcher_latch != nullptr ? slot->keeper_exists : slot->keeper.pid != 0;
}

}  // namespace

void note_changed_endpoint(std::int64_t endpoint_id) {
    if (!ready_to_note()) return;
    if (notes.changed_count == DatabaseSlot::kMaxChanged) {
        notes.all_changed = true;
    } else {
        notes.changed[notes.changed_count++] = endpoint_id;
    }
}

void note_all_changed() {
    if (ready_to_note()) notes.all_changed = true;
}

void note_state_changed() {
    if (ready_to_note()) notes.state_changed = true;
}

void note_prepared_commit() {
    if (!OidIsValid(get_extension_oid("pulsimo", true))) return;
    note_all_changed();
    note_state_changed();
}

void note_extension_dropped() {
    if (ready_to_note()) notes.extension_dropped = true;
}

void suspend_database(Oid database) {
    if (!ready_to_note()) return;
    DatabaseSlot* slot = ask_for_suspension(database);
    if (slot == nullptr) return;
    static uint32 wait_event = 0;
    if (wait_event == 0) wait_event = pg::wait_event("PulsimoStopKeeper");
    TimestampTz give_up_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), kSuspendPatienceMs);
    ConditionVariablePrepareToSleep(&slot->moved);
    while (keeper_exists(database) && GetCurrentTimestamp() < give_up_at) {
        ConditionVariableTimedSleep(&slot->moved, kSuspendTurnMs, wait_event);
    }
    ConditionVariableCancelSleep();
}

void warn_if_not_preloaded() {
    static bool said = false;
    if (shared() != nullptr || said) return;
    said = true;
    ereport(WARNING,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("pulsimo is not preloaded, nothing will be probed"),
             errhint("Add \"pulsimo\" to shared_preload_libraries and restart the server.")));
}

}  // namespace pulsimo::worker
