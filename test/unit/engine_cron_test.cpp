// Cron schedules in the engine as a whole, with a clock that goes when the test says so.
#include <gtest/gtest.h>
#include <poll.h>

#include "engine/engine.hpp"
#include "engine/invalid_option.hpp"
#include "unit/support/scripted_target.hpp"
#include "unit/support/test_server.hpp"
#include "unit/support/utc.hpp"
#include "unit/support/virtual_clock.hpp"

namespace pulsimo::test {
namespace {

using engine::CheckResult;
using engine::ErrorClass;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kMidnight = 1'735'689'600 * kSecond;  // 2025-01-01 00:00

class EngineCronTest : public testing::Test {
  protected:
    EngineCronTest() { clock.wall = kMidnight; }

    static std::shared_ptr<const engine::TimeZone> find_zone(const std::string& name) {
        if (name != "UTC") throw engine::InvalidOption("timezone \"" + name + "\" does not exist", "");
        return std::make_shared<const Utc>();
    }

    void add(const char* cron, const char* timezone) {
        engine.upsert({.id = 1,
                       .interval_us = kMinute,
                       .timeout_us = 10 * kSecond,
                       .url = server.url("/"),
                       .options_json = "{}",
                       .cron = engine::CronText{cron, timezone}});
    }

    void pass(std::int64_t duration_us) {
        clock.now += duration_us;
        clock.wall += duration_us;
        engine.run();
    }

    // Until what is running has ended.
    void finish() {
        while (engine.stats().running > 0) {
            pollfd ready{engine.fd(), POLLIN, 0};
            poll(&ready, 1, 10);
            engine.run();
        }
    }

    TestServer server{ScriptedTarget()};
    VirtualClock clock;
    std::vector<CheckResult> results;
    engine::Engine engine{clock, {}, [this](CheckResult&& result) { results.push_back(std::move(result)); }, find_zone};
};

TEST_F(EngineCronTest, ChecksWhenTheWallClockShowsTheTime) {
    add("*/5 * * * *", "UTC");
    pass(5 * kMinute - 1);
    EXPECT_EQ(engine.stats().running, 0);
    pass(1);
    EXPECT_EQ(engine.stats().running, 1);
    finish();
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].error, ErrorClass::none) << results[0].detail;
    EXPECT_EQ(results[0].started_at_us, kMidnight + 5 * kMinute);
    EXPECT_EQ(results[0].lateness_us, 0);
}

TEST_F(EngineCronTest, NoticesThatTheWallClockWasSet) {
    add("0 12 * * *", "UTC");
    clock.wall = kMidnight + 12 * 60 * kMinute - kMinute;
    pass(30 * kSecond);
    EXPECT_EQ(engine.stats().running, 0);
    pass(30 * kSecond);
    EXPECT_EQ(engine.stats().running, 1);
    finish();
    EXPECT_EQ(results.size(), 1u);
}

TEST_F(EngineCronTest, TellsAtTheIntervalWhyAScheduleCannotBeUsed) {
    add("*/5 * * * *", "Europe/Atlantis");
    for (int second = 0; second < 60; ++second) pass(kSecond);  // its slot is somewhere in this minute
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results[0].endpoint_id, 1);
    EXPECT_EQ(results[0].error, ErrorClass::internal);
    EXPECT_EQ(results[0].detail, "cannot use the schedule: timezone \"Europe/Atlantis\" does not exist");
    EXPECT_GT(results[0].started_at_us, kMidnight);
    add("61 * * * *", "UTC");
    EXPECT_TRUE(engine.check_now(1, 5));
    engine.run();
    ASSERT_EQ(results.size(), 2u);
    EXPECT_EQ(results[1].request_id, 5u);
    EXPECT_EQ(results[1].detail, "cannot use the schedule: cron: minute \"61\" must be from 0 to 59");
    EXPECT_EQ(engine.stats().failures, 2);
    EXPECT_EQ(server.requests().size(), 0u);
    add("* * * * *", "UTC");
    pass(kMinute);
    finish();
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[2].error, ErrorClass::none) << results[2].detail;
}

}  // namespace
}  // namespace pulsimo::test
