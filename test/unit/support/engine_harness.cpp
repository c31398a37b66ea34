#include "unit/support/engine_harness.hpp"

#include <poll.h>

#include <stdexcept>

namespace pulsimo::test {

namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;
constexpr std::int64_t kPatienceUs = 30'000'000;
constexpr int kLookAgainMs = 5;  // for conditions that do not come through the engine

}  // namespace

EngineHarness::EngineHarness(engine::EngineSettings settings)
    : engine_(clock_, std::move(settings), [this](engine::CheckResult&& result) { results_.push_back(result); }) {}

void EngineHarness::add(std::int64_t id, const std::string& url, const std::string& options, std::int64_t timeout_us) {
    engine_.upsert({.id = id, .interval_us = kDayUs, .timeout_us = timeout_us, .url = url, .options_json = options});
}

void EngineHarness::run_until(const std::function<bool()>& condition) {
    const std::int64_t end = clock_.monotonic_us() + kPatienceUs;
    while (!condition()) {
        if (clock_.monotonic_us() > end) throw std::runtime_error("waited in vain");
        wait_and_run();
    }
}

engine::CheckResult EngineHarness::check(const std::string& url, const std::string& options, std::int64_t timeout_us) {
    constexpr std::int64_t kId = 1'000'000;
    add(kId, url, options, timeout_us);
    const std::size_t before = results_.size();
    engine_.check_now(kId, 1);
    run_until([&] { return results_.size() > before; });
    engine_.remove(kId);
    return results_.back();
}

void EngineHarness::wait_and_run() {
    pollfd ready{.fd = engine_.fd(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kLookAgainMs) > 0) engine_.run();
}

}  // namespace pulsimo::test
