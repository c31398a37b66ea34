// The rules of health.hpp one by one: verdicts and rows of the same. support/health_script.hpp explains the scripts.
#include "health/health.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/support/health_script.hpp"

namespace pulsimo::health {
namespace {

TEST(Judge, LooksAtOneCheck) {
    const Policy limits = policy(3, 1);
    const std::pair<char, Status> cases[] = {{'P', Status::up},     {'S', Status::degraded}, {'s', Status::up},
                                             {'F', Status::down},   {'X', Status::down},     {'x', Status::unknown},
                                             {'T', Status::unknown}};
    for (const auto& [letter, verdict] : cases) EXPECT_EQ(judge(observation(letter, 0), limits), verdict) << letter;
}

TEST(Judge, TakesLimitsAsStillGood) {
    const Policy limits = policy(3, 1);
    EXPECT_EQ(judge({0, Outcome::pass, kSecond, 0}, limits), Status::up);
    EXPECT_EQ(judge({0, Outcome::pass, kSecond + 1, 0}, limits), Status::degraded);
    EXPECT_EQ(judge({0, Outcome::pass, kSecond + 1, kSecond}, limits), Status::degraded);
    EXPECT_EQ(judge({0, Outcome::no_answer, 0, kSecond}, limits), Status::down);
    EXPECT_EQ(judge({0, Outcome::no_answer, 0, kSecond + 1}, limits), Status::unknown);
    EXPECT_EQ(judge({0, Outcome::fail, 0, 9 * kSecond}, limits), Status::down);  // refused is refused
}

TEST(Judge, KnowsNoSlownessWithoutALimit) {
    EXPECT_EQ(judge({0, Outcome::pass, 3600 * kSecond, 0}, Policy{}), Status::up);
}

TEST(Step, FollowsTheRules) {
    const struct {
        const char* rule;
        int failures, successes;
        const char* script;
        const char* changes;
    } cases[] = {
        {"nothing is known before the first result", 3, 1, "", ""},
        {"one pass is enough from unknown", 3, 3, "PPP", "0: up@0"},
        {"a slow first pass is degraded at once", 3, 3, "S", "0: degraded@0"},
        {"down at the threshold, dated at the first failure", 3, 1, "PFFF", "0: up@0, 3: down@1 open"},
        {"a timeout is a failure", 3, 1, "PXFX", "0: up@0, 3: down@1 open"},
        {"failures below the threshold change nothing", 3, 1, "PFFPFFP", "0: up@0"},
        {"a threshold of one is down at once", 1, 1, "PFPF",
         "0: up@0, 1: down@1 open, 2: up@2 resolve, 3: down@3 open"},
        {"an endpoint that never passed goes down too", 3, 1, "FFF", "2: down@0 open"},
        {"more failures of a down endpoint are no news", 2, 1, "FFFFFF", "1: down@0 open"},
        {"up at the success threshold, dated at the first pass", 1, 3, "FPPP", "0: down@0 open, 3: up@1 resolve"},
        {"a failure interrupts the recovery", 1, 3, "FPPFPPP", "0: down@0 open, 6: up@4 resolve"},
        {"slow passes recover as well", 1, 3, "FSPS", "0: down@0 open, 3: degraded@1 resolve"},
        {"the deciding pass tells how it recovers", 1, 3, "FSSP", "0: down@0 open, 3: up@1 resolve"},
        {"back from down with a slow pass is degraded", 1, 1, "PFS", "0: up@0, 1: down@1 open, 2: degraded@2 resolve"},
        {"degraded at the failure threshold, dated at the first slow pass", 3, 1, "PSSS", "0: up@0, 3: degraded@1"},
        {"a fast pass ends a row of slow ones", 3, 1, "PSSPSS", "0: up@0"},
        {"a failure ends a row of slow passes", 3, 1, "PSSFSS", "0: up@0"},
        {"slow passes are passes and end a row of failures", 3, 1, "PFFSFF", "0: up@0"},
        {"a slow pass during a stall is fast", 1, 1, "Psss", "0: up@0"},
        {"degraded ends at the success threshold", 1, 2, "SPSPP", "0: degraded@0, 4: up@3"},
        {"degraded goes down like up", 2, 1, "SFF", "0: degraded@0, 2: down@1 open"},
        {"a failure interrupts the way from degraded to up", 3, 2, "SPFPP", "0: degraded@0, 4: up@3"},
        {"own trouble below the threshold changes nothing", 3, 1, "PTTPTTP", "0: up@0"},
        {"own trouble at the threshold is unknown, dated at the first", 3, 1, "PTTT", "0: up@0, 3: unknown@1"},
        {"a timeout during a stall is own trouble", 2, 1, "Pxx", "0: up@0, 2: unknown@1"},
        {"own trouble interrupts no row of failures", 3, 1, "PFTFTF", "0: up@0, 5: down@1 open"},
        {"own trouble interrupts no row of passes", 2, 2, "FFPTP", "1: down@0 open, 4: up@2 resolve"},
        {"own trouble interrupts no row of slow passes", 2, 1, "PSTS", "0: up@0, 3: degraded@1"},
        {"a failure ends a row of own troubles", 2, 1, "PTFTP", "0: up@0"},
        {"unknown by trouble forgets the failures before it", 3, 1, "PFFTTTFFF",
         "0: up@0, 5: unknown@3, 8: down@6 open"},
        {"so does trouble while unknown", 2, 1, "FTTF", ""},
        {"an incident stays open while unknown and one failure is down again, dated at itself", 2, 1, "FFTTF",
         "1: down@0 open, 3: unknown@2, 4: down@4"},
        {"a pass while unknown with an incident open counts as while down", 2, 2, "FFTTPP",
         "1: down@0 open, 3: unknown@2, 5: up@4 resolve"},
        {"such a recovery is interrupted by a failure", 2, 2, "FFTTPFPP",
         "1: down@0 open, 3: unknown@2, 5: down@5, 7: up@6 resolve"},
        {"passes before the trouble do not count after it", 2, 3, "FFPPTTPPP",
         "1: down@0 open, 5: unknown@4, 8: up@6 resolve"},
        {"unknown and back without an incident", 2, 3, "PTTP", "0: up@0, 2: unknown@1, 3: up@3"},
        {"degraded comes back from unknown by a slow pass", 2, 3, "STTS", "0: degraded@0, 2: unknown@1, 3: degraded@3"},
        {"a gap of two intervals is none", 3, 1, "P P", "0: up@0"},
        {"a longer gap is unknown from one interval after the last result", 3, 1, "P  P",
         "0: up@0, 3: unknown@1 gap, 3: up@3"},
        {"a gap forgets failures", 3, 1, "PFF  FF", "0: up@0, 5: unknown@3 gap"},
        {"a gap while down keeps the incident, a failure is down again", 2, 1, "FF    F",
         "1: down@0 open, 6: unknown@2 gap, 6: down@6"},
        {"a gap while down, then the passes that are needed", 1, 2, "F    PP",
         "0: down@0 open, 5: unknown@1 gap, 6: up@5 resolve"},
        {"a gap while unknown is no news", 2, 1, "PTT     T", "0: up@0, 2: unknown@1"},
        {"a gap before trouble", 2, 1, "P    T", "0: up@0, 5: unknown@1 gap"},
        {"own troubles are results, and no gap", 5, 1, "PTTTTP", "0: up@0"},
    };
    for (const auto& c : cases) EXPECT_EQ(changes_of(c.script, policy(c.failures, c.successes)), c.changes) << c.rule;
}

TEST(Step, TellsWhereAChangeComesFrom) {
    State state;
    const Policy limits = policy(1, 1);
    step(state, observation('P', kStart), limits);
    const Step result = step(state, observation('F', kStart + 10 * kInterval), limits);
    ASSERT_EQ(result.changes.size(), 2U);
    EXPECT_EQ(result.verdict, Status::down);
    EXPECT_EQ(result.changes[0].from, Status::up);
    EXPECT_EQ(result.changes[0].to, Status::unknown);
    EXPECT_EQ(result.changes[0].incident, IncidentAction::none);
    EXPECT_EQ(result.changes[1].from, Status::unknown);
    EXPECT_EQ(result.changes[1].to, Status::down);
    EXPECT_FALSE(result.changes[1].gap);
}

TEST(Step, MeasuresAGapByIntervalsAndTimeout) {
    Policy limits = policy(1, 1);
    limits.timeout_us = 10 * kSecond;
    const std::int64_t longest = 2 * kInterval + 10 * kSecond;
    for (const bool too_long : {false, true}) {
        State state;
        step(state, observation('P', kStart), limits);
        const Step result = step(state, observation('P', kStart + longest + (too_long ? 1 : 0)), limits);
        EXPECT_EQ(result.changes.size(), too_long ? 2U : 0U);
    }
}

TEST(Step, MakesNoGapOfAnIntervalThatWasLonger) {
    Policy limits = policy(1, 1);
    limits.interval_us = 3600 * kSecond;
    State state;
    step(state, observation('P', kStart), limits);
    limits.interval_us = 10 * kSecond;
    EXPECT_TRUE(step(state, observation('P', kStart + 1800 * kSecond), limits).changes.empty());
    EXPECT_EQ(step(state, observation('P', kStart + 1900 * kSecond), limits).changes.size(), 2U);
}

// A cron schedule by the hour from nine to five.
TEST(Step, MeasuresAGapOfAnUnevenScheduleByItsRuns) {
    constexpr std::int64_t kHour = 3600 * kSecond;
    State state;
    const auto gaps_after = [&](std::int64_t at_us, std::int64_t spacing_us, std::int64_t next_us) {
        Policy limits = policy(1, 1);
        limits.interval_us = next_us;
        Observation pass = observation('P', at_us);
        pass.spacing_us = spacing_us;
        return step(state, pass, limits).changes.size() - (at_us == kStart ? 1 : 0);
    };
    EXPECT_EQ(gaps_after(kStart, 16 * kHour, kHour), 0U);
    EXPECT_EQ(gaps_after(kStart + 8 * kHour, kHour, 16 * kHour), 2U);  // seven runs are missing
    EXPECT_EQ(gaps_after(kStart + 24 * kHour, 16 * kHour, kHour), 0U);
    EXPECT_EQ(gaps_after(kStart + 25 * kHour, kHour, kHour), 0U);
    EXPECT_EQ(gaps_after(kStart + 28 * kHour, kHour, kHour), 2U);
}

TEST(Step, DatesAnOlderResultAsTheLast) {
    State state;
    const Policy limits = policy(2, 1);
    step(state, observation('P', kStart), limits);
    step(state, observation('F', kStart - 100 * kSecond), limits);
    EXPECT_EQ(state.last_checked_us, kStart);
    const Step result = step(state, observation('F', kStart - 40 * kSecond), limits);
    ASSERT_EQ(result.changes.size(), 1U);
    EXPECT_EQ(result.changes[0].at_us, kStart);
}

TEST(Step, LeavesAFutureThatTheClockHadWrongly) {
    State state;
    const Policy limits = policy(2, 1);
    step(state, observation('P', kStart + 24 * 3600 * kSecond), limits);
    step(state, observation('F', kStart), limits);
    EXPECT_EQ(state.last_checked_us, kStart);
    EXPECT_EQ(state.status, Status::up);
    const Step result = step(state, observation('F', kStart + kInterval), limits);
    ASSERT_EQ(result.changes.size(), 1U);
    EXPECT_EQ(result.changes[0].to, Status::down);
    EXPECT_EQ(result.changes[0].at_us, kStart);
}

TEST(Step, DatesNoChangeBeforeTheOneBefore) {
    State state;
    state.status = Status::up;
    state.told_us = kStart + 5 * kSecond;  // resumed after the wall clock was set back
    const Step result = step(state, observation('F', kStart), policy(1, 1));
    ASSERT_EQ(result.changes.size(), 1U);
    EXPECT_EQ(result.changes[0].at_us, kStart + 5 * kSecond);
    EXPECT_EQ(state.since_us, kStart + 5 * kSecond);
}

TEST(Step, OpensNoSecondIncident) {
    State state;
    state.incident_open = true;  // opened by a person while up
    state.status = Status::up;
    const Step result = step(state, observation('F', kStart), policy(1, 1));
    ASSERT_EQ(result.changes.size(), 1U);
    EXPECT_EQ(result.changes[0].incident, IncidentAction::none);
    EXPECT_TRUE(state.incident_open);
}

TEST(Step, ResolvesNothingThatAPersonHasResolved) {
    State state;
    const Policy limits = policy(1, 1);
    step(state, observation('F', kStart), limits);
    state.incident_open = false;
    const Step result = step(state, observation('P', kStart + kInterval), limits);
    ASSERT_EQ(result.changes.size(), 1U);
    EXPECT_EQ(result.changes[0].to, Status::up);
    EXPECT_EQ(result.changes[0].incident, IncidentAction::none);
}

TEST(Step, ObeysAThresholdThatWasLowered) {
    State state;
    for (int i = 0; i < 4; ++i) step(state, observation('F', kStart + i * kInterval), policy(10, 1));
    const Step result = step(state, observation('F', kStart + 4 * kInterval), policy(3, 1));
    ASSERT_EQ(result.changes.size(), 1U);
    EXPECT_EQ(result.changes[0].to, Status::down);
    EXPECT_EQ(result.changes[0].at_us, kStart);
}

// After each check of the script: r when it asks for a retry, - when the schedule is good enough.
std::string retries_of(const std::string& script, const Policy& policy) {
    State state;
    std::string text;
    for (std::size_t i = 0; i < script.size(); ++i) {
        const auto at_us = kStart + static_cast<std::int64_t>(i) * kSecond;
        const Step result = step(state, observation(script[i], at_us), policy);
        text += result.retry_after_us == 0 ? '-' : 'r';
        EXPECT_TRUE(result.retry_after_us == 0 || result.retry_after_us == policy.retry_interval_us);
    }
    return text;
}

TEST(Step, RetriesOnlyWhileFailingBelowTheThreshold) {
    EXPECT_EQ(retries_of("PFFFFP", policy(3, 1)), "-rr---");
    EXPECT_EQ(retries_of("PFPF", policy(3, 1)), "-r-r");
    EXPECT_EQ(retries_of("PF", policy(1, 1)), "--");
    EXPECT_EQ(retries_of("FF", policy(3, 1)), "rr");
    EXPECT_EQ(retries_of("PFTTFF", policy(3, 1)), "-rrrr-");  // own trouble leaves the question open
    EXPECT_EQ(retries_of("PFTTTF", policy(3, 1)), "-rrr-r");  // until nothing is known any more
    EXPECT_EQ(retries_of("PTTSSS", policy(3, 1)), "------");
    EXPECT_EQ(retries_of("FPP", policy(1, 3)), "---");
}

TEST(Step, RetriesOnlyWhenThatIsSooner) {
    Policy limits = policy(3, 1);
    for (const std::int64_t useless : {kInterval, 2 * kInterval, std::int64_t{0}}) {
        limits.retry_interval_us = useless;
        EXPECT_EQ(retries_of("PFF", limits), "---") << useless;
    }
    limits.retry_interval_us = kInterval - 1;
    EXPECT_EQ(retries_of("PFF", limits), "-rr");
}

TEST(Status, IsSpelledAsInSql) {
    EXPECT_EQ(to_string(Status::unknown), "unknown");
    EXPECT_EQ(to_string(Status::up), "up");
    EXPECT_EQ(to_string(Status::degraded), "degraded");
    EXPECT_EQ(to_string(Status::down), "down");
}

}  // namespace
}  // namespace pulsimo::health
