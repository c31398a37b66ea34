// cron_next() and validate_cron(): cron schedules for SQL, read by the code that the probers run.

#include <optional>

#include "engine/cron.hpp"
#include "functions/interval_result.hpp"
#include "functions/invalid_option.hpp"
#include "pg/encoding.hpp"
#include "pg/time_zone.hpp"

#include "pg/guard.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pulsimo_cron_next);
PG_FUNCTION_INFO_V1(pulsimo_validate_cron);
}

namespace {

using namespace pulsimo;

constexpr std::int64_t kEpochDifferenceUs =
    std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * SECS_PER_DAY * USECS_PER_SEC;
constexpr TimestampTz kLatest = INT64_MAX - kEpochDifferenceUs;  // what is later has no Unix time in microseconds

bool find_next(const char* cron, const char* zone, TimestampTz after, std::optional<TimestampTz>& next,
               pg::Failure& failure) noexcept {
    const auto find = [&] {
        const engine::Cron parsed(pg::to_utf8(cron));
        const auto found = pg::find_time_zone(pg::to_utf8(zone));
        next = engine::next_run_us(parsed, *found, after + kEpochDifferenceUs);
        if (next) *next -= kEpochDifferenceUs;
    };
    return functions::passes(find, "", failure);
}

bool find_spacing(const char* cron, const char* zone, std::int64_t& spacing_us, pg::Failure& failure) noexcept {
    const auto find = [&] {
        spacing_us = engine::Cron(pg::to_utf8(cron)).shortest_spacing_us();
        pg::find_time_zone(pg::to_utf8(zone));
    };
    return functions::passes(find, "", failure);
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_cron_next(PG_FUNCTION_ARGS) {
    const char* cron = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const char* zone = text_to_cstring(PG_GETARG_TEXT_PP(1));
    const TimestampTz after = PG_GETARG_TIMESTAMPTZ(2);
    std::optional<TimestampTz> next;
    pg::Failure failure;
    const bool has_next = !TIMESTAMP_NOT_FINITE(after) && after <= kLatest;
    if (!find_next(cron, zone, has_next ? after : 0, next, failure)) pg::raise(failure);
    if (!has_next || !next) PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(*next);
}

PULSIMO_EXPORT Datum pulsimo_validate_cron(PG_FUNCTION_ARGS) {
    const char* cron = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const char* zone = text_to_cstring(PG_GETARG_TEXT_PP(1));
    std::int64_t spacing_us = 0;
    pg::Failure failure;
    if (!find_spacing(cron, zone, spacing_us, failure)) pg::raise(failure);
    return functions::interval_datum(spacing_us);
}
