#include <algorithm>
#include <iterator>

#include "worker/live_maintenance.hpp"
#include "worker/shared.hpp"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
}

namespace pulsimo::worker {

namespace {

// The windows of this process. Where there is none, the end of a transaction costs nothing.
int of_transaction = 0;
int of_session = 0;

bool is_mine(const LiveWindow& window) noexcept { return window.pid == MyProcPid; }

bool is_of_transaction(const LiveWindow& window) noexcept {
    return is_mine(window) && window.subtransaction != InvalidSubTransactionId;
}

// With the lock held.
void tell_keeper(DatabaseSlot& slot) noexcept {
    slot.reread_maintenance = true;
    wake_keeper(slot);
}

// Returns how many there were.
template <class Ends>
int end_windows(Ends ends) noexcept {
    SharedLock lock;
    DatabaseSlot* slot = find_slot(MyDatabaseId);
    if (slot == nullptr) return 0;
    int ended = 0;
    for (LiveWindow& window : slot->live_maintenance.windows) {
        if (!ends(window)) continue;
        window.pid = 0;
        ended++;
    }
    if (ended > 0) tell_keeper(*slot);
    return ended;
}

void refuse_to_prepare() {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot PREPARE a transaction that has called pulsimo.maintenance_until_commit()"),
                    errhint("Use pulsimo.begin_maintenance() in a transaction of its own.")));
}

void at_transaction_end(XactEvent event, void* /*arg*/) {
    if (of_transaction == 0) return;
    if (event == XACT_EVENT_PRE_PREPARE) refuse_to_prepare();
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT) return;
    end_windows(is_of_transaction);
    of_transaction = 0;
}

void hand_to_parent(SubTransactionId mine, SubTransactionId parent) noexcept {
    SharedLock lock;
    DatabaseSlot* slot = find_slot(MyDatabaseId);
    if (slot == nullptr) return;
    for (LiveWindow& window : slot->live_maintenance.windows) {
        if (is_mine(window) && window.subtransaction == mine) window.subtransaction = parent;
    }
}

void at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void* /*arg*/) {
    if (of_transaction == 0) return;
    if (event == SUBXACT_EVENT_COMMIT_SUB) hand_to_parent(mine, parent);
    if (event != SUBXACT_EVENT_ABORT_SUB) return;
    of_transaction -= end_windows(
        [mine](const LiveWindow& window) { return is_mine(window) && window.subtransaction == mine; });
}

void at_exit(int /*code*/, Datum /*arg*/) {
    if (of_transaction + of_session > 0) end_windows(is_mine);
    of_transaction = of_session = 0;
}

void register_callbacks() {
    static bool registered = false;
    if (registered) return;
    before_shmem_exit(at_exit, Datum(0));
    RegisterXactCallback(at_transaction_end, nullptr);
    RegisterSubXactCallback(at_subtransaction_end, nullptr);
    registered = true;
}

[[noreturn]] void refuse(const char* why, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("cannot begin maintenance: %s", why),
                    errhint("%s", hint)));
    pg_unreachable();
}

[[noreturn]] void refuse_for_lack_of_room() {
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                    errmsg("too many sessions and transactions have maintenance of their own"),
                    errdetail("There can be %d of an organization, and %d in a database.",
                              LiveMaintenance::kMostOfOrganization, LiveMaintenance::kMost),
                    errhint("Use pulsimo.begin_maintenance(), or wait for others to end.")));
    pg_unreachable();
}

// nullptr: no room.
LiveWindow* find_place(LiveMaintenance& maintenance, std::int64_t organization_id) noexcept {
    LiveWindow* end = std::end(maintenance.windows);
    const auto of_organization = std::count_if(maintenance.windows, end, [=](const LiveWindow& window) {
        return window.pid != 0 && window.organization_id == organization_id;
    });
    if (of_organization >= LiveMaintenance::kMostOfOrganization) return nullptr;
    LiveWindow* free = std::find_if(maintenance.windows, end, [](const LiveWindow& window) { return window.pid == 0; });
    return free != end ? free : nullptr;
}

}  // namespace

void clear_windows(LiveMaintenance& maintenance) noexcept {
    for (LiveWindow& window : maintenance.windows) window.pid = 0;
}

bool any_windows(const LiveMaintenance& maintenance) noexcept {
    return std::any_of(std::begin(maintenance.windows), std::end(maintenance.windows),
                       [](const LiveWindow& window) { return window.pid != 0; });
}

void begin_live_maintenance(LiveWindow& window, Lifetime lifetime) {
    if (shared() == nullptr) {
        refuse("pulsimo is not preloaded", "Add \"pulsimo\" to shared_preload_libraries and restart the server.");
    }
    register_callbacks();
    window.pid = MyProcPid;
    window.subtransaction = lifetime == Lifetime::transaction ? GetCurrentSubTransactionId() : InvalidSubTransactionId;
    window.since = GetCurrentTimestamp();
    bool is_monitored = false, has_room = false;
    {
        SharedLock lock;
        DatabaseSlot* slot = find_slot(MyDatabaseId);
        is_monitored = slot != nullptr && slot->wanted;
        LiveWindow* place = is_monitored ? find_place(slot->live_maintenance, window.organization_id) : nullptr;
        has_room = place != nullptr;
        if (has_room) *place = window;
        if (has_room) tell_keeper(*slot);
    }
    if (!is_monitored) refuse("monitoring of this database is not running", "Call pulsimo.start() and commit.");
    if (!has_room) refuse_for_lack_of_room();
    (lifetime == Lifetime::transaction ? of_transaction : of_session)++;
}

int end_session_maintenance(std::int64_t user_id, bool is_operator) {
    if (of_session == 0) return 0;
    const int ended = end_windows([=](const LiveWindow& window) {
        if (!is_mine(window) || is_of_transaction(window)) return false;
        return is_operator || (user_id != 0 && window.user_id == user_id);
    });
    of_session -= ended;
    return ended;
}

int copy_live_maintenance(LiveMaintenance& copy) {
    if (shared() == nullptr) return 0;
    SharedLock lock;
    const DatabaseSlot* slot = find_slot(MyDatabaseId);
    if (slot == nullptr) return 0;
    const auto& windows = slot->live_maintenance.windows;
    const LiveWindow* end = std::copy_if(std::begin(windows), std::end(windows), copy.windows,
                                         [](const LiveWindow& window) { return window.pid != 0; });
    return static_cast<int>(end - copy.windows);
}

}  // namespace pulsimo::worker
