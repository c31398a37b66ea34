// check_now() and check_endpoints(): ask the keeper for checks and wait until they are committed.
//
// Of many endpoints a session asks for kAtOnce at a time, the next one as soon as an answer has come, so that it takes as
// long as the slowest checks, and others still find a place.

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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pulsimo_check_now);
PG_FUNCTION_INFO_V1(pulsimo_check_endpoints);
}

namespace {

using namespace pulsimo;
using worker::CheckRequest;
using worker::DatabaseSlot;
using worker::RequestState;

constexpr int kColumns = 12;  // of pulsimo.health_checks
constexpr long kTurnMs = 1000;
constexpr int kAtOnce = DatabaseSlot::kMaxRequests / 2;

struct Question {
    std::int64_t endpoint_id;
    CheckRequest answer;                // in the state free until there is one
};

struct Place {
    std::uint64_t request;              // 0: none
    int question;
};

// What a session asks for. Plain memory, for the clean-up when it is cancelled meanwhile.
struct Questions {
    DatabaseSlot* slot;
    Question* list;
    int count;
    int asked;
    int answered;
    Place places[kAtOnce];
};

void give_up(int /*code*/, Datum questions) {
    auto* asked = reinterpret_cast<Questions*>(DatumGetPointer(questions));
    for (const Place& place : asked->places) {
        if (place.request != 0) worker::release_request(*asked->slot, place.request);
    }
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

void set_refused(CheckRequest& answer, const char* why) {
    answer.state = RequestState::refused;
    strlcpy(answer.detail, why, sizeof answer.detail);
}

// A keeper that runs, or will: one that is starting finds what was posted. Needs the lock.
bool has_keeper(const DatabaseSlot* slot) {
    return slot != nullptr && slot->database == MyDatabaseId && slot->wanted;
}

constexpr char kNotRunning[] = "monitoring of this database is not running";

Questions prepare(const std::int64_t* endpoint_ids, int count) {
    Questions questions = {};
    if (worker::shared() == nullptr) {
        refuse("pulsimo is not preloaded", "Add \"pulsimo\" to shared_preload_libraries and restart the server.");
    }
    bool running = false;
    {
        worker::SharedLock lock;
        questions.slot = worker::find_slot(MyDatabaseId);
        running = has_keeper(questions.slot);
    }
    if (!running) refuse(kNotRunning, "Call pulsimo.start() and commit.");
    questions.count = count;
    questions.list = static_cast<Question*>(
        MemoryContextAllocExtended(CurrentMemoryContext, sizeof(Question) * count, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    for (int i = 0; i < count; i++) questions.list[i].endpoint_id = endpoint_ids[i];
    return questions;
}

// The answers that have come; their places are free again. Needs the lock, as post_more() does.
void collect(Questions& questions) {
    for (Place& place : questions.places) {
        if (place.request == 0) continue;
        CheckRequest* request = worker::find_request(*questions.slot, place.request);
        if (request != nullptr && (request->state == RequestState::posted || request->state == RequestState::taken)) continue;
        CheckRequest& answer = questions.list[place.question].answer;
        if (request != nullptr) {
            answer = *request;
            request->state = RequestState::free;
        } else {
            set_refused(answer, kNotRunning);
        }
        place.request = 0;
        questions.answered++;
    }
}

void post_more(Questions& questions) {
    if (!has_keeper(questions.slot)) {
        for (; questions.asked < questions.count; questions.asked++, questions.answered++) {
            set_refused(questions.list[questions.asked].answer, kNotRunning);
        }
        return;
    }
    const int asked_before = questions.asked;
    for (Place& place : questions.places) {
        if (questions.asked == questions.count) break;
        if (place.request != 0) continue;
        place.request = worker::post_request(*questions.slot, questions.list[questions.asked].endpoint_id);
        if (place.request == 0) break;
        place.question = questions.asked++;
    }
    if (questions.asked > asked_before) worker::wake_keeper(*questions.slot);
}

// Until all are answered or refused, `until` has come, or there was no place for the first of them.
void wait_for_answers(Questions& questions, TimestampTz until) {
    static uint32 wait_event = 0;
    if (wait_event == 0) wait_event = pg::wait_event("PulsimoCheckNow");
    ConditionVariablePrepareToSleep(&questions.slot->moved);
    for (;;) {
        {
            worker::SharedLock lock;
            collect(questions);
            post_more(questions);
        }
        const long left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
        if (questions.answered == questions.count || questions.asked == 0 || left_ms <= 0) break;
        ConditionVariableTimedSleep(&questions.slot->moved, Min(left_ms, kTurnMs), wait_event);
    }
    ConditionVariableCancelSleep();
}

void ask(Questions& questions, TimestampTz until) {
    PG_ENSURE_ERROR_CLEANUP(give_up, PointerGetDatum(&questions));
    wait_for_answers(questions, until);
    PG_END_ENSURE_ERROR_CLEANUP(give_up, PointerGetDatum(&questions));
    give_up(0, PointerGetDatum(&questions));
    if (questions.count > 0 && questions.asked == 0) {
        refuse("too many sessions are waiting for a check", "Try again in a moment.");
    }
}

char* number_or_null(std::int64_t value, std::int64_t null_value) {
    return value == null_value ? nullptr : psprintf("%lld", static_cast<long long>(value));
}

char* text_of(std::string_view text) { return pnstrdup(text.data(), text.size()); }

// The row of health_checks that the keeper has committed for this request.
HeapTuple row_of(TupleDesc description, const CheckRequest& request) {
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
    return BuildTupleFromCStrings(TupleDescGetAttInMetadata(description), values);
}

// What stands for an answer that did not come.
HeapTuple row_without_result(TupleDesc description, const Question& question) {
    const bool refused = question.answer.state == RequestState::refused;
    char* values[kColumns] = {};
    values[0] = psprintf("%lld", static_cast<long long>(question.endpoint_id));
    values[kColumns - 1] = pstrdup(refused ? question.answer.detail : "not checked in time");
    return BuildTupleFromCStrings(TupleDescGetAttInMetadata(description), values);
}

void require_health_checks(TupleDesc description) {
    if (description->natts != kColumns) elog(ERROR, "function does not return pulsimo.health_checks");
}

// STRICT would answer NULL, which looks like a check without a result.
void require_arguments(FunctionCallInfo fcinfo, const char* first, const char* hint) {
    if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1)) return;
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("%s must not be null", PG_ARGISNULL(0) ? first : "wait"),
                    errhint("%s", hint)));
}

