// Loading the library. Preloaded, it sets up shared memory, the launcher and its hooks; loaded by a session (CREATE
// EXTENSION without preloading, a restore, pg_upgrade) it only defines the settings, and every SQL function works as
// far as it can without workers.

#include "worker/background.hpp"
#include "worker/launcher.hpp"
#include "worker/live_maintenance.hpp"
#include "worker/log_redaction.hpp"
#include "worker/settings.hpp"
#include "worker/shared.hpp"
#include "worker/wakeup.hpp"

#include "pg/compat.hpp"

extern "C" {
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "nodes/parsenodes.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/shmem.h"
#include "tcop/utility.h"

PG_MODULE_MAGIC;
}

namespace pulsimo::worker {

namespace {

shmem_request_hook_type previous_shmem_request = nullptr;
shmem_startup_hook_type previous_shmem_startup = nullptr;
ProcessUtility_hook_type previous_utility = nullptr;

void request_shared_memory() {
    if (previous_shmem_request != nullptr) previous_shmem_request();
    RequestAddinShmemSpace(shared_size());
    RequestNamedLWLockTranche("pulsimo", 1);
}

void start_shared_memory() {
    if (previous_shmem_startup != nullptr) previous_shmem_startup();
    initialize_shared();
}

// The database that a statement needs to itself, or nullptr.
const char* exclusive_database(const Node* statement) {
    switch (nodeTag(statement)) {
        case T_DropdbStmt:
            return reinterpret_cast<const DropdbStmt*>(statement)->dbname;
        case T_RenameStmt: {
            auto* rename = reinterpret_cast<const RenameStmt*>(statement);
            return rename->renameType == OBJECT_DATABASE ? rename->subname : nullptr;
        }
        case T_AlterDatabaseStmt: {
            auto* alter = reinterpret_cast<const AlterDatabaseStmt*>(statement);
            const ListCell* cell = nullptr;
            foreach (cell, alter->options) {
                // As a template it has no keeper, which others who copy it could not stop.
                const char* name = lfirst_node(DefElem, cell)->defname;
                if (strcmp(name, "tablespace") == 0 || strcmp(name, "is_template") == 0) return alter->dbname;
            }
            return nullptr;
        }
        case T_CreatedbStmt: {
            const ListCell* cell = nullptr;
            foreach (cell, reinterpret_cast<const CreatedbStmt*>(statement)->options) {
                DefElem* option = lfirst_node(DefElem, cell);
                if (strcmp(option->defname, "template") == 0 && option->arg != nullptr) return defGetString(option);
            }
            return nullptr;
        }
        default:
            return nullptr;
    }
}

bool updates_us(const Node* statement) {
    return IsA(statement, AlterExtensionStmt) &&
           strcmp(reinterpret_cast<const AlterExtensionStmt*>(statement)->extname, "pulsimo") == 0;
}

bool drops_extension(const Node* statement) {
    return IsA(statement, DropStmt) && reinterpret_cast<const DropStmt*>(statement)->removeType == OBJECT_EXTENSION;
}

bool commits_prepared(const Node* statement) {
    return IsA(statement, TransactionStmt) &&
           reinterpret_cast<const TransactionStmt*>(statement)->kind == TRANS_STMT_COMMIT_PREPARED;
}

bool discards_all(const Node* statement) {
    return IsA(statement, DiscardStmt) && reinterpret_cast<const DiscardStmt*>(statement)->target == DISCARD_ALL;
}

// What is to be noted once a statement has run. Found out before, because a statement may free itself by running.
struct Afterwards {
    bool state_changed;
    bool extension_dropped;
    bool prepared_committed;
    bool session_discarded;
};

// Somebody who may not do this to the database must not stop its monitoring by trying; likewise the extension.
void before_statement(const Node* statement) {
    const char* database = exclusive_database(statement);
    Oid oid = database != nullptr ? get_database_oid(database, true) : InvalidOid;
    if (OidIsValid(oid) && pg::owns_database(oid)) suspend_database(oid);
    if (!updates_us(statement)) return;
    Oid extension = get_extension_oid("pulsimo", true);
    if (OidIsValid(extension) && pg::owns_extension(extension)) {
        LockDatabaseObject(ExtensionRelationId, extension, 0, AccessExclusiveLock);
    }
}

void process_utility(PlannedStmt* planned, const char* query, bool read_only_tree, ProcessUtilityContext context,
                     ParamListInfo params, QueryEnvironment* environment, DestReceiver* destination,
                     QueryCompletion* completion) {
    const Node* statement = planned->utilityStmt;
    const Afterwards afterwards = {updates_us(statement), drops_extension(statement), commits_prepared(statement),
                                   discards_all(statement)};
    before_statement(statement);
    auto* next = previous_utility != nullptr ? previous_utility : standard_ProcessUtility;
    next(planned, query, read_only_tree, context, params, environment, destination, completion);
    if (afterwards.state_changed) note_state_changed();
    if (afterwards.extension_dropped) note_extension_dropped();
    if (afterwards.prepared_committed) note_prepared_commit();
    if (afterwards.session_discarded) end_session_maintenance(0, true);  // as it ends advisory locks
}

}  // namespace

}  // namespace pulsimo::worker

PULSIMO_EXPORT void _PG_init() {
    using namespace pulsimo::worker;

    settings::define();
    if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade) return;
    previous_shmem_request = shmem_request_hook;
    shmem_request_hook = request_shared_memory;
    previous_shmem_startup = shmem_startup_hook;
    shmem_startup_hook = start_shared_memory;
    previous_utility = ProcessUtility_hook;
    ProcessUtility_hook = process_utility;
    redact_log();
    register_launcher();
}
