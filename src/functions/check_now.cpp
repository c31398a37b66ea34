// check_now(): asks the keeper for a check and waits until it is committed.

#include "functions/interval_argument.hpp"
#include "worker/check_requests.hpp"
#include "worker/shared.hpp"
#include "worker/wakeup.hpp"

#include "pg/compat.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pulsimo_check_now);
}

namespace {

using namespace pulsimo;
using worker::CheckRequest;
using worker::DatabaseSlot;
using worker::RequestState;

constexpr int kColumns = 12;  // of pulsimo.health_checks
constexpr long kTurnMs = 1000;

// A request in flight, for the clean-up when the session is cancelled meanwhile.
struct Waiting {
    DatabaseSlot* slot = nullptr;
    std::uint64_t id = 0;
};

void give_up(int /*code*/, Datum waiting) {
    auto* request = reinterpret_cast<Waiting*>(DatumGetPointer(waiting));
    worker::release_request(*request->slot, request->id);
}

[[noreturn]] void refuse(const char* why, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("cannot check now: %s", why), errhint("%s", hint)));
    pg_unreachable();
}

// The session must see the endpoint and may change it; the keeper's memory is nobody's to ask about other people's.
void require_endpoint(std::int64_t endpoint_id) {
    Oid types[] = {INT8OID};
    Datum values[] = {Int64GetDatum(endpoint_id)};
    SPI_connect();
    const int code = SPI_execute_with_args(
        "SELECT e.paused, pulsimo.require_permission('endpoints.change', e.project_id)"
        " FROM pulsimo.endpoints e WHERE e.id OPERATOR(pg_catalog.=) $1",
        1, types, values, nullptr, true, 1);
    if (code != SPI_OK_SELECT) elog(ERROR, "could not look up the endpoint: %s", SPI_result_code_string(code));
    const bool exists = SPI_processed == 1;
    bool is_null = false;
    const bool paused = exists && DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
    SPI_finish();
    if (!exists) {
        ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND), errmsg("endpoint %lld does not exist", static_cast<long long>(endpoint_id)),
                        errhint("The view pulsimo.endpoint_status lists the endpoints with their ids.")));
    }
    if (paused) refuse("the endpoint is paused", "Call pulsimo.resume_endpoint() and commit.");
}

Waiting post(std::int64_t endpoint_id) {
    Waiting waiting;
    bool has_keeper = false;  // or will have: one that is starting finds what was posted
    {
        worker::SharedLock lock;
        waiting.slot = worker::find_slot(MyDatabaseId);
        has_keeper = waiting.slot != nullptr && waiting.slot->wanted;
        if (has_keeper) waiting.id = worker::post_request(*waiting.slot, endpoint_id);
        if (has_keeper) worker::wake_keeper(*waiting.slot);
    }
    if (!has_keeper) refuse("monitoring of this database is not running", "Call pulsimo.start() and commit.");
    if (waiting.id == 0) refuse("too many sessions are waiting for a check", "Try again in a moment.");
    return waiting;
}

// A copy of the request once it is answered or refused; false when `until` came first.
bool wait_for_answer(const Waiting& waiting, TimestampTz until, CheckRequest& copy) {
    static uint32 wait_event = 0;
    if (wait_event == 0) wait_event = pg::wait_event("PulsimoCheckNow");
    ConditionVariablePrepareToSleep(&waiting.slot->moved);
    bool finished = false;
    for (;;) {
        {
            worker::SharedLock lock;
            const CheckRequest* request = worker::find_request(*waiting.slot, waiting.id);
            if (request != nullptr) copy = *request;
            finished = request == nullptr || copy.state == RequestState::answered || copy.state == RequestState::refused;
        }
        const long left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
        if (finished || left_ms <= 0) break;
        ConditionVariableTimedSleep(&waiting.slot->moved, Min(left_ms, kTurnMs), wait_event);
    }
    ConditionVariableCancelSleep();
    return finished;
}

char* number_or_null(std::int64_t value, std::int64_t null_value) {
    return value == null_value ? nullptr : psprintf("%lld", static_cast<long long>(value));
}

char* text_of(std::string_view text) { return pnstrdup(text.data(), text.size()); }

// The row of health_checks that the keeper has committed for this request.
Datum row_of(FunctionCallInfo fcinfo, const CheckRequest& request) {
    TupleDesc description = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &description) != TYPEFUNC_COMPOSITE || description->natts != kColumns) {
        elog(ERROR, "pulsimo.check_now does not return pulsimo.health_checks");
    }
    const engine::Phases& phases = request.phases;
    const TimestampTz checked_at =
        request.checked_at_us - USECS_PER_SEC * SECS_PER_DAY * std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE};
    const bool passed = request.error == engine::ErrorClass::none;
    constexpr int none = engine::Phases::kNotReached;
    char* values[kColumns] = {
        number_or_null(request.endpoint_id, -1),
        pstrdup(timestamptz_to_str(checked_at)),
        text_of(health::to_string(request.verdict)),
        number_or_null(request.response_us, -1),
        number_or_null(phases.dns_us, none),
        number_or_null(phases.connect_us, none),
        number_or_null(phases.tls_us, none),
        number_or_null(phases.first_byte_us, none),
        number_or_null(phases.transfer_us, none),
        number_or_null(request.http_status, 0),
        passed ? nullptr : text_of(engine::to_string(request.error)),
        passed ? nullptr : pstrdup(request.detail),
    };
    HeapTuple tuple = BuildTupleFromCStrings(TupleDescGetAttInMetadata(BlessTupleDesc(description)), values);
    return HeapTupleGetDatum(tuple);
}

// STRICT would answer NULL, which looks like a check without a result.
void require_arguments(FunctionCallInfo fcinfo) {
    if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1)) return;
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("%s must not be null", PG_ARGISNULL(0) ? "id" : "wait"),
                    errhint("Give the id of an endpoint, and leave \"wait\" out to wait for 10 seconds.")));
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_check_now(PG_FUNCTION_ARGS) {
    require_arguments(fcinfo);
    const std::int64_t endpoint_id = PG_GETARG_INT64(0);
    const TimestampTz until =
        GetCurrentTimestamp() + functions::interval_argument(PG_GETARG_INTERVAL_P(1), "wait", 0, "0",
                                                             "Give the longest time to wait, for example '30 s'.");
    require_endpoint(endpoint_id);
    if (worker::shared() == nullptr) {
        refuse("pulsimo is not preloaded", "Add \"pulsimo\" to shared_preload_libraries and restart the server.");
    }
    Waiting waiting = post(endpoint_id);
    CheckRequest answer = {};
    bool answered = false;
    PG_ENSURE_ERROR_CLEANUP(give_up, PointerGetDatum(&waiting));
    answered = wait_for_answer(waiting, until, answer);
    PG_END_ENSURE_ERROR_CLEANUP(give_up, PointerGetDatum(&waiting));
    worker::release_request(*waiting.slot, waiting.id);

    if (!answered) {
        ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
                        errmsg("endpoint %lld was not checked in time", static_cast<long long>(endpoint_id)),
                        errhint("The check goes on and its result will be in pulsimo.health_checks; a longer \"wait\" waits for it.")));
    }
    if (answer.state == RequestState::refused) {
        refuse(answer.detail, "An endpoint can be checked once it is committed, while it is not paused and the workers run. Try again.");
    }
    return row_of(fcinfo, answer);
}
