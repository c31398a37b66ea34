#include "worker/shared.hpp"

#include "pg/guard.hpp"

#include <new>

extern "C" {
#include "storage/shmem.h"
}

namespace pulsimo::worker {

namespace {

constexpr const char* kName = "pulsimo";

Shared* shared_memory = nullptr;

void clear_counters(ProcessCounters& counters) noexcept {
    counters.endpoints = counters.running = counters.queued = counters.checks = counters.failures = 0;
    counters.skipped = counters.restarts = counters.last_lateness_us = counters.max_lateness_us = 0;
}

void clear_slot(DatabaseSlot& slot, Oid database) noexcept {
    slot.database = database;
    slot.wanted = slot.scouted = slot.keeper_exists = slot.reread_state = slot.reload_all = slot.has_prepared = false;
    slot.reread_maintenance = false;
    slot.suspensions = 0;
    slot.keeper_latch = nullptr;
    slot.changed_count = 0;
    clear_notes(slot.audit_notes);
    clear_windows(slot.live_maintenance);
    slot.keeper_error = {};
    clear_counters(slot.keeper);
    for (int i = 0; i < settings::kMaxProbers; i++) {
        slot.prober_errors[i] = {};
        clear_counters(slot.probers[i]);
    }
}

// One that only remembers a prepared transaction, perhaps of a database that is gone by now.
DatabaseSlot* find_idle_slot() noexcept {
    for (int i = 0; i < shared_memory->slot_count; i++) {
        DatabaseSlot& slot = shared_memory->slots[i];
        if (slot.wanted || slot.keeper_exists || slot.suspensions > 0 || any_windows(slot.live_maintenance)) continue;
        return &slot;
    }
    return nullptr;
}

}  // namespace

std::size_t shared_size() {
    return offsetof(Shared, slots) + static_cast<std::size_t>(settings::max_databases) * sizeof(DatabaseSlot);
}

void initialize_shared() {
    bool found = false;
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    shared_memory = static_cast<Shared*>(ShmemInitStruct(kName, shared_size(), &found));
    if (!found) {
        memset(static_cast<void*>(shared_memory), 0, shared_size());
        shared_memory->lock = &GetNamedLWLockTranche(kName)->lock;
        shared_memory->slot_count = settings::max_databases;
        for (int i = 0; i < shared_memory->slot_count; i++) ConditionVariableInit(&shared_memory->slots[i].moved);
    }
    LWLockRelease(AddinShmemInitLock);
}

Shared* shared() noexcept { return shared_memory; }

DatabaseSlot* find_slot(Oid database) noexcept {
    for (int i = 0; i < shared_memory->slot_count; i++) {
        if (shared_memory->slots[i].database == database) return &shared_memory->slots[i];
    }
    return nullptr;
}

DatabaseSlot* claim_free_slot(Oid database) noexcept {
    DatabaseSlot* slot = find_slot(InvalidOid);
    if (slot != nullptr) clear_slot(*slot, database);
    return slot;
}

DatabaseSlot* claim_slot(Oid database) noexcept {
    if (DatabaseSlot* slot = find_slot(database)) return slot;
    if (DatabaseSlot* slot = claim_free_slot(database)) return slot;
    DatabaseSlot* slot = find_idle_slot();
    if (slot != nullptr) clear_slot(*slot, database);
    return slot;
}

void wake_launcher() noexcept {
    if (shared_memory->launcher_latch != nullptr) SetLatch(shared_memory->launcher_latch);
}

void wake_keeper(const DatabaseSlot& slot) noexcept {
    if (slot.keeper_latch != nullptr) SetLatch(slot.keeper_latch);
}

void remember_error(LastError& error, const char* text) {
    LastError fresh = {.at = GetCurrentTimestamp(), .text = {}};
    pg::copy_text(fresh.text, text);
    SharedLock lock;
    error = fresh;
}

}  // namespace pulsimo::worker
