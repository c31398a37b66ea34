// worker_stats(): the workers of all databases, from shared memory.

#include "functions/interval_result.hpp"
#include "worker/background.hpp"
#include "worker/shared.hpp"

#include "pg/postgres.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pulsimo_worker_stats);
}

namespace {

using namespace pulsimo;
using worker::DatabaseSlot;
using worker::LastError;
using worker::ProcessCounters;

constexpr int kColumns = 15;

// One row; `prober` and `database` may be none (-1, InvalidOid).
void put(ReturnSetInfo* result, const char* role, Oid database, int prober, const ProcessCounters& counters,
         const LastError& error) {
    Datum values[kColumns] = {Int32GetDatum(counters.pid),
                              CStringGetTextDatum(role),
                              ObjectIdGetDatum(database),
                              Int32GetDatum(prober),
                              Int64GetDatum(counters.endpoints),
                              Int64GetDatum(counters.running),
                              Int64GetDatum(counters.queued),
                              functions::interval_datum(counters.last_lateness_us),
                              functions::interval_datum(counters.max_lateness_us),
                              Int64GetDatum(counters.checks),
                              Int64GetDatum(counters.failures),
                              Int64GetDatum(counters.skipped),
                              Int64GetDatum(counters.restarts),
                              CStringGetTextDatum(error.text),
                              TimestampTzGetDatum(error.at)};
    bool nulls[kColumns] = {};
    nulls[0] = counters.pid == 0;
    nulls[2] = !OidIsValid(database);
    nulls[3] = prober < 0;
    nulls[13] = nulls[14] = error.at == 0;
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

// Errors are copied under the lock, because rows cannot be made with it held.
struct SlotErrors {
    Oid database;
    LastError keeper;
    LastError probers[worker::settings::kMaxProbers];
};

void put_slot(ReturnSetInfo* result, const DatabaseSlot& slot) {
    SlotErrors errors;
    {
        worker::SharedLock lock;
        const bool watched = slot.wanted || slot.keeper_exists;
        errors.database = watched ? slot.database : InvalidOid;
        errors.keeper = slot.keeper_error;
        memcpy(errors.probers, slot.prober_errors, sizeof errors.probers);
    }
    if (!OidIsValid(errors.database)) return;
    put(result, "keeper", errors.database, -1, slot.keeper, errors.keeper);
    for (int i = 0; i < worker::settings::kMaxProbers; i++) {
        if (slot.probers[i].pid != 0) put(result, "prober", errors.database, i, slot.probers[i], errors.probers[i]);
    }
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_worker_stats(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    worker::Shared* shared = worker::shared();
    if (shared == nullptr) PG_RETURN_NULL();
    LastError launcher_error;
    {
        worker::SharedLock lock;
        launcher_error = shared->launcher_error;
    }
    put(result, "launcher", InvalidOid, -1, shared->launcher, launcher_error);
    for (int i = 0; i < shared->slot_count; i++) put_slot(result, shared->slots[i]);
    PG_RETURN_NULL();
}
