#include "functions/as_owner.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(pulsimo_as_owner);
}

namespace pulsimo::functions {

namespace {

Oid caller_of_owner_function = InvalidOid;

// The function that does the work of this one: of the same arguments, its name with "_as_owner".
FmgrInfo* find_worker(FmgrInfo* function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function->fn_oid));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for function %u", function->fn_oid);
    auto* procedure = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    List* name = list_make2(makeString(get_namespace_name(procedure->pronamespace)),
                            makeString(psprintf("%s_as_owner", NameStr(procedure->proname))));
    const Oid oid = LookupFuncName(name, procedure->pronargs, procedure->proargtypes.values, false);
    ReleaseSysCache(tuple);
    auto* worker = static_cast<FmgrInfo*>(MemoryContextAlloc(function->fn_mcxt, sizeof(FmgrInfo)));
    fmgr_info_cxt(oid, worker, function->fn_mcxt);
    return worker;
}

// Somebody who was granted EXECUTE on all functions could have a trigger of ours run on a table of their own.
void require_own_table(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo)) return;
    Relation table = reinterpret_cast<TriggerData*>(fcinfo->context)->tg_relation;
    if (RelationGetNamespace(table) == get_func_namespace(fcinfo->flinfo->fn_oid)) return;
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied for trigger function %s", get_func_name(fcinfo->flinfo->fn_oid))));
}

}  // namespace

Oid caller() noexcept {
    if (OidIsValid(caller_of_owner_function)) return caller_of_owner_function;
    return InSecurityRestrictedOperation() ? InvalidOid : GetUserId();
}

void require_owner(const char* function) {
    if (superuser()) return;
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function %s", function)));
}

Datum Lookup::run(const Datum* arguments, bool& found) {
    Oid user = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&user, &context);
    // Should an error come: ending the (sub)transaction puts the user back.
    SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
                           context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    SPI_connect();
    if (plan_ == nullptr) {
        SPIPlanPtr plan = SPI_prepare(sql_, static_cast<int>(types_.size()), const_cast<Oid*>(types_.data()));
        if (plan == nullptr) elog(ERROR, "could not prepare \"%s\": %s", sql_, SPI_result_code_string(SPI_result));
        SPI_keepplan(plan);
        plan_ = plan;
    }
    const int code = SPI_execute_plan(plan_, const_cast<Datum*>(arguments), nullptr, true, 1);
    if (code != SPI_OK_SELECT) elog(ERROR, "could not run \"%s\": %s", sql_, SPI_result_code_string(code));
    bool is_null = true;
    Datum answer = 0;
    if (SPI_processed == 1) answer = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    found = !is_null;
    SPI_finish();
    SetUserIdAndSecContext(user, context);
    return answer;
}

}  // namespace pulsimo::functions

// The C function behind every pulsimo.X() that has a pulsimo.X_as_owner().
PULSIMO_EXPORT Datum pulsimo_as_owner(PG_FUNCTION_ARGS) {
    using namespace pulsimo::functions;

    FmgrInfo* function = fcinfo->flinfo;
    require_own_table(fcinfo);
    if (function->fn_extra == nullptr) function->fn_extra = find_worker(function);
    auto* worker = static_cast<FmgrInfo*>(function->fn_extra);
    const Oid caller_before = caller_of_owner_function;
    const Oid collation = fcinfo->fncollation;
    const Oid caller_now = caller();
    if (!OidIsValid(caller_now)) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("cannot do this within a security-restricted operation")));
    }
    Oid user = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&user, &context);
    Datum result = 0;
    PG_TRY();
    {
        caller_of_owner_function = caller_now;
        SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, context | SECURITY_LOCAL_USERID_CHANGE);
        fcinfo->flinfo = worker;
        fcinfo->fncollation = DEFAULT_COLLATION_OID;  // not one of the caller's, in which other texts are equal
        result = FunctionCallInvoke(fcinfo);
    }
    PG_FINALLY();
    {
        fcinfo->flinfo = function;
        fcinfo->fncollation = collation;
        caller_of_owner_function = caller_before;
        SetUserIdAndSecContext(user, context);
    }
    PG_END_TRY();
    return result;
}
