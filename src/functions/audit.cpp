#include "functions/audit.hpp"

#include "functions/as_owner.hpp"
#include "functions/identity.hpp"
#include "functions/permissions.hpp"
#include "worker/shared.hpp"

#include "pg/guard.hpp"

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/ip.h"
#include "funcapi.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(pulsimo_caller_role);
PG_FUNCTION_INFO_V1(pulsimo_note_denial);
PG_FUNCTION_INFO_V1(pulsimo_note_failed_sign_in);
PG_FUNCTION_INFO_V1(pulsimo_note_key_use);
PG_FUNCTION_INFO_V1(pulsimo_take_audit_notes);
}

namespace pulsimo::functions {

namespace {

using worker::AuditNote;
using worker::AuditNotes;
using worker::NoteKind;

constexpr std::int64_t kNoObject = INT64_MIN;
constexpr int kColumns = 11;
constexpr std::int64_t kKeyUseEveryUs = 60 * USECS_PER_SEC;

// Empty over a local socket, as inet_client_addr() has it.
void copy_client_address(char (&to)[AuditNote::kMaxAddress]) {
    if (MyProcPort == nullptr || MyProcPort->raddr.addr.ss_family == AF_UNIX) return;
    const int error = pg_getnameinfo_all(&MyProcPort->raddr.addr, MyProcPort->raddr.salen, to, sizeof to, nullptr, 0,
                                         NI_NUMERICHOST | NI_NUMERICSERV);
    if (error != 0) to[0] = '\0';
    if (char* zone = strchr(to, '%')) *zone = '\0';
}

AuditNote describe_session(NoteKind kind, const char* action) {
    AuditNote note = {};
    note.kind = kind;
    note.at = GetCurrentTimestamp();
    note.times = 1;
    note.object = kNoObject;
    const char* role = OidIsValid(caller()) ? GetUserNameFromId(caller(), true) : nullptr;
    if (role != nullptr) pg::copy_text(note.database_role, role);
    copy_client_address(note.client_address);
    if (application_name != nullptr) pg::copy_text(note.application, application_name);
    pg::copy_text(note.action, action);
    return note;
}

bool is_keeping_notes() { return worker::shared() != nullptr && !RecoveryInProgress(); }

// A database that is not monitored has no slot yet; when there is none free nothing is kept, and nothing could be.
void keep(const AuditNote& note) {
    worker::SharedLock lock;
    worker::DatabaseSlot* slot = worker::find_slot(MyDatabaseId);
    if (slot == nullptr) slot = worker::claim_free_slot(MyDatabaseId);
    if (slot == nullptr) return;
    if (worker::add_note(slot->audit_notes, note)) worker::wake_keeper(*slot);
}

const char* name_of(NoteKind kind) {
    switch (kind) {
        case NoteKind::denied:
            return "denied";
        case NoteKind::failed:
            return "failed";
        case NoteKind::locked:
            return "locked";
        case NoteKind::key_used:
            return "key_used";
        case NoteKind::lost:
            return "lost";
    }
    return "failed";
}

void put_text(Datum& value, bool& is_null, const char* text) {
    is_null = text[0] == '\0';
    if (!is_null) value = CStringGetTextDatum(text);
}

void put_id(Datum& value, bool& is_null, std::int64_t id, std::int64_t none) {
    is_null = id == none;
    value = Int64GetDatum(id);
}

void put_row(ReturnSetInfo* result, const AuditNote& note) {
    Datum values[kColumns] = {};
    bool nulls[kColumns] = {};
    put_text(values[0], nulls[0], name_of(note.kind));
    values[1] = TimestampTzGetDatum(note.at);
    put_id(values[2], nulls[2], note.user_id, kNobody);
    put_id(values[3], nulls[3], note.api_key_id, kNoKey);
    put_id(values[4], nulls[4], note.object, kNoObject);
    put_text(values[5], nulls[5], note.database_role);
    put_text(values[6], nulls[6], note.client_address);
    put_text(values[7], nulls[7], note.application);
    put_text(values[8], nulls[8], note.action);
    put_text(values[9], nulls[9], note.who);
    values[10] = Int64GetDatum(note.times);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

AuditNote describe_lost(std::int64_t lost) {
    AuditNote note = {};
    note.kind = NoteKind::lost;
    note.at = GetCurrentTimestamp();
    note.times = lost;
    note.object = kNoObject;
    return note;
}

// Whoever may call note_denial() shall not make things up: what somebody else than the owner of the extension notes has
// to be an action that they are not allowed.
bool is_denied(const text* action, bool has_object, std::int64_t object) {
    static constexpr Oid kTypes[] = {TEXTOID};
    static Lookup lookup("SELECT true FROM pulsimo.permission_matrix m WHERE m.action OPERATOR(pg_catalog.=) $1", kTypes);
    const Datum argument[] = {PointerGetDatum(action)};
    bool known = false;
    lookup.run(argument, known);
    return known && has_object && !has_permission(action, object);
}

}  // namespace

void note_sign_in_trouble(NoteKind kind, const char* action, const char* who) {
    if (!is_keeping_notes()) return;
    AuditNote note = describe_session(kind, action);
    if (who != nullptr) pg::copy_text(note.who, who);
    keep(note);
}

}  // namespace pulsimo::functions

namespace functions = pulsimo::functions;
namespace worker = pulsimo::worker;

PULSIMO_EXPORT Datum pulsimo_caller_role(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const char* name = OidIsValid(functions::caller()) ? GetUserNameFromId(functions::caller(), true) : nullptr;
    if (name == nullptr) PG_RETURN_NULL();
    auto* role = static_cast<Name>(palloc0(NAMEDATALEN));
    namestrcpy(role, name);
    PG_RETURN_NAME(role);
}

PULSIMO_EXPORT Datum pulsimo_note_denial(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(0) || !functions::is_keeping_notes()) PG_RETURN_VOID();
    const bool has_object = !PG_ARGISNULL(1);
    if (!superuser() && !functions::is_denied(PG_GETARG_TEXT_PP(0), has_object, has_object ? PG_GETARG_INT64(1) : 0)) {
        PG_RETURN_VOID();
    }
    worker::AuditNote note = functions::describe_session(worker::NoteKind::denied, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    note.user_id = functions::current_user_id();
    note.api_key_id = functions::current_api_key_id();
    if (!PG_ARGISNULL(1)) note.object = PG_GETARG_INT64(1);
    functions::keep(note);
    PG_RETURN_VOID();
}

PULSIMO_EXPORT Datum pulsimo_note_failed_sign_in(PG_FUNCTION_ARGS) {
    functions::require_owner("note_failed_sign_in");
    if (PG_ARGISNULL(0)) PG_RETURN_VOID();
    const char* who = PG_ARGISNULL(1) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(1));
    functions::note_sign_in_trouble(worker::NoteKind::failed, text_to_cstring(PG_GETARG_TEXT_PP(0)), who);
    PG_RETURN_VOID();
}

