// replay_checks(): stored checks through the rules that the keeper runs.
//
// Everything is read with the rights of the caller, so row security decides what there is to replay; its question is
// answered from memory for all rows but the first (permissions.cpp). The checks come through a cursor, a batch at a
// time, so that a year of them takes no more memory than a day. Of a check only the verdict is read: whether a failure
// was a lack of an answer mattered while the loop of the prober was late, and then the verdict says unknown.

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/invalid_option.hpp"
#include "functions/interval_result.hpp"
#include "health/replay.hpp"
#include "pg/encoding.hpp"
#include "pg/time_zone.hpp"
#include "pg/transaction.hpp"
#include "worker/store.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pulsimo_replay_checks);
}

namespace {

using namespace pulsimo;
using functions::interval_datum;
using health::DatedEvent;
using health::PastCheck;
using health::PastEvent;
using health::PastIncident;

constexpr std::int64_t kEpochDifferenceUs =
    std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * SECS_PER_DAY * USECS_PER_SEC;
constexpr long kBatch = 1000;
constexpr int kColumns = 9;

// What is asked for. Times are those of the server, not yet of health.
struct Question {
    std::int64_t endpoint_id;
    TimestampTz from;
    TimestampTz to;
};

struct Schedule {
    std::int64_t interval_us = 0;
    std::int64_t timeout_us = 0;
    std::optional<engine::CronSchedule> cron;
};

std::int64_t unix_us(TimestampTz time) {
    return time + kEpochDifferenceUs;
}

// Whoever may call backtest() may call this, too: what the rules rely on is asked here.
void require_policy(const health::Policy& policy) {
    const bool good = policy.failure_threshold >= 1 && policy.failure_threshold <= 10 && policy.failure_window >= 0 &&
                      policy.failure_window <= health::FlapHistory::kLength;
    if (good) return;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("failure_threshold and failure_window are no health policy"), errhint("Call pulsimo.backtest().")));
}

void require_times(const Question& question) {
    if (!TIMESTAMP_NOT_FINITE(question.from) && !TIMESTAMP_NOT_FINITE(question.to)) return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("from_time and to_time must be finite"),
                    errhint("Call pulsimo.backtest().")));
}

health::Policy policy_argument(FunctionCallInfo fcinfo) {
    health::Policy policy;
    policy.failure_threshold = PG_GETARG_INT32(3);
    policy.failure_window = PG_GETARG_INT32(4);
    policy.success_threshold = PG_GETARG_INT32(5);
    policy.degraded_after_us = PG_GETARG_INT64(6);
    policy.flap_start = PG_GETARG_INT32(7);
    policy.flap_stop = PG_GETARG_INT32(8);
    policy.auto_resolve = PG_GETARG_BOOL(9);
    return policy;
}

// The rows are in SPI_tuptable.
template <std::size_t N>
std::uint64_t query(const char* sql, std::array<Oid, N> types, std::array<Datum, N> values) {
    return pg::call([&] {
        const int code = SPI_execute_with_args(sql, N, types.data(), values.data(), nullptr, true, 0);
        if (code != SPI_OK_SELECT) elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(code));
        return static_cast<std::uint64_t>(SPI_processed);
    });
}

// As the keeper has it: by the interval where the cron expression cannot be used.
std::optional<engine::CronSchedule> cron_of(const engine::EndpointConfig& config) {
    if (config.cron->expression.empty()) return std::nullopt;
    try {
        return engine::CronSchedule(config, pg::find_time_zone);
    } catch (const engine::InvalidOption&) {
        return std::nullopt;
    }
}

std::optional<Schedule> read_schedule(std::int64_t endpoint_id) {
    constexpr const char* kSql =
        "SELECT (extract(epoch FROM e.check_interval) * 1000000)::bigint, (extract(epoch FROM e.timeout) * "
        "1000000)::bigint, "
        "coalesce(e.cron, ''), coalesce(e.timezone, '') FROM pulsimo.endpoints e WHERE e.id = $1";
    if (query<1>(kSql, {INT8OID}, {Int64GetDatum(endpoint_id)}) == 0) return std::nullopt;
    engine::EndpointConfig config;
    config.cron = engine::CronText{pg::to_utf8(pg::column_text(0, 3).c_str()), pg::to_utf8(pg::column_text(0, 4).c_str())};
    return Schedule{pg::column_int64(0, 1), pg::column_int64(0, 2), cron_of(config)};
}

PastEvent event_of(const std::string& name) {
    if (name == "maintenance") return PastEvent::maintenance;
    if (name == "paused") return PastEvent::paused;
    if (name == "held") return PastEvent::held;
    if (name == "released") return PastEvent::released;
    if (name == "resolved") return PastEvent::resolved;
    return PastEvent::normal;
}

