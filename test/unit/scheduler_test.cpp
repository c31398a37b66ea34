// The scheduler on a virtual clock: numbers go in, so that hours pass in no time.
#include "engine/scheduler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "engine/schedule.hpp"

namespace pulsimo::engine {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;

// A scheduler and its time. Checks take no time unless a test says so.
class SchedulerTest : public testing::Test {
  protected:
    std::vector<Scheduler::Start> start_all() {
        while (!scheduler.collect(now, 1000)) continue;
        std::vector<Scheduler::Start> started;
        int budget = 1'000'000;
        while (const auto start = scheduler.start_next(now, budget)) started.push_back(*start);
        return started;
    }

    // Lets time pass from event to event; every check ends at once. Returns the times at which each endpoint started.
    std::map<std::int64_t, std::vector<std::int64_t>> run_for(std::int64_t duration_us) {
        std::map<std::int64_t, std::vector<std::int64_t>> starts;
        const std::int64_t end = now + duration_us;
        for (; now <= end; now = std::max(now + 1, scheduler.next_due_us())) {
            for (const auto& start : start_all()) {
                starts[start.endpoint_id].push_back(now);
                scheduler.finished(start.endpoint_id, now);
            }
        }
        now = end;
        return starts;
    }

    // Moves the time to the next event.
    void advance() { now = scheduler.next_due_us(); }

