// What sign_in() and use_session() need of the server: attempts that count although their transaction fails, an
// identity in the memory of the backend, and a statement with a secret in it kept out of sight.

#include "functions/identity.hpp"
#include "worker/shared.hpp"

extern "C" {
#include "common/hashfn.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"

PG_FUNCTION_INFO_V1(pulsimo_is_sign_in_locked);
PG_FUNCTION_INFO_V1(pulsimo_note_sign_in);
PG_FUNCTION_INFO_V1(pulsimo_act_for);
PG_FUNCTION_INFO_V1(pulsimo_hide_statement);
}

namespace {

using namespace pulsimo;
using worker::SignInAttempts;

std::uint64_t hash_of(const text* who) {
    return hash_bytes_extended(reinterpret_cast<const unsigned char*>(VARDATA_ANY(who)),
                               static_cast<int>(VARSIZE_ANY_EXHDR(who)), 0);
}

worker::AttemptLimit limit() {
    return {worker::settings::sign_in_attempts, std::int64_t{worker::settings::sign_in_window_s} * USECS_PER_SEC};
}

worker::SignInAttempts& sign_in_attempts() {
    if (worker::shared() == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("nobody can sign in, because pulsimo is not preloaded"),
                        errhint("Add \"pulsimo\" to shared_preload_libraries and restart the server.")));
    }
    return worker::shared()->sign_in_attempts;
}

// For functions that only those of the extension call, with the rights of its owner. Somebody may have been granted
// EXECUTE on all functions of the schema.
void require_owner(const char* function) {
    if (superuser()) return;
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for function %s", function)));
}

}  // namespace

// Before the password is looked at: costs nothing.
PULSIMO_EXPORT Datum pulsimo_is_sign_in_locked(PG_FUNCTION_ARGS) {
    require_owner("is_sign_in_locked");
    const std::uint64_t who = hash_of(PG_GETARG_TEXT_PP(0));
    const TimestampTz now = GetCurrentTimestamp();
    SignInAttempts& attempts = sign_in_attempts();
    worker::SharedLock lock;
    PG_RETURN_BOOL(worker::is_locked(attempts, MyDatabaseId, who, now, limit()));
}

// After it was looked at: whether that counts. Of many that were looked at at the same time, no more than the limit do.
PULSIMO_EXPORT Datum pulsimo_note_sign_in(PG_FUNCTION_ARGS) {
    require_owner("note_sign_in");
    const std::uint64_t who = hash_of(PG_GETARG_TEXT_PP(0));
    const bool matched = PG_GETARG_BOOL(1);
    const TimestampTz now = GetCurrentTimestamp();
    SignInAttempts& attempts = sign_in_attempts();
    worker::SharedLock lock;
    const bool counts = !worker::is_locked(attempts, MyDatabaseId, who, now, limit());
    if (counts && matched) worker::forget_failures(attempts, MyDatabaseId, who);
    if (counts && !matched) worker::note_failure(attempts, MyDatabaseId, who, now, limit());
    PG_RETURN_BOOL(counts);
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
