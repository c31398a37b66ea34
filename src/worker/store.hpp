// Everything a keeper reads from and writes to tables. Each call is one short transaction.
//
// Every transaction first takes AccessShareLock on the extension itself and looks whether it is still the one, of the
// version, that the keeper started with: DROP EXTENSION and, by our hook, ALTER EXTENSION UPDATE take that lock
// exclusively before any table, so they wait for us or we find another extension, and there is no deadlock. The SQL behind it lives in src/sql/keeper.sql, and is called by its qualified name.
#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/endpoint_config.hpp"
#include "engine/result.hpp"
#include "health/health.hpp"
#include "pg/transaction.hpp"
#include "secrets/key_file.hpp"

namespace pulsimo::worker {

// The extension was dropped, updated or replaced since the keeper started.
class ExtensionChanged : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

// An endpoint as the keeper holds it in memory.
struct Watched {
    engine::EndpointConfig config;
    health::Policy policy;
    health::State state;
    std::string certificate_issuer;
    std::int64_t certificate_expires_at_s = 0;
    // The status in the tables, as far as we know: read, or written by us since.
    health::Status stored_status = health::Status::unknown;
    std::int64_t stored_since_us = 0;
    bool stale = false;  // the tables refused a change: their state counts, not ours
};

// A result on its way into the tables, with what it caused.
struct Pending {
    engine::CheckResult result;
    health::Status verdict = health::Status::unknown;
    std::vector<health::Change> changes;
    bool certificate_changed = false;
    std::vector<std::uint64_t> answers;  // requests of check_now() that it answers
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
    void record_changes(std::span<const Pending> batch);
    void record_certificates(std::span<const Pending> batch);
    void fill_in_secrets(std::uint64_t row, std::optional<secrets::KeyRing>& keys, engine::EndpointConfig& config);

    Oid extension_ = 0;
    std::int64_t partitioned_from_day_ = 0;   // partitions are known to exist for these days (since 1970, UTC)
    std::int64_t partitioned_to_day_ = -1;
    pg::Statement version_;
    pg::Statement state_;
    pg::Statement prepared_;
    pg::Statement load_;
    pg::Statement changes_;
    pg::Statement certificates_;
    pg::Statement partitions_;
    pg::Statement retention_;
    pg::Statement expiry_;
    pg::Statement protection_;
    pg::Statement notes_;
    pg::Statement old_audit_;
    pg::Statement access_;
    std::string secret_trouble_;  // why the last secret that did not open did not
};

}  // namespace pulsimo::worker