    Scheduler scheduler{{.max_running = 10, .max_running_per_host = 5, .late_limit_us = kSecond}};
    std::int64_t now = 1'000 * kMinute;
};

TEST(Schedule, PutsSlotsAtOnePhaseOfTheInterval) {
    for (std::int64_t id = -5; id < 200; ++id) {
        const std::int64_t phase = slot_phase_us(id, kMinute);
        ASSERT_GE(phase, 0);
        ASSERT_LT(phase, kMinute);
        const std::int64_t slot = next_slot_us(id, kMinute, 12'345'678'901);
        EXPECT_EQ((slot - phase) % kMinute, 0);
        EXPECT_GT(slot, 12'345'678'901);
        EXPECT_LE(slot, 12'345'678'901 + kMinute);
        EXPECT_EQ(next_slot_us(id, kMinute, slot), slot + kMinute);
        EXPECT_EQ(next_slot_us(id, kMinute, slot - 1), slot);
        EXPECT_EQ(next_slot_us(id, kMinute, -kMinute), phase == 0 ? 0 : phase - kMinute);
    }
}

TEST(Schedule, SpreadsNeighboursEvenly) {
    std::vector<int> tenths(10);
    for (std::int64_t id = 1; id <= 10'000; ++id) {
        ++tenths[static_cast<std::size_t>(slot_phase_us(id, kMinute) * 10 / kMinute)];
    }
    for (const int count : tenths) EXPECT_NEAR(count, 1000, 150);
}

TEST(Schedule, SharesEndpointsEvenlyAndEachShareOverTheWholeInterval) {
    std::vector<int> owned(3), early(3);
    for (std::int64_t id = 1; id <= 9'000; ++id) {
        const int owner = owner_of(id, 3);
        ASSERT_GE(owner, 0);
        ASSERT_LT(owner, 3);
        ++owned[static_cast<std::size_t>(owner)];
        if (slot_phase_us(id, kMinute) < kMinute / 2) ++early[static_cast<std::size_t>(owner)];
    }
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_NEAR(owned[i], 3000, 300);
        EXPECT_NEAR(early[i], owned[i] / 2, 200);
    }
    EXPECT_EQ(owner_of(7, 1), 0);
}

TEST_F(SchedulerTest, StartsEveryEndpointAtItsSlots) {
    for (std::int64_t id = 1; id <= 5; ++id) scheduler.upsert(id, id * 10 * kSecond, "host", now);
    const std::int64_t begin = now;
    const auto starts = run_for(10 * kMinute);
    for (std::int64_t id = 1; id <= 5; ++id) {
        std::vector<std::int64_t> expected;
        for (std::int64_t slot = next_slot_us(id, id * 10 * kSecond, begin); slot <= now;
             slot = next_slot_us(id, id * 10 * kSecond, slot)) {
            expected.push_back(slot);
        }
        EXPECT_EQ(starts.at(id), expected);
    }
    EXPECT_EQ(scheduler.skipped(), 0);
}

TEST_F(SchedulerTest, NeverRunsAnEndpointTwiceAtOnceAndCountsWhatItMissed) {
    scheduler.upsert(1, 10 * kSecond, "host", now);
    advance();
    ASSERT_EQ(start_all().size(), 1u);
    const std::int64_t began = now;
    for (; now < began + 35 * kSecond; now += kSecond) EXPECT_TRUE(start_all().empty());
    EXPECT_EQ(scheduler.finished(1, now).skipped, 3);
    EXPECT_EQ(scheduler.next_due_us(), began + 40 * kSecond);
    EXPECT_EQ(scheduler.skipped(), 3);
    advance();
    ASSERT_EQ(start_all().size(), 1u);
    EXPECT_EQ(scheduler.finished(1, now).skipped, 0);
}

TEST_F(SchedulerTest, SkipsWhatIsTooLateAndNeverReplaysIt) {
    for (std::int64_t id = 1; id <= 1000; ++id) scheduler.upsert(id, kMinute, "host" + std::to_string(id), now);
    now += 60 * kMinute;  // the process was suspended
    const auto at_once = start_all();
    EXPECT_LE(at_once.size(), 10u);  // those whose slot happens to be in the last second, up to the limit
    for (const auto& start : at_once) scheduler.finished(start.endpoint_id, now);
    const std::int64_t resumed = now;
    const auto starts = run_for(kMinute);
    std::vector<int> tenths(10);
    for (const auto& [id, times] : starts) {
        EXPECT_LE(times.size(), 2u);
        ++tenths[static_cast<std::size_t>(std::min<std::int64_t>((times.front() - resumed) * 10 / kMinute, 9))];
    }
    EXPECT_GE(starts.size(), 999u);
    for (const int count : tenths) EXPECT_NEAR(count, 100, 50);
    EXPECT_NEAR(static_cast<double>(scheduler.skipped()), 60.0 * 1000, 1100);
}

TEST_F(SchedulerTest, TellsHowManySlotsWereSkippedWithTheNextResult) {
    scheduler.upsert(1, 10 * kSecond, "host", now);
    advance();
    now += 32 * kSecond;  // late for this slot and the three after it
    EXPECT_TRUE(start_all().empty());
    advance();
    ASSERT_EQ(start_all().size(), 1u);
    EXPECT_EQ(scheduler.finished(1, now).skipped, 4);
}

TEST_F(SchedulerTest, StartsWhatIsALittleLate) {
    scheduler.upsert(1, 10 * kSecond, "host", now);
    const std::int64_t slot = scheduler.next_due_us();
    now = slot + kSecond;
    const auto started = start_all();
    ASSERT_EQ(started.size(), 1u);
    EXPECT_EQ(started.front().due_us, slot);
    EXPECT_EQ(scheduler.finished(1, now).skipped, 0);
}

TEST_F(SchedulerTest, HoldsTheLimitsFirstComeFirstServed) {
    for (std::int64_t id = 1; id <= 8; ++id) {
        scheduler.upsert(id, kMinute, "slow", now);
        scheduler.request(id, 1, now);
    }
    EXPECT_EQ(start_all().size(), 5u);
    for (std::int64_t id = 11; id <= 20; ++id) {
        scheduler.upsert(id, kMinute, "other" + std::to_string(id), now);
        scheduler.request(id, 1, now);
    }
    EXPECT_EQ(start_all().size(), 5u);  // a full host holds up nobody else; the common limit does
    EXPECT_EQ(scheduler.running(), 10);
    EXPECT_EQ(scheduler.waiting(), 8);
    scheduler.finished(1, now);
    const auto next = start_all();
    ASSERT_EQ(next.size(), 1u);
    EXPECT_EQ(next.front().endpoint_id, 6);  // it came before 16
    EXPECT_EQ(scheduler.running(), 10);
}

TEST_F(SchedulerTest, SkipsASlotThatALimitHeldBackForTooLong) {
    scheduler.configure({.max_running = 1, .max_running_per_host = 1, .late_limit_us = kSecond});
    scheduler.upsert(1, 10'000 * kMinute, "host", now);
    scheduler.request(1, 1, now);
    ASSERT_EQ(start_all().size(), 1u);
    scheduler.upsert(2, kMinute, "host", now);
    advance();
    const std::int64_t slot = now;
    EXPECT_TRUE(start_all().empty());
    EXPECT_EQ(scheduler.waiting(), 1);
    now += 2 * kSecond;
    scheduler.finished(1, now);
    EXPECT_TRUE(start_all().empty());
    EXPECT_EQ(scheduler.waiting(), 0);
    EXPECT_EQ(scheduler.skipped(), 1);
    scheduler.remove(1);
    EXPECT_EQ(scheduler.next_due_us(), slot + kMinute);
}

TEST_F(SchedulerTest, TakesHigherLimitsAtOnce) {
    scheduler.configure({.max_running = 1, .max_running_per_host = 1, .late_limit_us = kSecond});
    for (std::int64_t id = 1; id <= 4; ++id) {
        scheduler.upsert(id, kMinute, "host", now);
        scheduler.request(id, 1, now);
    }
    EXPECT_EQ(start_all().size(), 1u);
    scheduler.configure({.max_running = 3, .max_running_per_host = 3, .late_limit_us = kSecond});
    EXPECT_EQ(start_all().size(), 2u);
}

TEST_F(SchedulerTest, RetriesNotLaterThanAsked) {
    scheduler.upsert(1, 10 * kMinute, "host", now);
    const std::int64_t slot = scheduler.next_due_us();
    scheduler.retry(1, slot + 1);
    EXPECT_EQ(scheduler.next_due_us(), slot);
    const std::int64_t wanted = (now + slot) / 2;
    scheduler.retry(1, wanted);
    EXPECT_EQ(scheduler.next_due_us(), wanted);
    now = wanted + 5 * kSecond;  // a retry is no slot: it is not skipped for being late
    ASSERT_EQ(start_all().size(), 1u);
    EXPECT_EQ(scheduler.finished(1, now).skipped, 0);
    EXPECT_EQ(scheduler.next_due_us(), now < slot ? slot : slot + 10 * kMinute);
}

TEST_F(SchedulerTest, RemembersARetryAskedForWhileACheckRuns) {
    scheduler.upsert(1, 10 * kMinute, "host", now);
    scheduler.request(1, 1, now);
    ASSERT_EQ(start_all().size(), 1u);
    scheduler.retry(1, now + kSecond);
    scheduler.finished(1, now);
    EXPECT_LE(scheduler.next_due_us(), now + kSecond);
}

TEST_F(SchedulerTest, AnswersAllRequestsWithOneCheck) {
    EXPECT_FALSE(scheduler.request(1, 5, now));
    scheduler.upsert(1, 10 * kMinute, "host", now);
    EXPECT_TRUE(scheduler.request(1, 5, now));
    EXPECT_TRUE(scheduler.request(1, 6, now));
    ASSERT_EQ(start_all().size(), 1u);
    EXPECT_TRUE(scheduler.request(1, 7, now));
    EXPECT_TRUE(scheduler.request(1, 3, now));  // ids do not grow with time: the last one is the newest
    EXPECT_EQ(scheduler.finished(1, now).request_id, 3u);
    EXPECT_TRUE(start_all().empty());
    scheduler.retry(1, now);
    ASSERT_EQ(start_all().size(), 1u);
    EXPECT_EQ(scheduler.finished(1, now).request_id, 0u);
}

TEST_F(SchedulerTest, CountsARequestInPlaceOfTheSlotItCoversAsNothingSkipped) {
    scheduler.upsert(1, 10 * kSecond, "host", now);
    advance();
    scheduler.request(1, 1, now);
    ASSERT_EQ(start_all().size(), 1u);
    EXPECT_EQ(scheduler.finished(1, now).skipped, 0);
}

TEST_F(SchedulerTest, ForgetsARemovedEndpointInEveryState) {
    scheduler.configure({.max_running = 2, .max_running_per_host = 1, .late_limit_us = kSecond});
    for (std::int64_t id = 1; id <= 5; ++id) scheduler.upsert(id, kMinute, id == 5 ? "other" : "host", now);
    for (std::int64_t id = 1; id <= 3; ++id) scheduler.request(id, 1, now);
    ASSERT_EQ(start_all().size(), 1u);
    EXPECT_EQ(scheduler.waiting(), 2);
    scheduler.remove(2);  // waits at its host
    EXPECT_EQ(scheduler.waiting(), 1);
    scheduler.remove(1);  // runs
    EXPECT_EQ(scheduler.running(), 0);
    scheduler.remove(4);  // planned
    scheduler.remove(4);  // gone
    ASSERT_EQ(start_all().size(), 1u);
    scheduler.remove(3);
    scheduler.remove(5);
    EXPECT_EQ(scheduler.endpoints(), 0);
    EXPECT_EQ(scheduler.waiting(), 0);
    EXPECT_EQ(scheduler.running(), 0);
    EXPECT_EQ(scheduler.next_due_us(), INT64_MAX);
    EXPECT_EQ(scheduler.finished(3, now).skipped, 0);
}

TEST_F(SchedulerTest, ReadiesTheNextOfTheHostWhenAReadyOneIsRemoved) {
    scheduler.configure({.max_running = 1, .max_running_per_host = 1, .late_limit_us = kSecond});
    scheduler.upsert(1, kMinute, "a", now);
    scheduler.upsert(2, kMinute, "b", now);
    scheduler.upsert(3, kMinute, "b", now);
    for (std::int64_t id = 1; id <= 3; ++id) scheduler.request(id, 1, now);
    ASSERT_EQ(start_all().size(), 1u);
    scheduler.remove(2);
    scheduler.finished(1, now);
    const auto started = start_all();
    ASSERT_EQ(started.size(), 1u);
    EXPECT_EQ(started.front().endpoint_id, 3);
}

TEST_F(SchedulerTest, FollowsAChangedIntervalAndHost) {
    scheduler.upsert(1, 10 * kMinute, "a", now);
    scheduler.upsert(1, kSecond, "b", now);
    EXPECT_LE(scheduler.next_due_us(), now + kSecond);
    scheduler.upsert(1, kSecond, "b", now);  // nothing changed
    EXPECT_LE(scheduler.next_due_us(), now + kSecond);
    scheduler.configure({.max_running = 10, .max_running_per_host = 1, .late_limit_us = kSecond});
    scheduler.upsert(2, kMinute, "b", now);
    scheduler.upsert(3, kMinute, "b", now);
    scheduler.request(2, 1, now);
    scheduler.request(3, 1, now);
    ASSERT_EQ(start_all().size(), 1u);
    scheduler.upsert(3, kMinute, "c", now);  // the one that waits goes to another host
    ASSERT_EQ(start_all().size(), 1u);
    scheduler.upsert(2, kMinute, "c", now);  // the one that runs gives its place back where it took it
    scheduler.finished(2, now);
    scheduler.finished(3, now);
    for (const int id : {2, 3}) scheduler.request(id, 2, now);
    EXPECT_EQ(start_all().size(), 1u);
}

TEST_F(SchedulerTest, KeepsARetryWhenTheIntervalChanges) {
    scheduler.upsert(1, 10 * kMinute, "a", now);
    scheduler.retry(1, now + 1);
    scheduler.upsert(1, 20 * kMinute, "a", now);
    EXPECT_EQ(scheduler.next_due_us(), now + 1);
}

TEST_F(SchedulerTest, HasOneEntryHoweverOftenAnEndpointChanges) {
    for (int i = 0; i < 1000; ++i) scheduler.upsert(1, kMinute + i, "host", now);
    const auto starts = run_for(kMinute);
    EXPECT_LE(starts.at(1).size(), 2u);
}

TEST_F(SchedulerTest, SkipsSlotsWhileNobodyTakesResults) {
    scheduler.upsert(1, 10 * kSecond, "host", now);
    scheduler.set_accepting(false);
    EXPECT_TRUE(run_for(35 * kSecond).empty());
    EXPECT_GE(scheduler.skipped(), 3);
    scheduler.set_accepting(true);
    EXPECT_EQ(scheduler.waiting(), 0);
    advance();
    ASSERT_EQ(start_all().size(), 1u);
    EXPECT_EQ(scheduler.finished(1, now).skipped, scheduler.skipped());
}

TEST_F(SchedulerTest, KeepsRequestsUntilResultsAreTakenAgain) {
    scheduler.upsert(1, 10 * kMinute, "host", now);
    scheduler.set_accepting(false);
    EXPECT_TRUE(scheduler.request(1, 3, now));
    EXPECT_TRUE(start_all().empty());
    EXPECT_FALSE(scheduler.can_start());
    scheduler.set_accepting(true);
    EXPECT_EQ(start_all().size(), 1u);
}

TEST_F(SchedulerTest, DoesABoundedAmountAtOnce) {
    for (std::int64_t id = 1; id <= 100; ++id) scheduler.upsert(id, kMinute, "host", now);
    now += kMinute;
    EXPECT_FALSE(scheduler.collect(now, 30));
    EXPECT_FALSE(scheduler.collect(now, 30));
    EXPECT_TRUE(scheduler.collect(now, 1000));
}

}  // namespace
}  // namespace pulsimo::engine
