#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <sodium.h>
#include <nlohmann/json.hpp>  // before the server's headers, which redefine snprintf

#include "worker/store.hpp"

#include "engine/check_row.hpp"
#include "engine/error_class.hpp"
#include "engine/invalid_option.hpp"
#include "engine/secret_references.hpp"
#include "pg/copy.hpp"
#include "pg/encoding.hpp"
#include "worker/secret_keys.hpp"
#include "worker/settings.hpp"
#include "worker/shared.hpp"

extern "C" {
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace pulsimo::worker {

namespace {

using engine::CheckResult;
using health::Change;
using nlohmann::json;

constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr int kDaysAhead = 3;
// The last check of every endpoint has to be there, else nobody knows until when its status was known: two intervals and
// a timeout, at most.
constexpr std::int64_t kShortestRetentionUs = 3 * kDayUs;

std::int64_t day_of(std::int64_t unix_us) { return unix_us / kDayUs; }

Datum date_datum(std::int64_t unix_day) {
    return Int32GetDatum(static_cast<std::int32_t>(unix_day - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)));
}

std::int64_t now_us() {
    constexpr std::int64_t kOffset =
        std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * SECS_PER_DAY * USECS_PER_SEC;
    return GetCurrentTimestamp() + kOffset;
}

// What health remembers of a result that was not a pass; for a gap there is no result to tell of.
json describe(const Pending& pending, const Change& change) {
    const bool is_last = &change == &pending.changes.back();
    json row = {{"endpoint_id", pending.result.endpoint_id},
                {"at", change.at_us},
                {"status", health::to_string(change.to)},
                {"maintenance", change.maintenance},
                {"since", is_last ? pending.since_us : change.at_us},
                {"flapping", change.flapping},
                {"error", nullptr},
                {"detail", nullptr},
                {"incident", nullptr},
                {"incident_at", nullptr}};
    if (change.gap) {
        row["error"] = engine::to_string(engine::ErrorClass::internal);
        row["detail"] = "no checks were made or stored from here on";
    } else if (pending.result.error != engine::ErrorClass::none) {
        row["error"] = engine::to_string(pending.result.error);
        row["detail"] = pg::from_utf8(pending.result.detail);
    }
    if (change.incident == health::IncidentAction::open) row["incident"] = "open";
    if (change.incident == health::IncidentAction::resolve) row["incident"] = "resolve";
    if (change.incident_at_us != 0) row["incident_at"] = change.incident_at_us;
    return row;
}

Watched read_watched(std::uint64_t row) {
    Watched watched;
    watched.config = {pg::column_int64(row, 1), pg::column_int64(row, 3), pg::column_int64(row, 4),
                      pg::to_utf8(pg::column_text(row, 2).c_str()), pg::to_utf8(pg::column_text(row, 9).c_str()),
                      pg::to_utf8(pg::column_text(row, 17).c_str()), pg::to_utf8(pg::column_text(row, 18).c_str()),
                      pg::to_utf8(pg::column_text(row, 22).c_str()), pg::to_utf8(pg::column_text(row, 23).c_str())};
    watched.policy.interval_us = watched.config.interval_us;
    watched.policy.timeout_us = watched.config.timeout_us;
    watched.policy.retry_interval_us = pg::column_int64(row, 5);
    watched.policy.degraded_after_us = pg::column_int64(row, 6);
    watched.policy.failure_threshold = static_cast<int>(pg::column_int64(row, 7));
    watched.policy.success_threshold = static_cast<int>(pg::column_int64(row, 8));
    watched.policy.stall_limit_us = std::int64_t{settings::late_limit_ms} * 1000;
    watched.policy.failure_window = static_cast<int>(pg::column_int64(row, 24));
    watched.policy.flap_start = static_cast<int>(pg::column_int64(row, 25));
    watched.policy.flap_stop = static_cast<int>(pg::column_int64(row, 26));
    watched.policy.auto_resolve = pg::column_bool(row, 27);
    watched.references = pg::column_int64_array(row, 28);
    watched.upstreams = pg::column_int64_array(row, 29);
    watched.suppressed_by = pg::column_int64(row, 34);
    return watched;
}

std::string bytes_of(const std::string& hex) {
    std::string bytes(hex.size() / 2, '\0');
    std::size_t length = 0;
    sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), hex.data(), hex.size(), nullptr, &length,
                   nullptr);
    bytes.resize(length);
    return bytes;
}

health::Status status_from(const std::string& name) {
    for (auto status : {health::Status::up, health::Status::degraded, health::Status::down}) {
        if (name == health::to_string(status)) return status;
    }
    return health::Status::unknown;
}

