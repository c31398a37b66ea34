// validate_endpoint(), require_networks(), module_version() and next_slot(): the engine's knowledge for SQL.

#include "engine/address_policy.hpp"
#include "engine/clock.hpp"
#include "engine/http_options.hpp"
#include "engine/schedule.hpp"
#include "functions/interval_argument.hpp"
#include "functions/invalid_option.hpp"
#include "pg/encoding.hpp"

#include "pg/guard.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pulsimo_validate_endpoint);
PG_FUNCTION_INFO_V1(pulsimo_require_networks);
PG_FUNCTION_INFO_V1(pulsimo_module_version);
PG_FUNCTION_INFO_V1(pulsimo_next_slot);
}

namespace {

using namespace pulsimo;

constexpr const char* kHint = "The comment of pulsimo.validate_endpoint() tells what each option may be.";

bool is_valid(const char* url, const char* options, pg::Failure& failure) noexcept {
    auto check = [&] {
        engine::validate_url(pg::to_utf8(url));
        engine::parse_http_options(pg::to_utf8(options));
    };
    return functions::passes(check, kHint, failure);
}

bool are_networks(const char* networks, pg::Failure& failure) noexcept {
    auto check = [&] { engine::parse_networks(pg::to_utf8(networks)); };
    return functions::passes(check, "Give networks like 10.0.0.0/8, separated by commas.", failure);
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_validate_endpoint(PG_FUNCTION_ARGS) {
    char* url = text_to_cstring(PG_GETARG_TEXT_PP(0));
    Jsonb* options = PG_GETARG_JSONB_P(1);
    char* json = JsonbToCString(nullptr, &options->root, VARSIZE(options));
    pg::Failure failure;
    if (!is_valid(url, json, failure)) pg::raise(failure);
    PG_RETURN_VOID();
}

PULSIMO_EXPORT Datum pulsimo_require_networks(PG_FUNCTION_ARGS) {
    const char* networks = text_to_cstring(PG_GETARG_TEXT_PP(0));
    pg::Failure failure;
    if (!are_networks(networks, failure)) pg::raise(failure);
    PG_RETURN_VOID();
}

PULSIMO_EXPORT Datum pulsimo_module_version(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_TEXT_P(cstring_to_text(PULSIMO_VERSION));
}

PULSIMO_EXPORT Datum pulsimo_next_slot(PG_FUNCTION_ARGS) {
    const std::int64_t id = PG_GETARG_INT64(0);
    const std::int64_t interval = functions::interval_argument(PG_GETARG_INTERVAL_P(1), "check_interval", USECS_PER_SEC,
                                                               "1 second", "Use the check_interval of the endpoint.");
    const std::int64_t now = engine::SystemClock().monotonic_us();
    PG_RETURN_TIMESTAMPTZ(GetCurrentTimestamp() + engine::next_slot_us(id, interval, now) - now);
}
