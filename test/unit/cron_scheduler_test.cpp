// Cron schedules in the scheduler, on a virtual clock and a wall clock that is set forward and back. Local time is UTC.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/schedule.hpp"
#include "engine/scheduler.hpp"
#include "unit/support/utc.hpp"

namespace pulsimo::engine {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kMidnight = 1'735'689'600 * kSecond;  // 2025-01-01 00:00

class CronSchedulerTest : public testing::Test {
  protected:
    CronSchedulerTest() { tell_wall_clock(); }

    std::int64_t wall() const { return now + ahead; }
    void tell_wall_clock() { scheduler.set_wall_clock(wall(), now); }
    void set_wall_clock(std::int64_t wall_us) { ahead = wall_us - now; }

    void add(std::int64_t id, const char* cron) {
        EndpointConfig config;
        config.cron = engine::CronText{cron, "UTC"};
        scheduler.upsert(id, kMinute, "host", now, crons.get(config));
    }

    std::vector<Scheduler::Start> start_all() {
        tell_wall_clock();
        while (!scheduler.collect(now, 1000)) continue;
        std::vector<Scheduler::Start> started;
        int budget = 1'000'000;
        while (const auto start = scheduler.start_next(now, budget)) started.push_back(*start);
        return started;
    }

    // From event to event until the wall clock shows `until_us`; every check ends at once. Returns the times on the
    // wall at which checks started.
    std::vector<std::int64_t> run_until(std::int64_t until_us) {
        std::vector<std::int64_t> starts;
        while (true) {
            for (const auto& start : start_all()) {
                starts.push_back(wall());
                skipped += scheduler.finished(start.endpoint_id, now).skipped;
            }
            const std::int64_t next = std::max(now + 1, scheduler.next_due_us());
            if (next + ahead > until_us) break;
            now = next;
        }
        now = until_us - ahead;
        return starts;
    }

