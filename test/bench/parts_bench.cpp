// What single parts cost, without network and database: `bench_parts` in the build directory.
#include <benchmark/benchmark.h>

#include <array>

#include "engine/check_row.hpp"
#include "engine/http_options.hpp"
#include "engine/scheduler.hpp"
#include "engine/wire.hpp"
#include "health/health.hpp"

namespace {

using namespace pulsimo;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kInterval = 60 * kSecond;

// One endpoint through the scheduler: found due, started, finished, planned again.
void scheduler_turn(benchmark::State& state) {
    engine::Scheduler scheduler({1000, 1000, kInterval});
    for (std::int64_t id = 1; id <= state.range(0); ++id) scheduler.upsert(id, kInterval, "host", 0);
    for (auto _ : state) {
        const std::int64_t now_us = scheduler.next_due_us();
        scheduler.collect(now_us, 1);
        int budget = 1;
        while (const auto start = scheduler.start_next(now_us, budget)) scheduler.finished(start->endpoint_id, now_us);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(scheduler_turn)->Arg(1000)->Arg(100'000);

void health_step(benchmark::State& state) {
    constexpr std::array kOutcomes = {health::Outcome::pass, health::Outcome::pass, health::Outcome::fail,
                                      health::Outcome::fail, health::Outcome::fail, health::Outcome::own_trouble};
    const health::Policy policy;
    health::State endpoint;
    health::Observation observation{kSecond, health::Outcome::pass, 100, 0};
    std::size_t turn = 0;
    for (auto _ : state) {
        observation.checked_at_us += kInterval;
        observation.outcome = kOutcomes[turn++ % kOutcomes.size()];
        benchmark::DoNotOptimize(health::step(endpoint, observation, policy));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(health_step);

engine::CheckResult failed_check() {
    engine::CheckResult result;
    result.endpoint_id = 42;
    result.started_at_us = 1'700'000'000 * kSecond;
    result.error = engine::ErrorClass::refused;
    result.detail = "connection refused by 127.0.0.1:9";
    return result;
}

std::string message_of(std::int64_t results) {
    std::string message;
    for (std::int64_t i = 0; i < results; ++i) engine::append(message, failed_check());
    return message;
}

void wire_encode(benchmark::State& state) {
    const engine::CheckResult result = failed_check();
    std::string message;
    for (auto _ : state) {
        message.clear();
        engine::append(message, result);
        benchmark::DoNotOptimize(message.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(wire_encode);

void wire_decode(benchmark::State& state) {
    const std::string message = message_of(state.range(0));
    for (auto _ : state) benchmark::DoNotOptimize(engine::decode_results(message));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(wire_decode)->Arg(1)->Arg(100);

void row_encode(benchmark::State& state) {
    const engine::CheckResult result = failed_check();
    std::string rows;
    for (auto _ : state) {
        rows.clear();
        engine::append_row(rows, result, "down", result.detail);
        benchmark::DoNotOptimize(rows.data());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(row_encode);

void options_parse(benchmark::State& state) {
    constexpr const char* kOptions =
        R"({"method": "POST", "headers": {"Accept": "application/json"}, "expected_status": "200-299,304",
            "json": {"path": "$.status", "value": "ok"}, "body_contains": "ok"})";
    for (auto _ : state) benchmark::DoNotOptimize(engine::parse_http_options(kOptions));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(options_parse);

}  // namespace
