#include "functions/identity.hpp"

#include "functions/as_owner.hpp"
#include "pg/guard.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(pulsimo_current_user_id);
PG_FUNCTION_INFO_V1(pulsimo_current_api_key_id);
PG_FUNCTION_INFO_V1(pulsimo_is_operator);
PG_FUNCTION_INFO_V1(pulsimo_is_restoring);
}

namespace pulsimo::functions {

namespace {

struct ActingFor {
    std::int64_t user_id = kNobody;
    std::int64_t api_key_id = kNoKey;
    SubTransactionId subtransaction = InvalidSubTransactionId;
};

ActingFor acting_for;
std::uint64_t generation = 1;

void transaction_ends(XactEvent event, void*) {
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE) return;
    acting_for = {};
    generation++;
}

// A subtransaction that commits hands the identity on to its parent, one that aborts takes it back, and all it wrote.
void subtransaction_ends(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void*) {
    if (event == SUBXACT_EVENT_COMMIT_SUB && acting_for.subtransaction == mine) acting_for.subtransaction = parent;
    if (event != SUBXACT_EVENT_ABORT_SUB) return;
    if (acting_for.subtransaction == mine) acting_for = {};
    generation++;
}

void register_callbacks() {
    static bool registered = false;
    if (registered) return;
    RegisterXactCallback(transaction_ends, nullptr);
    RegisterSubXactCallback(subtransaction_ends, nullptr);
    registered = true;
}

std::int64_t user_of(Oid role) {
    static constexpr Oid kTypes[] = {NAMEOID, OIDOID};
    static Lookup lookup(
        "SELECT u.id FROM pulsimo.users u WHERE u.database_role OPERATOR(pg_catalog.=) $1"
        " AND u.status OPERATOR(pg_catalog.=) 'active'::pulsimo.user_status"
        " AND EXISTS (SELECT FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a"
        "             WHERE n.nspname OPERATOR(pg_catalog.=) 'pulsimo'::pg_catalog.name"
        "                 AND a.grantee OPERATOR(pg_catalog.=) $2"
        "                 AND a.privilege_type OPERATOR(pg_catalog.=) 'USAGE'::pg_catalog.text)",
        kTypes);
    const char* role_name = OidIsValid(role) ? GetUserNameFromId(role, true) : nullptr;
    if (role_name == nullptr) return kNobody;
    NameData name;
    namestrcpy(&name, role_name);
    const Datum arguments[] = {NameGetDatum(&name), ObjectIdGetDatum(role)};
    bool found = false;
    const Datum id = lookup.run(arguments, found);
    return found ? DatumGetInt64(id) : kNobody;
}

}  // namespace

IdentityStamp identity_stamp() {
    register_callbacks();
    if (!ActiveSnapshotSet()) elog(ERROR, "no snapshot to look up permissions with");
    const Snapshot snapshot = GetActiveSnapshot();
    return {snapshot->xmin,   snapshot->xmax, snapshot->xcnt, static_cast<std::uint32_t>(snapshot->subxcnt),
            snapshot->curcid, caller(),       generation};
}

std::int64_t current_user_id() {
    static IdentityStamp known_at = {};
    static std::int64_t known = kNobody;
    if (!OidIsValid(caller())) return kNobody;
    if (acting_for.user_id != kNobody) return acting_for.user_id;
    const IdentityStamp now = identity_stamp();
    if (known_at == now) return known;
    known_at = {};
    known = user_of(caller());
    known_at = now;
    return known;
}

std::int64_t current_api_key_id() {
    return OidIsValid(caller()) ? acting_for.api_key_id : kNoKey;
}

void act_for(std::int64_t user_id, std::int64_t api_key_id) {
    register_callbacks();
    acting_for = {user_id, api_key_id, GetCurrentSubTransactionId()};
    generation++;
}

bool is_operator() {
    const Oid role = caller();
    return acting_for.user_id == kNobody && OidIsValid(role) && superuser_arg(role);
}

}  // namespace pulsimo::functions

PULSIMO_EXPORT Datum pulsimo_current_user_id(PG_FUNCTION_ARGS) {
    const std::int64_t id = pulsimo::functions::current_user_id();
    if (id == pulsimo::functions::kNobody) PG_RETURN_NULL();
    PG_RETURN_INT64(id);
}

PULSIMO_EXPORT Datum pulsimo_current_api_key_id(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const std::int64_t id = pulsimo::functions::current_api_key_id();
    if (id == pulsimo::functions::kNoKey) PG_RETURN_NULL();
    PG_RETURN_INT64(id);
}

PULSIMO_EXPORT Datum pulsimo_is_operator(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_BOOL(pulsimo::functions::is_operator());
}

// Not by a function of a superuser that somebody else calls, who may have set row_security.
PULSIMO_EXPORT Datum pulsimo_is_restoring(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_BOOL(!row_security && pulsimo::functions::is_operator() && superuser_arg(GetOuterUserId()));
}
