// What sign_in() and use_session() need of the server: attempts that count although their transaction fails, an
// identity in the memory of the backend, and a statement with a secret in it kept out of sight.

#include "functions/identity.hpp"
#include "worker/shared.hpp"

extern "C" {
#include "common/hashfn.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"

PG_FUNCTION_INFO_V1(pulsimo_begin_attempt);
PG_FUNCTION_INFO_V1(pulsimo_forget_attempts);
PG_FUNCTION_INFO_V1(pulsimo_act_for);
PG_FUNCTION_INFO_V1(pulsimo_hide_statement);
}

namespace {

using namespace pulsimo;

std::uint64_t hash_of(const text* who) {
    return hash_bytes_extended(reinterpret_cast<const unsigned char*>(VARDATA_ANY(who)),
                               static_cast<int>(VARSIZE_ANY_EXHDR(who)), 0);
}

// For functions that only those of the extension call, with the rights of its owner. Somebody may have been granted
// EXECUTE on all functions of the schema.
void require_owner(const char* function) {
    if (superuser()) return;
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function %s", function)));
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_begin_attempt(PG_FUNCTION_ARGS) {
    require_owner("begin_attempt");
    if (worker::shared() == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("nobody can sign in, because pulsimo is not preloaded"),
                        errhint("Add \"pulsimo\" to shared_preload_libraries and restart the server.")));
    }
    const std::uint64_t who = hash_of(PG_GETARG_TEXT_PP(0));
    const TimestampTz now = GetCurrentTimestamp();
    worker::SharedLock lock;
    PG_RETURN_BOOL(worker::begin_attempt(worker::shared()->sign_in_attempts, MyDatabaseId, who, now,
                                         worker::settings::sign_in_attempts,
                                         std::int64_t{worker::settings::sign_in_window_s} * USECS_PER_SEC));
}

PULSIMO_EXPORT Datum pulsimo_forget_attempts(PG_FUNCTION_ARGS) {
    require_owner("forget_attempts");
    if (worker::shared() == nullptr) PG_RETURN_VOID();
    const std::uint64_t who = hash_of(PG_GETARG_TEXT_PP(0));
    worker::SharedLock lock;
    worker::forget_attempts(worker::shared()->sign_in_attempts, MyDatabaseId, who);
    PG_RETURN_VOID();
}

PULSIMO_EXPORT Datum pulsimo_act_for(PG_FUNCTION_ARGS) {
    require_owner("act_for");
    functions::act_for(PG_GETARG_INT64(0));
    PG_RETURN_VOID();
}

// pg_stat_activity shows statements to everybody of the same role, which behind a pool is everybody; and the log shows
// those that failed.
PULSIMO_EXPORT Datum pulsimo_hide_statement(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    static const char kShown[] = "<a statement of pulsimo with a secret in it>";
    debug_query_string = kShown;
    pgstat_report_activity(STATE_RUNNING, kShown);
    PG_RETURN_VOID();
}
