// When an outage has its incident: maintenance, holds, and what people do to incidents.
#include <gtest/gtest.h>

#include "health/health.hpp"
#include "unit/support/health_script.hpp"

namespace pulsimo::health {
namespace {

struct Case {
    const char* rule;
    const char* script;
    const char* changes;
};

TEST(Maintenance, FollowsTheRules) {
    const Case cases[] = {
        {"is told of when it begins and ends", "P[PP]P", "0: up@0, 1: up@0.5 maintenance, 3: up@2.5"},
        {"of an endpoint without verdict too", " []P", "1: unknown@0.5 maintenance, 1: unknown@0.5, 1: up@1"},
        {"the status goes on, no incident opens", "P[FFPP]P",
         "0: up@0, 1: up@0.5 maintenance, 2: down@1 maintenance, 4: up@3 maintenance, 5: up@4.5"},
        {"an open incident is resolved by a recovery", "FF[PP]",
         "1: down@0 open, 2: down@1.5 maintenance, 3: up@2 resolve maintenance, 4: up@3.5"},
        {"an incident that is open stays", "FF[FF]F", "1: down@0 open, 2: down@1.5 maintenance, 4: down@3.5"},
        {"down when it ends opens then, with the true start", "P[PFFFF]F",
         "0: up@0, 1: up@0.5 maintenance, 3: down@2 maintenance, 6: down@5.5 open (2)"},
        {"failures before it date no change back", "PF[FF]",
         "0: up@0, 2: up@1.5 maintenance, 2: down@1.5 maintenance, 4: down@3.5 open (1)"},
        {"nor do failures in it that reach the threshold afterwards", "P[PF]F",
         "0: up@0, 1: up@0.5 maintenance, 3: up@2.5, 3: down@2.5 open (2)"},
        {"nor the passes of a recovery", "FF[FP]P",
         "1: down@0 open, 2: down@1.5 maintenance, 4: down@3.5, 4: up@3.5 resolve (3)"},
        {"unknown when it ends opens nothing, a failure afterwards does", "P[FFTT]TF",
         "0: up@0, 1: up@0.5 maintenance, 2: down@1 maintenance, 4: unknown@3 maintenance, 5: unknown@4.5, "
         "6: down@6 open (1)"},
        {"unknown when it ends, and well afterwards", "P[FFTT]PP",
         "0: up@0, 1: up@0.5 maintenance, 2: down@1 maintenance, 4: unknown@3 maintenance, 5: unknown@4.5, 6: up@5"},
        {"a gap in it", "P[FF     F]",
         "0: up@0, 1: up@0.5 maintenance, 2: down@1 maintenance, 8: unknown@3 gap maintenance, 8: down@8 maintenance, "
         "9: down@8.5 open (1)"},
    };
    for (const auto& c : cases) EXPECT_EQ(changes_of(c.script, policy(2, 2)), c.changes) << c.rule;
}

TEST(Hold, FollowsTheRules) {
    const Case cases[] = {
        {"of incidents: down without one", "P(FFF", "0: up@0, 2: down@1"},
        {"the incident opens when it is lifted, dated at the start", "P(FFF)", "0: up@0, 2: down@1, 4: down@1 open"},
        {"a recovery leaves nothing to open", "P(FFPP)", "0: up@0, 2: down@1, 4: up@3"},
        {"one that is open is resolved", "FF(PP", "1: down@0 open, 3: up@2 resolve"},
        {"a pass below the threshold is no recovery", "P(FFFP)", "0: up@0, 2: down@1, 5: down@1 open"},
        {"unknown opens nothing when it is lifted, but the next failure does", "P(FFTT)F",
         "0: up@0, 2: down@1, 4: unknown@3, 5: down@5 open (1)"},
        {"of verdicts: not even down", "P{FFF", "0: up@0"},
        {"but failures count, and it is down when it is lifted", "P{FFF)", "0: up@0, 4: down@1 open"},
        {"when it becomes a hold of incidents, down without one", "P{FFF(F)", "0: up@0, 4: down@1, 5: down@1 open"},
        {"not when failures are too few", "P{F)F", "0: up@0, 2: down@1 open"},
        {"not when a pass came", "P{FFP)", "0: up@0"},
        {"own trouble afterwards does not change that", "P{FFT)T", "0: up@0, 4: down@1 open, 4: unknown@3"},
        {"unknown is still told of, and forgets failures", "P{FFTT)F", "0: up@0, 4: unknown@3"},
        {"unknown with an incident is not down again at once", "FFTT{F)", "1: down@0 open, 3: unknown@2, 5: down@4"},
        {"of verdicts keeps an incident from opening too", "P(FF{)", "0: up@0, 2: down@1, 3: down@1 open"},
        {"keeps no endpoint from going up or degraded", "{PSS", "0: up@0, 2: degraded@1"},
        {"lifted within maintenance: down, but no incident", "P[{FF)F]",
         "0: up@0, 1: up@0.5 maintenance, 3: down@1 maintenance, 4: down@3.5 open (1)"},
        {"at the end of maintenance: opens when it is lifted", "P[FF](F)",
         "0: up@0, 1: up@0.5 maintenance, 2: down@1 maintenance, 3: down@2.5 open (1)"},
        {"since before the end of maintenance", "P[(FF]F)",
         "0: up@0, 1: up@0.5 maintenance, 2: down@1 maintenance, 3: down@2.5, 4: down@2.5 open (1)"},
    };
    for (const auto& c : cases) EXPECT_EQ(changes_of(c.script, policy(2, 2)), c.changes) << c.rule;
}

TEST(Hold, AsksForNoRetryWhenTheFailuresAreEnough) {
    State state;
    std::string retries;
    std::int64_t at_us = kStart;
    for (const char letter : std::string("PFFF")) {
        const Step next = step(state, observation(letter, at_us += kSecond), policy(2, 1), Hold::verdict);
        retries += next.retry_after_us == 0 ? '-' : 'r';
    }
    EXPECT_EQ(retries, "-r--");
}

TEST(Hold, ThatTheNextCheckDoesNotHaveOpensWithItsFailure) {
    State state;
    step(state, observation('F', kStart), policy(1, 2), Hold::incident);
    EXPECT_TRUE(step(state, observation('P', kStart + kInterval), policy(1, 2)).changes.empty());
    const Step failed = step(state, observation('F', kStart + 2 * kInterval), policy(1, 2));
    ASSERT_EQ(failed.changes.size(), 1U);
    EXPECT_EQ(failed.changes[0].incident, IncidentAction::open);
    EXPECT_EQ(failed.changes[0].incident_at_us, kStart);
    EXPECT_EQ(failed.changes[0].from, Status::down);
    EXPECT_FALSE(reconsider(state, policy(1, 2), Hold::nothing).has_value());
}

TEST(Failures, ThatWereOurOwnTroubleCountNoMore) {
    for (const int window : {0, 3}) {
        Policy limits = policy(2, 1);
        limits.failure_window = window;
        State state;
        step(state, observation('P', kStart), limits);
        step(state, observation('F', kStart + kInterval), limits);
        failures_void(state);
        EXPECT_TRUE(step(state, observation('F', kStart + 2 * kInterval), limits).changes.empty());
        const Step down = step(state, observation('F', kStart + 3 * kInterval), limits);
        ASSERT_EQ(down.changes.size(), 1U);
        EXPECT_EQ(down.changes[0].incident_at_us, kStart + 2 * kInterval);
    }
}

TEST(People, FollowTheRules) {
    const Case cases[] = {
        {"one who resolves while down: another one after the threshold", "PFFFcFFF",
         "0: up@0, 2: down@1 open, 5: down@4 open"},
        {"in a row, own trouble left out", "FFcFPFTF", "1: down@0 open, 6: down@4 open"},
        {"a recovery ends that row", "FFcFPPF", "1: down@0 open, 4: up@3"},
        {"a recovery afterwards resolves nothing", "FFcPP", "1: down@0 open, 3: up@2"},
        {"resolved while unknown: the thresholds as new", "FFTTcFF", "1: down@0 open, 3: unknown@2, 5: down@4 open"},
        {"resolved while unknown: one pass is enough", "FFTTcP", "1: down@0 open, 3: unknown@2, 4: up@4"},
        {"unknown in between starts the count anew", "FFcFTTFF", "1: down@0 open, 4: unknown@3, 6: down@5 open"},
        {"no incident in maintenance either", "FFc[FFF]",
         "1: down@0 open, 2: down@1.5 maintenance, 5: down@4.5 open (2)"},
        {"the end of maintenance alone opens nothing again", "FF[Fc]F",
         "1: down@0 open, 2: down@1.5 maintenance, "
         "3: down@2.5"},
        {"nor does the end of a hold", "FF(c)F", "1: down@0 open"},
        {"nothing can be resolved that is held back", "(FFc)", "1: down@0, 2: down@0 open"},
        {"one who reopens while down", "FFcFoFFFPP", "1: down@0 open, 7: up@6 resolve"},
        {"what was counted before is not counted after it is resolved again", "FFcFocFF",
         "1: down@0 open, 4: down@3 open"},
        {"one who opens while up: the next pass resolves it", "PoFP", "0: up@0, 2: up@2 resolve"},
        {"one who opens what is held back", "(FFo)FPP", "1: down@0, 4: up@3 resolve"},
    };
    for (const auto& c : cases) EXPECT_EQ(changes_of(c.script, policy(2, 2)), c.changes) << c.rule;
}

TEST(AutoResolve, OffLeavesTheIncidentToAPerson) {
    Policy limits = policy(2, 2);
    limits.auto_resolve = false;
    const Case cases[] = {
        {"recoveries do not resolve", "FFPPPP", "1: down@0 open, 3: up@2"},
        {"nor do passes with an incident that somebody opened", "PoPPP", "0: up@0"},
        {"down again opens no second one", "FFPPFF", "1: down@0 open, 3: up@2, 5: down@4"},
        {"after a person resolved it there is another", "FFPPcFF", "1: down@0 open, 3: up@2, 5: down@4 open"},
        {"what was held back is not opened after a recovery", "(FFPP)FF", "1: down@0, 3: up@2, 5: down@4 open"},
        {"from unknown the thresholds are as without", "FFPPTTF", "1: down@0 open, 3: up@2, 5: unknown@4"},
        {"and one pass is enough", "FFTTP", "1: down@0 open, 3: unknown@2, 4: up@4"},
    };
    for (const auto& c : cases) EXPECT_EQ(changes_of(c.script, limits), c.changes) << c.rule;
}

}  // namespace
}  // namespace pulsimo::health