TimestampTz end_of_wait(const Interval* wait) {
    return GetCurrentTimestamp() +
           functions::interval_argument(wait, "wait", 0, "0", "Give the longest time to wait, for example '30 s'.");
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_check_now(PG_FUNCTION_ARGS) {
    require_arguments(fcinfo, "id", "Give the id of an endpoint, and leave \"wait\" out to wait for 10 seconds.");
    const std::int64_t endpoint_id = PG_GETARG_INT64(0);
    const TimestampTz until = end_of_wait(PG_GETARG_INTERVAL_P(1));
    require_endpoint(endpoint_id);
    TupleDesc description = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &description) != TYPEFUNC_COMPOSITE) elog(ERROR, "function does not return a row");
    require_health_checks(description);
    Questions questions = prepare(&endpoint_id, 1);
    ask(questions, until);

    const CheckRequest& answer = questions.list[0].answer;
    if (questions.answered == 0) {
        ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
                        errmsg("endpoint %lld was not checked in time", static_cast<long long>(endpoint_id)),
                        errhint("The check goes on and its result will be in pulsimo.health_checks; a longer \"wait\" waits for it.")));
    }
    if (answer.state == RequestState::refused) {
        refuse(answer.detail, "An endpoint can be checked once it is committed, while it is not paused and the workers run. Try again.");
    }
    return HeapTupleGetDatum(row_of(BlessTupleDesc(description), answer));
}

PULSIMO_EXPORT Datum pulsimo_check_endpoints(PG_FUNCTION_ARGS) {
    require_arguments(fcinfo, "ids", "Leave \"wait\" out to wait for 30 seconds.");
    Datum* ids = nullptr;
    int count = 0;
    if (ARR_HASNULL(PG_GETARG_ARRAYTYPE_P(0))) {
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("ids must not contain null")));
    }
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT8OID, sizeof(std::int64_t), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &ids, nullptr,
                      &count);
    const TimestampTz until = end_of_wait(PG_GETARG_INTERVAL_P(1));
    for (int i = 0; i < count; i++) require_endpoint(DatumGetInt64(ids[i]));
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC | MAT_SRF_BLESS);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    require_health_checks(result->setDesc);
    static_assert(sizeof(Datum) == sizeof(std::int64_t));
    Questions questions = prepare(reinterpret_cast<const std::int64_t*>(ids), count);
    ask(questions, until);

    for (int i = 0; i < count; i++) {
        const Question& question = questions.list[i];
        const bool has_result = question.answer.state == RequestState::answered;
        tuplestore_puttuple(result->setResult, has_result ? row_of(result->setDesc, question.answer)
                                                          : row_without_result(result->setDesc, question));
    }
    PG_RETURN_NULL();
}