    Scheduler scheduler{{.max_running = 10, .max_running_per_host = 1, .late_limit_us = kSecond}};
    CronSchedules crons{[](const std::string&) { return std::make_shared<const test::Utc>(); }};
    std::int64_t now = 1'000 * kMinute + 123;
    std::int64_t ahead = kMidnight - now;
    std::int64_t skipped = 0;
};

using Times = std::vector<std::int64_t>;

TEST_F(CronSchedulerTest, StartsAtTheFullMinuteAndAtNoOtherTime) {
    add(1, "*/30 9,23 * * *");
    Times expected;
    for (const int half_hour : {18, 19, 46, 47, 66, 67}) expected.push_back(kMidnight + half_hour * 30 * kMinute);
    EXPECT_EQ(run_until(kMidnight + 40 * kHour), expected);
    EXPECT_EQ(scheduler.skipped(), 0);
}

TEST_F(CronSchedulerTest, HasNoPhaseAndLooksAtTheWallClockOnceAMinute) {
    for (std::int64_t id = 1; id <= 5; ++id) scheduler.upsert(id, 1'000 * kHour, "host", now);
    const std::int64_t slot = scheduler.next_due_us();
    add(6, "0 12 * * *");
    EXPECT_LE(scheduler.next_due_us(), now + kMinute);
    now = scheduler.next_due_us();
    EXPECT_TRUE(start_all().empty());
    EXPECT_EQ(scheduler.next_due_us(), now + kMinute);
    scheduler.remove(6);
    EXPECT_EQ(scheduler.next_due_us(), slot);
}

TEST_F(CronSchedulerTest, CountsWhatALateLoopMissedAndReplaysNothing) {
    add(1, "* * * * *");
    run_until(kMidnight + kMinute);
    now += kHour + 30 * kSecond;
    EXPECT_TRUE(start_all().empty());
    EXPECT_EQ(scheduler.skipped(), 60);
    const std::int64_t resumed = kMidnight + kHour;
    EXPECT_EQ(run_until(resumed + 3 * kMinute), (Times{resumed + 2 * kMinute, resumed + 3 * kMinute}));
    EXPECT_EQ(skipped, 60);
}

TEST_F(CronSchedulerTest, StartsWhatIsALittleLate) {
    add(1, "0 12 * * *");
    run_until(kMidnight + 12 * kHour - 1);
    now += kSecond;
    const auto started = start_all();
    ASSERT_EQ(started.size(), 1u);
    EXPECT_EQ(started.front().due_us + ahead, kMidnight + 12 * kHour);
    EXPECT_EQ(scheduler.finished(1, now).skipped, 0);
}

TEST_F(CronSchedulerTest, CountsRunsThatPassWhileACheckRuns) {
    add(1, "* * * * *");
    run_until(kMidnight + kMinute - 1);
    now += 1;
    ASSERT_EQ(start_all().size(), 1u);
    now += 3 * kMinute + kSecond;
    EXPECT_TRUE(start_all().empty());
    EXPECT_EQ(scheduler.finished(1, now).skipped, 3);
    EXPECT_EQ(run_until(kMidnight + 5 * kMinute), Times{kMidnight + 5 * kMinute});
}

TEST_F(CronSchedulerTest, SkipsAndCountsWhatTheClockWasSetForwardPast) {
    add(1, "0 12 * * *");
    run_until(kMidnight + 10 * kHour);
    set_wall_clock(kMidnight + 13 * kHour);
    EXPECT_EQ(run_until(kMidnight + 36 * kHour), Times{kMidnight + 36 * kHour});
    EXPECT_EQ(skipped, 1);
}

TEST_F(CronSchedulerTest, KeepsTheRunThatTheClockWasSetForwardALittlePast) {
    add(1, "0 12 * * *");
    run_until(kMidnight + 12 * kHour - kSecond / 2);
    set_wall_clock(kMidnight + 12 * kHour + kSecond / 2);
    ASSERT_EQ(start_all().size(), 1u);
    EXPECT_EQ(scheduler.finished(1, now).skipped, 0);
}

// Nothing is due for hours, so it is only the look once a minute that finds out.
TEST_F(CronSchedulerTest, NoticesWithinAMinuteThatTheClockWasSet) {
    add(1, "0 12 * * *");
    run_until(kMidnight + 10 * kHour);
    set_wall_clock(kMidnight + 12 * kHour - kMinute);
    EXPECT_EQ(run_until(kMidnight + 20 * kHour), Times{kMidnight + 12 * kHour});
    set_wall_clock(kMidnight + 11 * kHour - 48 * kHour);
    EXPECT_EQ(run_until(kMidnight - 30 * kHour), Times{kMidnight - 36 * kHour});
    EXPECT_EQ(scheduler.skipped(), 0);
}

TEST_F(CronSchedulerTest, RunsNothingTwiceWhenTheClockIsSetBackALittle) {
    add(1, "*/5 * * * *");
    std::int64_t hour = kMidnight;
    for (const std::int64_t back : {2 * kSecond / 1000, kSecond, 2 * kMinute, 5 * kMinute - 1}) {
        EXPECT_EQ(run_until(hour += kHour).size(), 12u);
        set_wall_clock(hour - back);
        EXPECT_EQ(run_until(hour + 5 * kMinute - 1), Times{});
    }
    EXPECT_EQ(scheduler.skipped(), 0);
}

TEST_F(CronSchedulerTest, BeginsAgainWhenTheClockIsSetBackFar) {
    add(1, "*/5 * * * *");
    run_until(kMidnight + 2 * kHour);
    set_wall_clock(kMidnight + kHour + kMinute);
    const std::int64_t hour = kMidnight + kHour;
    EXPECT_EQ(run_until(hour + 10 * kMinute), (Times{hour + 5 * kMinute, hour + 10 * kMinute}));
    EXPECT_EQ(scheduler.skipped(), 0);
}

TEST_F(CronSchedulerTest, RunsNothingTwiceThatStoodInLineWhenTheClockWasSetBack) {
    add(1, "0 12 * * *");
    scheduler.upsert(2, 1'000 * kHour, "host", now);
    run_until(kMidnight + 12 * kHour - 1);
    scheduler.request(2, 1, now);
    ASSERT_EQ(start_all().size(), 1u);  // it has the only place of the host
    now += 1;
    ASSERT_TRUE(start_all().empty());
    EXPECT_EQ(scheduler.waiting(), 1);
    set_wall_clock(kMidnight + 12 * kHour - 10 * kMinute);
    tell_wall_clock();
    scheduler.finished(2, now);
    EXPECT_EQ(run_until(kMidnight + 13 * kHour), Times{kMidnight + 12 * kHour - 10 * kMinute});
}

TEST_F(CronSchedulerTest, TakesTheTimeBetweenTwoReadingsForNoChange) {
    add(1, "0 12 * * *");
    run_until(kMidnight + 12 * kHour - kMinute);
    scheduler.set_wall_clock(wall() - 900, now);
    scheduler.set_wall_clock(wall() + 900, now);
    EXPECT_EQ(run_until(kMidnight + 12 * kHour), Times{kMidnight + 12 * kHour});
}

TEST_F(CronSchedulerTest, RetriesAndAnswersRequestsBetweenRuns) {
    add(1, "0 12 * * *");
    run_until(kMidnight + kHour);
    EXPECT_TRUE(scheduler.request(1, 7, now));
    ASSERT_EQ(start_all().size(), 1u);
    EXPECT_EQ(scheduler.finished(1, now).request_id, 7u);
    scheduler.retry(1, now + 10 * kSecond);
    EXPECT_EQ(run_until(kMidnight + 12 * kHour), (Times{kMidnight + kHour + 10 * kSecond, kMidnight + 12 * kHour}));
    EXPECT_EQ(scheduler.skipped(), 0);
}

TEST_F(CronSchedulerTest, KeepsARetryWhenTheClockIsSet) {
    add(1, "0 12 * * *");
    run_until(kMidnight + kHour);
    scheduler.retry(1, now + 90 * kSecond);
    const std::int64_t due = now + 90 * kSecond;
    set_wall_clock(kMidnight + 2 * kHour);
    EXPECT_EQ(run_until(kMidnight + 3 * kHour), Times{due + ahead});
}

TEST_F(CronSchedulerTest, ChangesFromIntervalToCronAndBack) {
    scheduler.upsert(1, kMinute, "host", now);
    EXPECT_EQ(run_until(kMidnight + 10 * kMinute).size(), 10u);
    add(1, "*/5 * * * *");
    EXPECT_EQ(run_until(kMidnight + 20 * kMinute), (Times{kMidnight + 15 * kMinute, kMidnight + 20 * kMinute}));
    add(1, "*/10 * * * *");
    EXPECT_EQ(run_until(kMidnight + 35 * kMinute), Times{kMidnight + 30 * kMinute});
    scheduler.upsert(1, kMinute, "host", now);
    const std::int64_t slot = next_slot_us(1, kMinute, now);
    EXPECT_EQ(scheduler.next_due_us(), slot);
    EXPECT_EQ(run_until(kMidnight + 45 * kMinute).size(), 10u);
    EXPECT_EQ(scheduler.skipped(), 0);
}

TEST_F(CronSchedulerTest, LeavesAPlannedRunAloneWhenNothingChanges) {
    for (int minute = 0; minute < 8; ++minute) {
        add(1, "*/5 * * * *");
        EXPECT_EQ(run_until(kMidnight + minute * kMinute).size(), minute == 5 ? 1u : 0u);
    }
}

}  // namespace
}  // namespace pulsimo::engine
