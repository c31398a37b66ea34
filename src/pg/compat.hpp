// Every difference between server versions 15 to 18, in one place.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"
}

namespace pulsimo::pg {

// 17 gave wait event sets a resource owner; ours live as long as the process.
inline WaitEventSet* create_wait_event_set(int events) {
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(nullptr, events);
#else
    return CreateWaitEventSet(TopMemoryContext, events);
#endif
}

// Before 17 an extension's waits all show as "Extension".
inline uint32 wait_event([[maybe_unused]] const char* name) {
#if PG_VERSION_NUM >= 170000
    return WaitEventExtensionNew(name);
#else
    return PG_WAIT_EXTENSION;
#endif
}

// 16 made one ownership check out of many.
inline bool owns_database(Oid database) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, database, GetUserId());
#else
    return pg_database_ownercheck(database, GetUserId());
#endif
}

inline bool owns_extension(Oid extension) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(ExtensionRelationId, extension, GetUserId());
#else
    return pg_extension_ownercheck(extension, GetUserId());
#endif
}

// 17 added a limit that would end a worker with FATAL.
inline constexpr bool kHasTransactionTimeout = PG_VERSION_NUM >= 170000;

}  // namespace pulsimo::pg
