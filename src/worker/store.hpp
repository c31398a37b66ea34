// Everything a keeper reads from and writes to tables. Each call is one short transaction.
//
// Every transaction first takes AccessShareLock on the extension itself and looks whether it is still the one, of the
// version, that the keeper started with: DROP EXTENSION and, by our hook, ALTER EXTENSION UPDATE take that lock
// exclusively before any table, so they wait for us or we find another extension, and there is no deadlock. The SQL behind it lives in src/sql/keeper.sql, and is called by its qualified name.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/cron_schedule.hpp"
#include "engine/endpoint_config.hpp"
#include "engine/result.hpp"
#include "health/health.hpp"
#include "pg/time_zone.hpp"
#include "pg/transaction.hpp"
#include "secrets/key_file.hpp"

namespace pulsimo::worker {

// The extension was dropped, updated or replaced since the keeper started.
class ExtensionChanged : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What the tables say of an endpoint, as far as we know: read, or written by us since. The status is that underneath
// maintenance.
struct Stored {
    std::int64_t changed_us = 0;
    health::Status status = health::Status::unknown;
    bool maintenance = false;
    bool flapping = false;
    bool incident_open = false;

    bool operator==(const Stored&) const = default;
};

// Other endpoints, by their ids.
struct Relations {
    std::vector<std::int64_t> upstreams;   // what it strongly depends on
    std::vector<std::int64_t> references;  // what shows whether our own connection works

    bool operator==(const Relations&) const = default;
};

// An endpoint as the keeper holds it in memory.
struct Watched {
    engine::EndpointConfig config;
    health::Policy policy;
    health::State state;
    std::shared_ptr<const engine::CronSchedule> cron;  // nullptr: checked by its interval
    engine::Rarely<Relations> relations;
    std::string certificate_issuer;
    std::int64_t certificate_expires_at_s = 0;
    Stored stored;
    std::int64_t suppressed_by = 0;     // the upstream that its being down is put down to; 0: none
    std::int64_t failing_since_us = 0;  // if the last check failed, the first that did
    bool failed = false;                // the last check did
    bool unreached = false;             // the last check got no answer, or we had trouble of our own
    bool lacks_excerpt = false;         // its incident opened without a response to show
    bool stale = false;                 // the tables refused a change: their state counts, not ours
};

// When the status of an endpoint began, or an outage that nobody was told of yet.
inline std::int64_t began_us(const health::State& state) {
    return state.untold_since_us != 0 ? state.untold_since_us : state.since_us;
}

inline constexpr std::int64_t kDayUs = 86'400'000'000;

// What policies of endpoints with a cron schedule have for an interval; a day when no run follows.
std::int64_t distance_to_next_run(const engine::CronSchedule& cron, std::int64_t at_us);

// What keepers ask for when windows may have begun or ended.
struct Maintenance {
    std::unordered_map<std::int64_t, std::int64_t> since_us;  // by endpoint
    std::int64_t next_change_us = INT64_MAX;                  // wall clock
};

// A result on its way into the tables, with what it caused; or what happened to an endpoint without a check, of whose
// result only the id counts.
struct Pending {
    engine::CheckResult result;
    health::Status verdict = health::Status::unknown;
    std::vector<health::Change> changes;
    bool certificate_changed = false;
    bool is_check = true;
    bool shows_response = false;     // the excerpt is wanted
    std::int64_t since_us = 0;       // when the status underneath began, after the changes
    std::int64_t suppressed_by = 0;  // the upstream that this endpoint's being down is put down to; 0: no news
    std::vector<std::uint64_t> answers;  // requests of check_now() that it answers

    bool is_plain() const { return changes.empty() && !certificate_changed && suppressed_by == 0 && !shows_response; }
};

enum class Installation { absent, other_version, stopped, running };

class Store {
  public:
    Store();

    Installation look();

    // Whether a prepared transaction of this database waits, which may have changed anything.
    bool has_prepared_transactions();

    // The endpoints with these ids, or all; paused ones and ones that are gone are left out.
    std::vector<Watched> load(const std::optional<std::vector<std::int64_t>>& ids);

    Maintenance load_maintenance();

    // Writes all of it or throws. Makes the partitions it needs.
    void write(std::span<const Pending> batch);

    // Partitions ahead, retention.
    void keep_house();

    // What sessions have noted in shared memory for the audit log.
    void write_notes();
    void drop_notes();  // those that write_notes() was about to write

    // Whether a secret that some endpoint needs could not be opened when it was loaded; `why` tells the last reason.
    bool lacks_secrets(std::string& why) const;

  private:
    void enter();
    void make_partitions(std::int64_t first_day, std::int64_t last_day);
    void insert_checks(std::span<const Pending> batch);
    void hold_watched(std::span<const Pending> batch);
    void record_changes(std::span<const Pending> batch);
    void record_certificates(std::span<const Pending> batch);
    void record_suppressions(std::span<const Pending> batch);
    void record_excerpts(std::span<const Pending> batch);
    std::shared_ptr<const engine::CronSchedule> cron_schedule(const engine::EndpointConfig& config);
    void fill_in_secrets(std::uint64_t row, std::optional<secrets::KeyRing>& keys, engine::EndpointConfig& config);

    Oid extension_ = 0;
    std::int64_t partitioned_from_day_ = 0;   // partitions are known to exist for these days (since 1970, UTC)
    std::int64_t partitioned_to_day_ = -1;
    pg::Statement version_;
    pg::Statement state_;
    pg::Statement prepared_;
    pg::Statement load_;
    pg::Statement hold_;
    pg::Statement changes_;
    pg::Statement certificates_;
    pg::Statement suppressions_;
    pg::Statement excerpts_;
    pg::Statement maintenance_;
    pg::Statement partitions_;
    pg::Statement retention_;
    pg::Statement expiry_;
    pg::Statement protection_;
    pg::Statement notes_;
    pg::Statement old_audit_;
    pg::Statement access_;
    engine::CronSchedules cron_schedules_{pg::find_time_zone};
    std::string secret_trouble_;  // why the last secret that did not open did not
};

}  // namespace pulsimo::worker
