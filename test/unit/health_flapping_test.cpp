// Flapping: how often the verdicts change, and what that keeps from happening.
#include <gtest/gtest.h>

#include "health/health.hpp"
#include "unit/support/health_script.hpp"

namespace pulsimo::health {
namespace {

std::string times(int count, const std::string& script) {
    std::string text;
    for (int i = 0; i < count; ++i) text += script;
    return text;
}

Policy flap_policy(int failures, int successes = 1) {
    Policy limits = policy(failures, successes);
    limits.flap_start = 50;
    limits.flap_stop = 25;
    return limits;
}

const std::string kRestless = times(10, "PF");  // twenty verdicts, each unlike the one before

TEST(Flapping, FollowsTheRules) {
    const std::string passes = times(30, "P");
    const struct {
        const char* rule;
        int failures;
        std::string script;
        std::size_t from;
        const char* changes;
    } cases[] = {
        {"twenty verdicts are needed", 10, times(9, "PF") + "P", 0, "0: up@0"},
        {"it is told of, dated at the check that shows it", 10, kRestless, 1, "19: up@19 flapping"},
        {"ten changes among twenty are 52 percent", 10, times(5, "PF") + times(10, "P"), 1, "19: up@19 flapping"},
        {"nine are 47", 10, times(5, "FP") + times(10, "P"), 2, ""},
        {"own troubles are no verdicts", 10, times(10, "PTFT"), 1, "38: up@38 flapping"},
        {"slow passes are passes", 10, times(10, "PS"), 1, ""},
        {"four changes are 21 percent and end it, five are 26", 10, kRestless + passes, 20, "35: up@35"},
        {"it does not keep incidents from opening", 1, kRestless, 17,
         "17: down@17 open, 18: up@18 resolve, 19: down@19 open flapping"},
        {"while it lasts nothing is resolved, or opened twice", 1, kRestless + "PFP", 20,
         "20: up@20 flapping, "
         "21: down@21 flapping, 22: up@22 flapping"},
        {"its end resolves, dated at the recovery", 1, kRestless + "PF" + passes, 22,
         "22: up@22 flapping, 37: up@37 resolve (22)"},
        {"but not while down", 1, kRestless + "P" + times(20, "F"), 21, "21: down@21 flapping, 36: down@36"},
        {"begins with a recovery, which resolves nothing", 1, "F" + kRestless.substr(0, 19), 19, "19: up@19 flapping"},
        {"own trouble does not end it", 1, kRestless + "PTP", 20,
         "20: up@20 flapping, 21: unknown@21 flapping, "
         "22: up@22 flapping"},
        {"while unknown an incident that no recovery resolves counts for nothing", 2, "FF" + kRestless + "PTTF", 22,
         "24: unknown@23 flapping"},
        {"a gap ends it, with the change to unknown", 10, kRestless + "   P", 20, "23: unknown@20 gap, 23: up@23"},
        {"a gap while unknown ends it too", 1, kRestless + "T    T", 20, "20: unknown@20 flapping, 25: unknown@21 gap"},
        {"after a gap twenty verdicts are needed again", 10, kRestless + "   " + kRestless, 24, "42: up@42 flapping"},
    };
    for (const auto& c : cases) EXPECT_EQ(changes_of(c.script, flap_policy(c.failures), c.from), c.changes) << c.rule;
}

TEST(Flapping, ResolvesAtOnceWhenItEndsWithTheRecovery) {
    // Fifteen passes are needed; with the fifteenth the restless time is nearly out of sight.
    EXPECT_EQ(changes_of(kRestless + times(15, "F") + times(15, "P"), flap_policy(1, 15), 20),
              "34: down@34, 49: up@35 resolve");
    EXPECT_EQ(changes_of(kRestless + times(16, "P"), flap_policy(1, 16), 20), "35: up@20 resolve");
}

TEST(Flapping, EndsWhenDetectionIsTurnedOff) {
    State state;
    std::int64_t at_us = kStart;
    for (const char letter : kRestless + "P") step(state, observation(letter, at_us += kInterval), flap_policy(1));
    ASSERT_TRUE(state.flapping);
    ASSERT_TRUE(state.incident_open);
    const std::int64_t recovered_us = at_us;
    const Step off = step(state, observation('P', at_us += kInterval), policy(1, 1));
    ASSERT_EQ(off.changes.size(), 1U);
    EXPECT_FALSE(off.changes[0].flapping);
    EXPECT_EQ(off.changes[0].at_us, at_us);
    EXPECT_EQ(off.changes[0].incident, IncidentAction::resolve);
    EXPECT_EQ(off.changes[0].incident_at_us, recovered_us);
    EXPECT_FALSE(state.flapping);
}

TEST(Flapping, IsNotLookedForByDefault) {
    EXPECT_EQ(changes_of(times(50, "PF"), policy(10, 1)), "0: up@0");
}

TEST(Flapping, OfTheStoredEndsOnlyWhenTwentyVerdictsAreKnown) {
    State state = resume(Status::up, kStart, true, {}, flap_policy(10), {.flapping = true});
    EXPECT_TRUE(state.flapping);
    for (int i = 1; i < 20; ++i) {
        EXPECT_TRUE(step(state, observation('P', kStart + i * kInterval), flap_policy(10)).changes.empty());
    }
    const Step twentieth = step(state, observation('P', kStart + 20 * kInterval), flap_policy(10));
    ASSERT_EQ(twentieth.changes.size(), 1U);
    EXPECT_FALSE(twentieth.changes[0].flapping);
    EXPECT_EQ(twentieth.changes[0].incident, IncidentAction::resolve);
    EXPECT_EQ(twentieth.changes[0].incident_at_us, kStart);
}

}  // namespace
}  // namespace pulsimo::health
