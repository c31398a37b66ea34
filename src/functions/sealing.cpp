// What SQL can do with sealed text: seal it, seal it anew, and see whether a one-time password fits. Nothing here gives
// out what was sealed.

#include "secrets/sealing.hpp"

#include "engine/http_target.hpp"
#include "functions/as_owner.hpp"
#include "secrets/one_time_password.hpp"
#include "worker/secret_keys.hpp"
#include "worker/wakeup.hpp"

#include <sodium.h>

#include "pg/encoding.hpp"
#include "pg/guard.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pulsimo_seal);
PG_FUNCTION_INFO_V1(pulsimo_reseal);
PG_FUNCTION_INFO_V1(pulsimo_sealed_with);
PG_FUNCTION_INFO_V1(pulsimo_new_one_time_secret);
PG_FUNCTION_INFO_V1(pulsimo_one_time_step);
PG_FUNCTION_INFO_V1(pulsimo_url_host);
PG_FUNCTION_INFO_V1(pulsimo_note_endpoints);
}

namespace {

using namespace pulsimo;
using functions::require_owner;

constexpr std::size_t kOneTimeSecretBytes = 20;  // RFC 4226, R6: at least 16, 20 recommended

std::string_view view_of(const void* value) {
    return {VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

// What is sealed, and what for, is UTF-8, so that a dump opens in a database of another encoding too.
std::string utf8_of(const text* value) {
    const char* text = pg::call([&] { return text_to_cstring(value); });
    return pg::to_utf8(text);
}

// Runs with C++ objects alive, so memory of Postgres is asked for by way of call().
Datum bytea_of(const std::string& bytes) {
    return pg::call([&] { return PointerGetDatum(cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size()))); });
}

std::int64_t unix_now_s() {
    return GetCurrentTimestamp() / USECS_PER_SEC + std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * SECS_PER_DAY;
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_seal(PG_FUNCTION_ARGS) {
    require_owner("seal");
    const text* plain = PG_GETARG_TEXT_PP(0);
    const text* context = PG_GETARG_TEXT_PP(1);
    return pg::entry([&] { return bytea_of(secrets::seal(worker::secret_keys(), utf8_of(plain), utf8_of(context))); });
}

PULSIMO_EXPORT Datum pulsimo_reseal(PG_FUNCTION_ARGS) {
    require_owner("reseal");
    const std::string_view sealed = view_of(PG_GETARG_BYTEA_PP(0));
    const text* context_text = PG_GETARG_TEXT_PP(1);
    return pg::entry([&] {
        const secrets::KeyRing keys = worker::secret_keys();
        const std::string context = utf8_of(context_text);
        const secrets::SecretText plain = worker::open_sealed(keys, sealed, context);
        return bytea_of(secrets::seal(keys, plain.view(), context));
    });
}

PULSIMO_EXPORT Datum pulsimo_sealed_with(PG_FUNCTION_ARGS) {
    const std::string_view sealed = view_of(PG_GETARG_BYTEA_PP(0));
    return pg::entry([&] { return bytea_of(secrets::key_id_of(sealed)); });
}

PULSIMO_EXPORT Datum pulsimo_new_one_time_secret(PG_FUNCTION_ARGS) {
    require_owner("new_one_time_secret");
    const std::string_view context = view_of(PG_GETARG_TEXT_PP(0));
    const std::string_view account = view_of(PG_GETARG_TEXT_PP(1));
    TupleDesc description = nullptr;
    if (get_call_result_type(fcinfo, nullptr, &description) != TYPEFUNC_COMPOSITE) elog(ERROR, "a record was expected");
    description = BlessTupleDesc(description);
    Datum values[2] = {};
    bool nulls[2] = {};
    pg::entry([&] {
        const secrets::KeyRing keys = worker::secret_keys();
        char secret[kOneTimeSecretBytes];
        randombytes_buf(secret, sizeof secret);
        const std::string_view shared(secret, sizeof secret);
        values[0] = bytea_of(secrets::seal(keys, shared, context));
        values[1] = bytea_of(secrets::otpauth_uri("Pulsimo", account, shared));
        sodium_memzero(secret, sizeof secret);
        return Datum(0);
    });
    return HeapTupleGetDatum(heap_form_tuple(description, values, nulls));
}

PULSIMO_EXPORT Datum pulsimo_one_time_step(PG_FUNCTION_ARGS) {
    require_owner("one_time_step");
    const std::string_view sealed = view_of(PG_GETARG_BYTEA_PP(0));
    const std::string_view context = view_of(PG_GETARG_TEXT_PP(1));
    const std::string_view code = view_of(PG_GETARG_TEXT_PP(2));
    const std::int64_t last_used_step = PG_GETARG_INT64(3);
    bool matches = false;
    const Datum step = pg::entry([&] {
        const secrets::SecretText shared = worker::open_sealed(worker::secret_keys(), sealed, context);
        const auto found = secrets::matching_step(shared.view(), code, unix_now_s(), last_used_step);
        matches = found.has_value();
        return Int64GetDatum(found.value_or(0));
    });
    if (!matches) PG_RETURN_NULL();
    return step;
}

PULSIMO_EXPORT Datum pulsimo_url_host(PG_FUNCTION_ARGS) {
    const text* url = PG_GETARG_TEXT_PP(0);
    bool is_url = false;
    const Datum host = pg::entry([&] {
        const auto target = engine::HttpTarget::parse(utf8_of(url));
        is_url = target.has_value();
        return is_url ? bytea_of(pg::from_utf8(target->host)) : Datum(0);
    });
    if (!is_url) PG_RETURN_NULL();
    return host;
}

PULSIMO_EXPORT Datum pulsimo_note_endpoints(PG_FUNCTION_ARGS) {
    Datum* ids = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT8OID, sizeof(std::int64_t), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &ids, &nulls,
                      &count);
    for (int i = 0; i < count; i++) {
        if (!nulls[i]) worker::note_changed_endpoint(DatumGetInt64(ids[i]));
    }
    PG_RETURN_VOID();
}