std::vector<DatedEvent> read_events(const Question& question, TimestampTz since) {
    const std::uint64_t rows = query<3>(
        "SELECT e.at, e.event FROM pulsimo.replay_events($1, $2, $3) e", {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
        {Int64GetDatum(question.endpoint_id), TimestampTzGetDatum(since), TimestampTzGetDatum(question.to)});
    std::vector<DatedEvent> events;
    events.reserve(rows);
    for (std::uint64_t row = 0; row < rows; row++) {
        events.push_back({unix_us(pg::column_int64(row, 1)), event_of(pg::column_text(row, 2))});
    }
    return events;
}

// As constants, so that the planner leaves out the partitions of other days.
Portal open_checks(const Question& question, TimestampTz since) {
    constexpr const char* kSql =
        "SELECT h.checked_at, h.status = 'down', h.status = 'unknown', h.response_us FROM pulsimo.health_checks h "
        "WHERE h.endpoint_id = $1 AND h.checked_at >= $2 AND h.checked_at < $3 ORDER BY h.checked_at";
    Oid types[] = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID};
    Datum values[] = {Int64GetDatum(question.endpoint_id), TimestampTzGetDatum(since),
                      TimestampTzGetDatum(question.to)};
    return pg::call([&] {
        return SPI_cursor_open_with_args(nullptr, kSql, 3, types, values, nullptr, true, CURSOR_OPT_NO_SCROLL);
    });
}

health::Outcome outcome_of(bool down, bool unknown) {
    if (unknown) return health::Outcome::own_trouble;
    return down ? health::Outcome::fail : health::Outcome::pass;
}

// Returns how many there were.
std::size_t fetch(Portal checks, PastCheck* batch) {
    SPI_cursor_fetch(checks, true, kBatch);
    for (std::uint64_t row = 0; row < SPI_processed; row++) {
        Datum values[4];
        bool nulls[4];  // none
        heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, values, nulls);
        batch[row] = {.checked_at_us = unix_us(DatumGetTimestampTz(values[0])),
                      .outcome = outcome_of(DatumGetBool(values[1]), DatumGetBool(values[2])),
                      .response_us = DatumGetInt32(values[3])};
    }
    SPI_freetuptable(SPI_tuptable);
    return SPI_processed;
}

void replay_checks(health::Replay& replay, Portal checks, const Schedule& schedule) {
    std::vector<PastCheck> batch(kBatch);
    while (const std::size_t count = pg::call([&] { return fetch(checks, batch.data()); })) {
        for (std::size_t i = 0; i < count; i++) {
            if (schedule.cron)
                batch[i].interval_us = worker::distance_to_next_run(*schedule.cron, batch[i].checked_at_us);
            replay.take(batch[i]);
        }
    }
    replay.finish();
}

// How far before from_time it begins: so that the counters are what they were, and an outage that goes on is seen from
// its begin unless that is more than a day ago.
std::int64_t run_in_us(const Schedule& schedule) {
    return std::max<std::int64_t>(USECS_PER_DAY, health::kResumeChecks * schedule.interval_us);
}

// Nothing when the endpoint is not seen.
std::unique_ptr<health::Replay> replay_of(const Question& question, health::Policy policy) {
    const std::optional<Schedule> schedule = read_schedule(question.endpoint_id);
    if (!schedule) return nullptr;
    policy.interval_us = schedule->interval_us;
    policy.timeout_us = schedule->timeout_us;
    const TimestampTz since = question.from - run_in_us(*schedule);
    auto replay = std::make_unique<health::Replay>(policy, read_events(question, since), unix_us(question.from),
                                                   unix_us(question.to));
    replay_checks(*replay, open_checks(question, since), *schedule);
    return replay;
}

Datum times_datum(const std::vector<PastIncident>& incidents, std::int64_t PastIncident::*member) {
    auto* times = static_cast<Datum*>(palloc(sizeof(Datum) * (incidents.size() + 1)));
    for (std::size_t i = 0; i < incidents.size(); i++) {
        const std::int64_t us = incidents[i].*member;
        times[i] = TimestampTzGetDatum(us == 0 ? DT_NOEND : us - kEpochDifferenceUs);
    }
    return PointerGetDatum(construct_array(times, static_cast<int>(incidents.size()), TIMESTAMPTZOID,
                                           sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum row_of(FunctionCallInfo fcinfo, const health::Replay& replay) {
    const health::ReplayTotals& totals = replay.totals();
    TupleDesc columns = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &columns) != TYPEFUNC_COMPOSITE) elog(ERROR, "the result must be a row");
    Datum values[kColumns] = {Int64GetDatum(totals.checks),
                              TimestampTzGetDatum(totals.first_checked_us - kEpochDifferenceUs),
                              TimestampTzGetDatum(totals.last_checked_us - kEpochDifferenceUs),
                              TimestampTzGetDatum(totals.oldest_checked_us - kEpochDifferenceUs),
                              interval_datum(totals.down_us),
                              interval_datum(totals.degraded_us),
                              times_datum(replay.incidents(), &PastIncident::started_us),
                              times_datum(replay.incidents(), &PastIncident::opened_us),
                              times_datum(replay.incidents(), &PastIncident::resolved_us)};
    bool nulls[kColumns] = {};
    nulls[1] = nulls[2] = totals.checks == 0;
    nulls[3] = totals.oldest_checked_us == 0;
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls));
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_replay_checks(PG_FUNCTION_ARGS) {
    const Question question = {PG_GETARG_INT64(0), PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2)};
    const health::Policy policy = policy_argument(fcinfo);
    require_times(question);
    require_policy(policy);
    return pg::entry([&] {
        pg::call([] { SPI_connect(); });
        const std::unique_ptr<health::Replay> replay = replay_of(question, policy);
        pg::call([] { SPI_finish(); });
        if (!replay) {
            fcinfo->isnull = true;
            return Datum(0);
        }
        return pg::call([&] { return row_of(fcinfo, *replay); });
    });
}