std::vector<health::StoredCheck> read_checks(std::uint64_t row, const engine::CronSchedule* cron) {
    std::vector<std::string> verdicts = pg::column_text_array(row, 13);
    std::vector<std::int64_t> times = pg::column_int64_array(row, 14);
    std::vector<health::StoredCheck> checks;
    for (std::size_t i = 0; i < verdicts.size() && i < times.size(); i++) {
        checks.push_back({times[i], status_from(verdicts[i]), cron != nullptr ? distance_to_next_run(*cron, times[i]) : 0});
    }
    return checks;
}

// What an endpoint that is down without an incident waits for: that somebody resolved it, else that it was held back.
health::Memory read_memory(std::uint64_t row, const Stored& stored, std::int64_t since_us) {
    const std::int64_t closed_us = pg::column_int64(row, 33);
    const bool untold = stored.status == health::Status::down && !stored.incident_open && closed_us == 0;
    return {.maintenance = stored.maintenance,
            .flapping = stored.flapping,
            .told_us = stored.changed_us,
            .untold_since_us = untold ? since_us : 0,
            .closed_at_us = closed_us};
}

void read_state(std::uint64_t row, Watched& watched) {
    const std::int64_t since_us = pg::column_int64(row, 11);
    watched.stored = {.status = status_from(pg::column_text(row, 10)),
                      .changed_us = pg::column_int64(row, 30),
                      .maintenance = pg::column_bool(row, 31),
                      .flapping = pg::column_bool(row, 32),
                      .incident_open = pg::column_bool(row, 12)};
    const std::vector<health::StoredCheck> checks = read_checks(row, watched.cron.get());
    watched.state = health::resume(watched.stored.status, since_us, watched.stored.incident_open, checks, watched.policy,
                                   read_memory(row, watched.stored, since_us));
    watched.failed = !checks.empty() && checks.back().verdict == health::Status::down;
    watched.failing_since_us = watched.state.failures > 0 ? watched.state.run_began_us : began_us(watched.state);
}

}  // namespace

// A check may seem to start a little before its run.
std::int64_t distance_to_next_run(const engine::CronSchedule& cron, std::int64_t at_us) {
    constexpr std::int64_t kTooEarlyUs = 1'000'000;
    const auto next_us = cron.next_run_us(at_us + kTooEarlyUs);
    return next_us ? *next_us - at_us : kDayUs;
}

Store::Store()
    : version_("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pulsimo'", {}),
      state_("SELECT running FROM pulsimo.keeper_state()", {}),
      prepared_("SELECT EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts WHERE database = current_database())", {}),
      load_("SELECT id, url, interval_us, timeout_us, retry_us, degraded_us, failure_threshold::bigint, "
            "success_threshold::bigint, options, status, since_us, incident_open, recent_outcomes, recent_checked_us, "
            "certificate_issuer, certificate_expires_s, blocked_networks, allowed_networks, secret_names, secret_contexts, "
            "sealed_secrets, cron, timezone, failure_window::bigint, flap_start::bigint, flap_stop::bigint, auto_resolve, "
            "reference_ids, upstream_ids, changed_us, maintenance, flapping, closed_us, suppressed_by "
            "FROM pulsimo.keeper_endpoints($1)",
            {INT8ARRAYOID}),
      changes_("SELECT pulsimo.record_changes($1::jsonb)", {TEXTOID}),
      certificates_("SELECT pulsimo.record_certificates($1::jsonb)", {TEXTOID}),
      suppressions_("SELECT pulsimo.record_suppressions($1::jsonb)", {TEXTOID}),
      excerpts_("SELECT pulsimo.record_excerpts($1::jsonb)", {TEXTOID}),
      maintenance_("SELECT endpoint_ids, since_us, coalesce(next_change_us, 9223372036854775807) "
                   "FROM pulsimo.keeper_maintenance()",
                   {}),
      partitions_("SELECT pulsimo.ensure_partitions($1, $2)", {DATEOID, DATEOID}),
      retention_("SELECT pulsimo.drop_partitions_before($1)", {DATEOID}),
      expiry_("SELECT pulsimo.forget_expired()", {}),
      protection_("SELECT pulsimo.protect_partitions()", {}),
      notes_("SELECT pulsimo.record_audit_notes()", {}),
      old_audit_("SELECT pulsimo.forget_old_audit()", {}),
      access_("SELECT pulsimo.renew_access()", {}) {}

Installation Store::look() {
    Installation found = Installation::absent;
    pg::transaction("pulsimo: look at the state", [&] {
        extension_ = pg::call([] { return get_extension_oid("pulsimo", true); });
        if (!OidIsValid(extension_)) return;
        found = Installation::other_version;
        try {
            enter();
        } catch (const ExtensionChanged&) {
            return;
        }
        found = state_.run({}) == 1 && pg::column_bool(0, 1) ? Installation::running : Installation::stopped;
    });
    return found;
}

