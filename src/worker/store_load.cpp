// What the keeper reads of endpoints and maintenance windows.
#include <map>
#include <utility>

#include <sodium.h>

#include "worker/store.hpp"

#include "engine/error_class.hpp"
#include "engine/invalid_option.hpp"
#include "engine/secret_references.hpp"
#include "pg/encoding.hpp"
#include "worker/secret_keys.hpp"
#include "worker/settings.hpp"

namespace pulsimo::worker {

namespace {

Watched read_watched(std::uint64_t row) {
    Watched watched;
    watched.config = {
        pg::column_int64(row, 1),
        pg::column_int64(row, 3),
        pg::column_int64(row, 4),
        pg::to_utf8(pg::column_text(row, 2).c_str()),
        pg::to_utf8(pg::column_text(row, 9).c_str()),
        engine::OwnNetworks{pg::to_utf8(pg::column_text(row, 17).c_str()),
                            pg::to_utf8(pg::column_text(row, 18).c_str())},
        engine::CronText{pg::to_utf8(pg::column_text(row, 22).c_str()), pg::to_utf8(pg::column_text(row, 23).c_str())}};
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
    watched.relations = Relations{pg::column_int64_array(row, 29), pg::column_int64_array(row, 28)};
    watched.suppressed_by = pg::column_int64(row, 34);
    return watched;
}

std::string bytes_of(const std::string& hex) {
    std::string bytes(hex.size() / 2, '\0');
    std::size_t length = 0;
    sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), hex.data(), hex.size(), nullptr,
                   &length, nullptr);
    bytes.resize(length);
    return bytes;
}

health::Status status_from(const std::string& name) {
    for (auto status : {health::Status::up, health::Status::degraded, health::Status::down}) {
        if (name == health::to_string(status)) return status;
    }
    return health::Status::unknown;
}

engine::ErrorClass error_class_from(const std::string& name) {
    for (std::uint8_t byte = 0; const auto error = engine::error_class_from_byte(byte); byte++) {
        if (name == engine::to_string(*error)) return *error;
    }
    return engine::ErrorClass::none;
}

std::vector<health::StoredCheck> read_checks(std::uint64_t row, const engine::CronSchedule* cron) {
    std::vector<std::string> verdicts = pg::column_text_array(row, 13);
    std::vector<std::int64_t> times = pg::column_int64_array(row, 14);
    std::vector<health::StoredCheck> checks;
    for (std::size_t i = 0; i < verdicts.size() && i < times.size(); i++) {
        checks.push_back(
            {times[i], status_from(verdicts[i]), cron != nullptr ? distance_to_next_run(*cron, times[i]) : 0});
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
    watched.stored = {.changed_us = pg::column_int64(row, 30),
                      .status = status_from(pg::column_text(row, 10)),
                      .maintenance = pg::column_bool(row, 31),
                      .flapping = pg::column_bool(row, 32),
                      .incident_open = pg::column_bool(row, 12)};
    const std::vector<health::StoredCheck> checks = read_checks(row, watched.cron.get());
    watched.state = health::resume(watched.stored.status, since_us, watched.stored.incident_open, checks,
                                   watched.policy, read_memory(row, watched.stored, since_us));
    watched.failed = !checks.empty() && checks.back().verdict == health::Status::down;
    const engine::ErrorClass error = error_class_from(pg::column_text(row, 35));
    watched.unreached = error == engine::ErrorClass::internal || engine::is_lack_of_an_answer(error);
    watched.lacks_excerpt = pg::column_bool(row, 36);
    watched.failing_since_us = watched.state.failures > 0 ? watched.state.run_began_us : began_us(watched.state);
}

}  // namespace

// A check may seem to start a little before its run.
std::int64_t distance_to_next_run(const engine::CronSchedule& cron, std::int64_t at_us) {
    constexpr std::int64_t kTooEarlyUs = 1'000'000;
    const auto next_us = cron.next_run_us(at_us + kTooEarlyUs);
    return next_us ? *next_us - at_us : kDayUs;
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

}  // namespace pulsimo::worker