// Once a minute is enough to know, and a busy application would do little else.
PULSIMO_EXPORT Datum pulsimo_note_key_use(PG_FUNCTION_ARGS) {
    static std::int64_t noted_key = functions::kNoKey;
    static TimestampTz noted_at = 0;
    functions::require_owner("note_key_use");
    if (PG_ARGISNULL(0) || !functions::is_keeping_notes()) PG_RETURN_VOID();
    const std::int64_t key = PG_GETARG_INT64(0);
    const TimestampTz recent = GetCurrentTimestamp() - functions::kKeyUseEveryUs;
    const bool known = !PG_ARGISNULL(1) && PG_GETARG_TIMESTAMPTZ(1) > recent;
    if (known || (key == noted_key && noted_at > recent)) PG_RETURN_VOID();
    worker::AuditNote note = functions::describe_session(worker::NoteKind::key_used, "");
    note.api_key_id = key;
    functions::keep(note);
    noted_key = key;
    noted_at = note.at;
    PG_RETURN_VOID();
}

PULSIMO_EXPORT Datum pulsimo_take_audit_notes(PG_FUNCTION_ARGS) {
    functions::require_owner("take_audit_notes");
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (worker::shared() == nullptr) PG_RETURN_NULL();
    auto* taken = static_cast<worker::AuditNotes*>(palloc0(sizeof(worker::AuditNotes)));
    {
        worker::SharedLock lock;
        worker::DatabaseSlot* slot = worker::find_slot(MyDatabaseId);
        if (slot != nullptr) worker::take_notes(slot->audit_notes, *taken);
    }
    for (int i = 0; i < taken->count; i++) functions::put_row(result, taken->notes[i]);
    if (taken->lost_taken > 0) functions::put_row(result, functions::describe_lost(taken->lost_taken));
    PG_RETURN_NULL();
}
