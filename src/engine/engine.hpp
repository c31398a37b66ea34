// The prober's inside: schedules, resolves, connects, measures, classifies; knows nothing of Postgres.
//
// Everything runs on the caller's thread. The caller waits until fd() is readable and then calls run(), which never
// blocks. Results leave through the sink, at most one per check, in the order in which checks end; one endpoint
// never has two checks running.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/address_policy.hpp"
#include "engine/clock.hpp"
#include "engine/endpoint_config.hpp"
#include "engine/result.hpp"
#include "engine/time_zone.hpp"

namespace pulsimo::engine {

struct EngineSettings {
    int max_running = 1000;           // checks in flight
    int max_running_per_host = 50;    // the same, per host:port
    std::int64_t late_limit_us = 1'000'000;  // a slot that cannot start within this time is skipped and counted
    AddressPolicy addresses;
    std::string name_servers;         // "192.0.2.1:53,[::1]:5353"; empty: /etc/resolv.conf. Not changed by configure()
};

struct EngineStats {
    std::int64_t endpoints = 0;
    std::int64_t running = 0;
    std::int64_t waiting = 0;         // due, held back by a concurrency limit
    std::int64_t checks = 0;          // ended since start
    std::int64_t failures = 0;        // of these, not passed (own trouble included)
    std::int64_t skipped = 0;         // slots left out since start
    std::int64_t last_lateness_us = 0;
    std::int64_t max_lateness_us = 0; // since start
};

class Engine {
  public:
    using Sink = std::function<void(CheckResult&&)>;

    // The clock must outlive the engine; only endpoints with a cron schedule need time zones. Throws
    // std::system_error / std::runtime_error when the kernel, c-ares or libcurl refuse what is needed.
    Engine(const Clock& clock, EngineSettings settings, Sink sink, FindTimeZone find_time_zone = {});
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    int fd() const noexcept;                      // pollable: readable when run() has something to do
    void run();                                   // handles what is ready, bounded work, never blocks

    void configure(EngineSettings settings);      // for checks that start from now on
    void upsert(const EndpointConfig& config);    // adds or changes; a running check of it ends with the old config
    void remove(std::int64_t endpoint_id);        // cancels a running check; no result of it follows
    // A check as soon as possible; one that waits or runs already answers the request too. The result carries the
    // newest of the requests it answers. False: no such endpoint.
    bool check_now(std::int64_t endpoint_id, std::uint64_t request_id);
    void retry_after(std::int64_t endpoint_id, std::int64_t delay_us);   // next check not later than this
    void set_accepting(bool accepting);  // false: start nothing, skip and count slots (nobody takes our results)
    const EngineStats& stats() const noexcept;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace pulsimo::engine
