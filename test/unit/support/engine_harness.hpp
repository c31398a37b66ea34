// An engine on the real clock and loopback, driven as a prober drives it: wait for its descriptor, run it, look at what
// came out.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/engine.hpp"

namespace pulsimo::test {

class EngineHarness {
  public:
    explicit EngineHarness(engine::EngineSettings settings = {});

    engine::Engine& engine() noexcept { return engine_; }
    std::vector<engine::CheckResult>& results() noexcept { return results_; }

    // An endpoint that is checked only when asked for: its interval is a day.
    void add(std::int64_t id, const std::string& url, const std::string& options = "{}",
             std::int64_t timeout_us = 10'000'000);

    // Runs the engine until the condition holds; throws when it does not within half a minute.
    void run_until(const std::function<bool()>& condition);

    // One check of an endpoint that is not kept.
    engine::CheckResult check(const std::string& url, const std::string& options = "{}",
                              std::int64_t timeout_us = 10'000'000);

  private:
    void wait_and_run();

    engine::SystemClock clock_;
    std::vector<engine::CheckResult> results_;
    engine::Engine engine_;
};

}  // namespace pulsimo::test
