#include <algorithm>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>  // before the server's headers, which redefine snprintf

#include "worker/store.hpp"

#include "engine/check_row.hpp"
#include "engine/error_class.hpp"
#include "pg/copy.hpp"
#include "pg/encoding.hpp"
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

using health::Change;
using nlohmann::json;

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

}  // namespace

Store::Store()
    : version_("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pulsimo'", {}),
      state_("SELECT running FROM pulsimo.keeper_state()", {}),
      prepared_("SELECT EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts WHERE database = current_database())", {}),
      load_("SELECT id, url, interval_us, timeout_us, retry_us, degraded_us, failure_threshold::bigint, "
            "success_threshold::bigint, options, status, since_us, incident_open, recent_outcomes, recent_checked_us, "
            "certificate_issuer, certificate_expires_s, blocked_networks, allowed_networks, secret_names, secret_contexts, "
            "sealed_secrets, cron, timezone, failure_window::bigint, flap_start::bigint, flap_stop::bigint, auto_resolve, "
            "reference_ids, upstream_ids, changed_us, maintenance, flapping, closed_us, suppressed_by, last_error, lacks_excerpt "
            "FROM pulsimo.keeper_endpoints($1)",
            {INT8ARRAYOID}),
      hold_("SELECT pulsimo.hold_watched($1::jsonb)", {TEXTOID}),
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
        hold_watched(batch);
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

// Those of changes and of suppressions together: each of the two locks its own, and one after the other they would not be
// locked in one order.
void Store::hold_watched(std::span<const Pending> batch) {
    json news = json::array();
    bool suppresses = false;
    for (const Pending& pending : batch) {
        if (!pending.changes.empty() || pending.suppressed_by != 0) news.push_back({{"endpoint_id", pending.result.endpoint_id}});
        suppresses |= pending.suppressed_by != 0;
    }
    if (suppresses) hold_.run({pg::text_datum(news.dump())});
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
