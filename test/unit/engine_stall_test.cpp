// A check that ends while our own loop is late says so, wherever in a turn the loop was interrupted.
#include <gtest/gtest.h>
#include <poll.h>

#include "engine/engine.hpp"
#include "unit/support/scripted_target.hpp"
#include "unit/support/test_server.hpp"

namespace pulsimo::engine {
namespace {

// The real time, until it jumps ahead at the n-th look at it from now.
class JumpingClock final : public Clock {
  public:
    static constexpr std::int64_t kJumpUs = 5'000'000;

    void jump_after(int looks) { looks_ = looks; }
    bool has_jumped() const { return looks_ <= 0; }

    std::int64_t monotonic_us() const noexcept override {
        if (looks_ > 0) --looks_;
        return clock_.monotonic_us() + (looks_ == 0 ? kJumpUs : 0);
    }
    std::int64_t wall_us() const noexcept override { return clock_.wall_us(); }

  private:
    SystemClock clock_;
    mutable int looks_ = -1;  // not yet set
};

std::vector<CheckResult> check_with_jump(const std::string& url, int looks) {
    JumpingClock clock;
    std::vector<CheckResult> results;
    Engine engine(clock, {}, [&](CheckResult&& result) { results.push_back(std::move(result)); });
    const auto turn = [&] {
        pollfd ready{engine.fd(), POLLIN, 0};
        poll(&ready, 1, 10);
        engine.run();
    };
    engine.upsert({.id = 1, .interval_us = 86'400'000'000, .timeout_us = 2'000'000, .url = url, .options_json = "{}"});
    engine.check_now(1, 1);
    for (int i = 0; i < 20; ++i) turn();
    EXPECT_EQ(engine.stats().running, 1);
    clock.jump_after(looks);
    while (results.empty()) turn();
    EXPECT_TRUE(clock.has_jumped());
    return results;
}

TEST(EngineStall, IsKnownToTheCheckThatItEndsWhereverItHappens) {
    const test::TestServer server{test::ScriptedTarget()};
    for (int looks = 1; looks <= 12; ++looks) {
        const std::vector<CheckResult> results = check_with_jump(server.url("/hang"), looks);
        EXPECT_EQ(results.front().error, ErrorClass::timeout);
        EXPECT_GE(results.front().stall_us, JumpingClock::kJumpUs - 200'000) << "at look " << looks;
    }
}

}  // namespace
}  // namespace pulsimo::engine
