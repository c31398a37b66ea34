// What maintenance needs of the server: telling the keeper, and windows in shared memory (worker/live_maintenance.hpp).

#include "functions/as_owner.hpp"
#include "functions/identity.hpp"
#include "functions/permissions.hpp"
#include "worker/live_maintenance.hpp"
#include "worker/wakeup.hpp"

#include "pg/guard.hpp"

extern "C" {
#include "commands/trigger.h"
#include "funcapi.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pulsimo_maintenance_changed);
PG_FUNCTION_INFO_V1(pulsimo_begin_live_maintenance);
PG_FUNCTION_INFO_V1(pulsimo_end_session_maintenance);
PG_FUNCTION_INFO_V1(pulsimo_live_maintenance);
}

namespace {

using namespace pulsimo;
using worker::LiveMaintenance;
using worker::LiveWindow;

constexpr int kColumns = 8;

// As the policy of pulsimo.maintenance_windows has it.
bool is_seen(const LiveWindow& window) {
    const auto may = [](const char* action, std::int64_t object) {
        return functions::has_permission(cstring_to_text(action), object);
    };
    if (window.endpoint_id != 0) return may("endpoint.view", window.endpoint_id);
    if (window.project_id != 0) return may("project.view", window.project_id);
    return may("organization.view", window.organization_id);
}

void put(ReturnSetInfo* result, const LiveWindow& window) {
    Datum values[kColumns] = {Int64GetDatum(window.organization_id),
                              Int64GetDatum(window.project_id),
                              Int64GetDatum(window.endpoint_id),
                              CStringGetTextDatum(window.tag),
                              CStringGetTextDatum(window.title),
                              TimestampTzGetDatum(window.since),
                              BoolGetDatum(window.subtransaction != InvalidSubTransactionId),
                              Int32GetDatum(window.pid)};
    bool nulls[kColumns] = {};
    nulls[1] = window.project_id == 0;
    nulls[2] = window.endpoint_id == 0;
    nulls[3] = window.tag[0] == '\0';
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

std::int64_t id_argument(FunctionCallInfo fcinfo, int place) { return PG_ARGISNULL(place) ? 0 : PG_GETARG_INT64(place); }

}  // namespace

PULSIMO_EXPORT Datum pulsimo_maintenance_changed(PG_FUNCTION_ARGS) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("function \"pulsimo.maintenance_changed\" can only be called as a trigger")));
    }
    worker::note_maintenance_changed();
    return PointerGetDatum(nullptr);
}

// organization, project, endpoint, tag, title, until_commit. The lengths of tag and title have been looked at.
PULSIMO_EXPORT Datum pulsimo_begin_live_maintenance(PG_FUNCTION_ARGS) {
    functions::require_owner("begin_live_maintenance");
    auto* window = static_cast<LiveWindow*>(palloc0(sizeof(LiveWindow)));
    window->user_id = functions::current_user_id();
    window->organization_id = id_argument(fcinfo, 0);
    window->project_id = id_argument(fcinfo, 1);
    window->endpoint_id = id_argument(fcinfo, 2);
    if (!PG_ARGISNULL(3)) pg::copy_text(window->tag, text_to_cstring(PG_GETARG_TEXT_PP(3)));
    pg::copy_text(window->title, text_to_cstring(PG_GETARG_TEXT_PP(4)));
    worker::begin_live_maintenance(*window, PG_GETARG_BOOL(5) ? worker::Lifetime::transaction : worker::Lifetime::session);
    PG_RETURN_VOID();
}

PULSIMO_EXPORT Datum pulsimo_end_session_maintenance(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_INT32(worker::end_session_maintenance(functions::current_user_id(), functions::is_operator()));
}

PULSIMO_EXPORT Datum pulsimo_live_maintenance(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    auto* live = static_cast<LiveMaintenance*>(palloc(sizeof(LiveMaintenance)));
    const int count = worker::copy_live_maintenance(*live);
    for (int i = 0; i < count; i++) {
        if (is_seen(live->windows[i])) put(result, live->windows[i]);
    }
    PG_RETURN_NULL();
}
