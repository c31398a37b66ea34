// What sign_in() and use_session() need of the server: attempts that count although their transaction fails, an
// identity in the memory of the backend, and a statement with a secret in it kept out of sight.

#include "functions/as_owner.hpp"
#include "functions/audit.hpp"
#include "functions/identity.hpp"
#include "worker/log_redaction.hpp"
#include "worker/shared.hpp"

extern "C" {
#include "common/hashfn.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pulsimo_is_sign_in_locked);
PG_FUNCTION_INFO_V1(pulsimo_note_sign_in);
PG_FUNCTION_INFO_V1(pulsimo_act_for);
PG_FUNCTION_INFO_V1(pulsimo_hide_statement);
}

namespace {

using namespace pulsimo;
using functions::require_owner;
using worker::NoteKind;
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
    bool counts = false, locked = false;
    {
        worker::SharedLock lock;
        counts = !worker::is_locked(attempts, MyDatabaseId, who, now, limit());
        if (counts && matched) worker::forget_failures(attempts, MyDatabaseId, who);
        if (counts && !matched) worker::note_failure(attempts, MyDatabaseId, who, now, limit());
        locked = worker::is_locked(attempts, MyDatabaseId, who, now, limit());
    }
    const char* address = text_to_cstring(PG_GETARG_TEXT_PP(0));
    if (counts && !matched) functions::note_sign_in_trouble(NoteKind::failed, "sign_in", address);
    if (counts && locked) functions::note_sign_in_trouble(NoteKind::locked, "sign_in", address);
    PG_RETURN_BOOL(counts);
}

PULSIMO_EXPORT Datum pulsimo_act_for(PG_FUNCTION_ARGS) {
    require_owner("act_for");
    functions::act_for(PG_GETARG_INT64(0), PG_NARGS() > 1 ? PG_GETARG_INT64(1) : functions::kNoKey);
    PG_RETURN_VOID();
}

// pg_stat_activity shows statements to everybody of the same role, which behind a pool is everybody; and the log shows
// those that failed.
PULSIMO_EXPORT Datum pulsimo_hide_statement(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    debug_query_string = worker::kHiddenStatement;
    pgstat_report_activity(STATE_RUNNING, worker::kHiddenStatement);
    PG_RETURN_VOID();
}