bool Store::has_prepared_transactions() {
    bool found = false;
    pg::transaction("pulsimo: look for prepared transactions",
                    [&] { found = prepared_.run({}) == 1 && pg::column_bool(0, 1); });
    return found;
}

void Store::enter() {
    bool unchanged = pg::call([this] {
        LockDatabaseObject(ExtensionRelationId, extension_, 0, AccessShareLock);
        return get_extension_oid("pulsimo", true) == extension_;
    });
    if (!unchanged) throw ExtensionChanged("the extension was dropped");
    if (version_.run({}) != 1 || pg::column_text(0, 1) != PULSIMO_VERSION) {
        throw ExtensionChanged("the extension is of another version");
    }
}

std::vector<Watched> Store::load(const std::optional<std::vector<std::int64_t>>& ids) {
    std::vector<Watched> endpoints;
    secret_trouble_.clear();
    std::optional<secrets::KeyRing> keys;
    pg::transaction("pulsimo: read endpoints", [&] {
        enter();
        Datum list = ids ? pg::int64_array_datum(*ids) : Datum(0);
        std::uint64_t rows = load_.run({list}, ids ? " " : "n");
        endpoints.reserve(rows);
        for (std::uint64_t row = 0; row < rows; row++) {
            Watched watched = read_watched(row);
            fill_in_secrets(row, keys, watched.config);
            watched.cron = cron_schedule(watched.config);
            read_state(row, watched);
            watched.certificate_issuer = pg::column_text(row, 15);
            watched.certificate_expires_at_s = pg::column_int64(row, 16);
            endpoints.push_back(std::move(watched));
        }
    });
    return endpoints;
}

// The prober tells what is wrong with one that cannot be used.
std::shared_ptr<const engine::CronSchedule> Store::cron_schedule(const engine::EndpointConfig& config) {
    try {
        return cron_schedules_.get(config);
    } catch (const engine::InvalidOption&) {
        return nullptr;
    }
}

Maintenance Store::load_maintenance() {
    Maintenance maintenance;
    pg::transaction("pulsimo: read maintenance windows", [&] {
        enter();
        maintenance_.run({});
        const std::vector<std::int64_t> endpoints = pg::column_int64_array(0, 1);
        const std::vector<std::int64_t> since_us = pg::column_int64_array(0, 2);
        for (std::size_t i = 0; i < endpoints.size(); i++) maintenance.since_us.emplace(endpoints[i], since_us[i]);
        maintenance.next_change_us = pg::column_int64(0, 3);
    });
    return maintenance;
}

// A secret that does not open stays a reference, and the checks say that it is not available: our trouble, not the
// target's.
void Store::fill_in_secrets(std::uint64_t row, std::optional<secrets::KeyRing>& keys, engine::EndpointConfig& config) {
    const std::vector<std::string> names = pg::column_text_array(row, 19);
    if (names.empty()) return;
    const std::vector<std::string> contexts = pg::column_text_array(row, 20);
    const std::vector<std::string> sealed = pg::column_text_array(row, 21);
    std::map<std::string, std::string, std::less<>> values;
    try {
        if (!keys && secret_trouble_.empty()) keys = secret_keys();
        for (std::size_t i = 0; keys && i < names.size(); i++) {
            const secrets::SecretText value = open_sealed(*keys, bytes_of(sealed[i]), pg::to_utf8(contexts[i].c_str()));
            values.emplace(pg::to_utf8(names[i].c_str()), value.view());
        }
    } catch (const pg::PgError& error) {  // of secret_keys(), which asks nothing of the server: the transaction goes on
        secret_trouble_ = error.failure().message;
    }
    const auto find = [&](std::string_view name) {
        const auto found = values.find(name);
        return found != values.end() ? std::optional(found->second) : std::nullopt;
    };
    try {
        config.options_json = engine::with_secrets(config.options_json, find);
    } catch (const engine::InvalidOption& error) {
        secret_trouble_ = error.what();
    }
}

bool Store::lacks_secrets(std::string& why) const {
    why = secret_trouble_;
    return !why.empty();
}

void Store::write(std::span<const Pending> batch) {
    std::set<std::int64_t> days;
    for (const Pending& pending : batch) {
        if (pending.is_check) days.insert(day_of(pending.result.started_at_us));
    }
    const bool partitioned = days.empty() || (*days.begin() >= partitioned_from_day_ && *days.rbegin() <= partitioned_to_day_);
    // If it fails, perhaps because somebody has dropped a partition: the next attempt takes nothing for granted.
    const std::int64_t known_from = std::exchange(partitioned_from_day_, 0);
    const std::int64_t known_to = std::exchange(partitioned_to_day_, -1);
    pg::transaction("pulsimo: write results", [&] {
        enter();
        if (!partitioned) {
            for (const std::int64_t day : days) make_partitions(day, day);
        }
        if (!days.empty()) insert_checks(batch);
        record_changes(batch);
        record_suppressions(batch);
        record_excerpts(batch);
        record_certificates(batch);
    });
    partitioned_from_day_ = partitioned ? known_from : *days.rbegin();
    partitioned_to_day_ = partitioned ? known_to : *days.rbegin();
}

