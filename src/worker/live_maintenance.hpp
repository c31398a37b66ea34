// Maintenance that lasts as long as a transaction or a session, in shared memory: it has to begin before the transaction is
// committed, and to end with it however it ends.
//
// A window belongs to the process that began it. One of a transaction belongs to a subtransaction in it, as what is
// written does: it ends when that is rolled back, and goes to the parent when it commits. One of a session stays through
// rollbacks, as advisory locks do. Callbacks of the backend take them out: at the end of the (sub)transaction and of the
// process. A process that crashes takes the whole shared memory with it, so nothing is left over.
//
// A transaction with a window cannot be prepared: nobody would be there to end it.
//
// There is room for so many windows in a database, and no organization gets more than a part of it.
#pragma once

#include <cstdint>

#include "pg/postgres.hpp"

extern "C" {
#include "utils/timestamp.h"
}

namespace pulsimo::worker {

struct LiveWindow {
    static constexpr int kMaxCharacter = 4;                   // bytes, in any encoding of a server
    static constexpr int kMaxTag = 100 * kMaxCharacter + 1;   // as the table has it
    static constexpr int kMaxTitle = 200 * kMaxCharacter + 1;

    int pid;                              // 0: the place is free
    SubTransactionId subtransaction;      // that it ends with; invalid: it ends with the session
    TimestampTz since;
    std::int64_t user_id;                 // who began it; 0: the operator
    std::int64_t organization_id;
    std::int64_t project_id;              // 0: none; likewise the next
    std::int64_t endpoint_id;
    char tag[kMaxTag];                    // empty: none
    char title[kMaxTitle];
};

struct LiveMaintenance {
    static constexpr int kMost = 128;
    static constexpr int kMostOfOrganization = 32;

    LiveWindow windows[kMost];
};

// With the lock of shared memory held.
void clear_windows(LiveMaintenance& maintenance) noexcept;
bool any_windows(const LiveMaintenance& maintenance) noexcept;

enum class Lifetime : std::uint8_t { transaction, session };

// Begins a window of this process; pid, subtransaction and since of `window` are filled in. The keeper is told at once.
// Raises 55000 when nobody monitors this database, and 53400 when there is no room.
void begin_live_maintenance(LiveWindow& window, Lifetime lifetime);

// Ends the windows of this session that the user has begun; all of them for the operator. Returns how many.
int end_session_maintenance(std::int64_t user_id, bool is_operator);

// A copy of those of this database; returns how many. None when there is no shared memory.
int copy_live_maintenance(LiveMaintenance& copy);

}  // namespace pulsimo::worker
