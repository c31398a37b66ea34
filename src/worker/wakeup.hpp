// How a session tells our workers what it did, at commit and not before.
//
// SQL functions and triggers only note what happened; a transaction callback hands it over once the transaction is
// visible to others. A rollback tells nobody. A transaction that is prepared leaves a mark that there will be something to
// tell; COMMIT PREPARED, which cannot know what, then has the keeper look at the state and read everything again.
#pragma once

#include <cstdint>

#include "pg/postgres.hpp"

namespace pulsimo::worker {

void note_changed_endpoint(std::int64_t endpoint_id);  // read this endpoint again
void note_all_changed();                               // read all endpoints again
void note_maintenance_changed();                       // read again what is in maintenance
void note_state_changed();                             // start(), stop(): a keeper shall look, one shall start if there is none

void note_prepared_commit();                           // anything may have changed, if there is a mark
void note_extension_dropped();                         // a keeper, if there is one, shall look whether it was ours

// This session needs the database to itself until its transaction ends (DROP DATABASE and the like): stops the
// keeper and waits until it is gone. Gives up after a few seconds; the server then reports who is in the way.
void suspend_database(Oid database);

// Says once per session, as a WARNING, that nothing will be probed because the library is not preloaded.
void warn_if_not_preloaded();

}  // namespace pulsimo::worker