// However that fails, it is not the fault of the results, so they wait.
void Store::make_partitions(std::int64_t first_day, std::int64_t last_day) {
    try {
        partitions_.run({date_datum(first_day), date_datum(last_day)});
    } catch (const pg::PgError& error) {
        pg::Failure failure = error.failure();
        if (failure.sqlstate != ERRCODE_LOCK_NOT_AVAILABLE) failure.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
        throw pg::PgError(failure);
    }
}

void Store::insert_checks(std::span<const Pending> batch) {
    std::string rows;
    engine::begin_rows(rows);
    for (const Pending& pending : batch) {
        if (!pending.is_check) continue;
        engine::append_row(rows, pending.result, health::to_string(pending.verdict), pg::from_utf8(pending.result.detail));
    }
    engine::end_rows(rows);
    std::vector<pg::CopyColumn> columns;
    for (const auto& [name, type] : engine::kCheckColumns) columns.push_back({name, type});
    pg::copy_into("pulsimo", "health_checks", columns, rows);
}

void Store::record_changes(std::span<const Pending> batch) {
    json changes = json::array();
    for (const Pending& pending : batch) {
        for (const Change& change : pending.changes) changes.push_back(describe(pending, change));
    }
    if (!changes.empty()) changes_.run({pg::text_datum(changes.dump())});
}

void Store::record_certificates(std::span<const Pending> batch) {
    json certificates = json::array();
    for (const Pending& pending : batch) {
        if (!pending.certificate_changed) continue;
        certificates.push_back({{"endpoint_id", pending.result.endpoint_id},
                                {"issuer", pg::from_utf8(pending.result.certificate_issuer)},
                                {"expires_s", pending.result.certificate_expires_at_s}});
    }
    if (!certificates.empty()) certificates_.run({pg::text_datum(certificates.dump())});
}

void Store::record_suppressions(std::span<const Pending> batch) {
    json suppressions = json::array();
    for (const Pending& pending : batch) {
        if (pending.suppressed_by == 0) continue;
        suppressions.push_back({{"endpoint_id", pending.result.endpoint_id},
                                {"at", pending.since_us},
                                {"cause", pending.suppressed_by}});
    }
    if (!suppressions.empty()) suppressions_.run({pg::text_datum(suppressions.dump())});
}

// The prober made the JSON of what came from the network; whatever the encoding of the database cannot hold is replaced.
void Store::record_excerpts(std::span<const Pending> batch) {
    json excerpts = json::array();
    for (const Pending& pending : batch) {
        if (!pending.shows_response) continue;
        excerpts.push_back({{"endpoint_id", pending.result.endpoint_id},
                            {"at", pending.result.started_at_us},
                            {"excerpt", json::parse(pending.result.excerpt)}});
    }
    if (!excerpts.empty()) excerpts_.run({pg::text_datum(pg::from_utf8(excerpts.dump()))});
}

// Only once they are committed they are removed from shared memory.
void Store::drop_notes() {
    SharedLock lock;
    if (DatabaseSlot* slot = find_slot(MyDatabaseId)) release_taken(slot->audit_notes);
}

void Store::write_notes() {
    pg::transaction("pulsimo: write the audit log", [&] {
        enter();
        notes_.run({});
    });
    drop_notes();
}

void Store::keep_house() {
    const std::int64_t now = now_us();
    const std::int64_t retention_us =
        std::max(std::int64_t{settings::check_retention_minutes} * 60'000'000, kShortestRetentionUs);
    const std::int64_t today = day_of(now);
    pg::transaction("pulsimo: make partitions", [&] {
        enter();
        make_partitions(today, today + kDaysAhead);
    });
    partitioned_from_day_ = today;
    partitioned_to_day_ = today + kDaysAhead;
    pg::transaction("pulsimo: forget what has expired", [&] {
        enter();
        expiry_.run({});
    });
    if (settings::check_retention_minutes != 0) {
        pg::transaction("pulsimo: drop old partitions", [&] {
            enter();
            retention_.run({date_datum(day_of(now - retention_us))});
        });
    }
    pg::transaction("pulsimo: forget old entries of the audit log", [&] {
        enter();
        old_audit_.run({});
    });
    // Late, for it may wait in vain for a lock, and has nothing to do but after a restore or somebody's ATTACH.
    pg::transaction("pulsimo: protect partitions", [&] {
        enter();
        protection_.run({});
    });
    pg::transaction("pulsimo: grant what an update has brought", [&] {
        enter();
        access_.run({});
    });
}

}  // namespace pulsimo::worker
