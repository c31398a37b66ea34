// How SQL tells the workers of changes: the trigger on endpoints, and wake().

#include "worker/wakeup.hpp"

#include "pg/postgres.hpp"

extern "C" {
#include "access/htup_details.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(pulsimo_endpoints_changed);
PG_FUNCTION_INFO_V1(pulsimo_wake);
}

namespace {

std::int64_t id_of(HeapTuple tuple, TupleDesc description) {
    int column = SPI_fnumber(description, "id");
    if (column <= 0) elog(ERROR, "pulsimo_endpoints_changed: table has no column \"id\"");
    bool is_null = false;
    return DatumGetInt64(heap_getattr(tuple, column, description, &is_null));
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_endpoints_changed(PG_FUNCTION_ARGS) {
    using namespace pulsimo::worker;

    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"pulsimo.endpoints_changed\" can only be called as a trigger")));
    }
    warn_if_not_preloaded();
    auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event)) {
        note_all_changed();
        return PointerGetDatum(nullptr);
    }
    TupleDesc description = RelationGetDescr(trigger->tg_relation);
    const std::int64_t id = id_of(trigger->tg_trigtuple, description);
    note_changed_endpoint(id);
    if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event)) {
        const std::int64_t new_id = id_of(trigger->tg_newtuple, description);
        if (new_id != id) note_changed_endpoint(new_id);
    }
    return PointerGetDatum(nullptr);
}

PULSIMO_EXPORT Datum pulsimo_wake(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    pulsimo::worker::warn_if_not_preloaded();
    pulsimo::worker::note_state_changed();
    PG_RETURN_VOID();
}
