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
constexpr int kMaxSuspended = 8;  // databases, by one transaction

// What the running transaction has to tell at commit.
struct Notes {
    bool state_changed;
    bool extension_dropped;
    bool all_changed;
    bool maintenance_changed;
    int changed_count;
    std::int64_t changed[DatabaseSlot::kMaxChanged];
    int suspended_count;
    Oid suspended[kMaxSuspended];

    bool any() const {
        return state_changed || extension_dropped || all_changed || maintenance_changed || changed_count > 0;
    }
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
    if (notes.extension_dropped) {  // with the users and endpoints that these are about
        clear_notes(slot->audit_notes);
        clear_windows(slot->live_maintenance);
    }
    if (notes.maintenance_changed) slot->reread_maintenance = true;
    hand_over_endpoints(*slot);
    wake_keeper(*slot);
    if (notes.state_changed) wake_launcher();
    return true;
}

void end_suspensions() {
    SharedLock lock;
    for (int i = 0; i < notes.suspended_count; i++) {
        DatabaseSlot* slot = find_slot(notes.suspended[i]);
        if (slot != nullptr && slot->suspensions > 0) slot->suspensions--;
    }
    wake_launcher();
}

void mark_prepared() {
    SharedLock lock;
    DatabaseSlot* slot = notes.state_changed ? claim_slot(MyDatabaseId) : find_slot(MyDatabaseId);
    if (slot != nullptr) slot->has_prepared = true;
}

void at_transaction_end(XactEvent event, void* /*arg*/) {
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE) return;
    if (notes.suspended_count > 0) end_suspensions();
    if (event == XACT_EVENT_PREPARE && notes.any()) mark_prepared();
    bool handed_over = event != XACT_EVENT_COMMIT || !notes.any() || hand_over();
    notes.state_changed = notes.extension_dropped = notes.all_changed = notes.maintenance_changed = false;
    notes.changed_count = notes.suspended_count = 0;
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

bool is_suspended_by_us(Oid database) {
    for (int i = 0; i < notes.suspended_count; i++) {
        if (notes.suspended[i] == database) return true;
    }
    return false;
}

// The slot whose keeper has to go first; nullptr when the database has none.
DatabaseSlot* ask_for_suspension(Oid database) {
    SharedLock lock;
    DatabaseSlot* slot = find_slot(database);
    if (slot == nullptr || notes.suspended_count == kMaxSuspended) return nullptr;
    if (!is_suspended_by_us(database)) {
        slot->suspensions++;
        notes.suspended[notes.suspended_count++] = database;
    }
    wake_keeper(*slot);
    wake_launcher();
    return slot;
}

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

void note_maintenance_changed() {
    if (ready_to_note()) notes.maintenance_changed = true;
}

void note_state_changed() {
    if (ready_to_note()) notes.state_changed = true;
}

void note_prepared_commit() {
    if (!ready_to_note()) return;
    bool has_prepared = false, has_slot = false;
    {
        SharedLock lock;
        const DatabaseSlot* slot = find_slot(MyDatabaseId);
        has_slot = slot != nullptr;
        has_prepared = has_slot && slot->has_prepared;
    }
    // Where there is no slot, it may have been given to another database since.
    const bool slot_was_taken = !has_slot && OidIsValid(get_extension_oid("pulsimo", true));
    if (has_prepared || slot_was_taken) notes.all_changed = notes.state_changed = notes.maintenance_changed = true;
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
