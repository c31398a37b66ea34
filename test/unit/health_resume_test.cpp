// resume() finds the very state again that step() had left behind.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "health/health.hpp"
#include "unit/support/random_checks.hpp"

namespace pulsimo::health {
namespace {

// An endpoint whose checks are stored as a keeper stores them.
class StoredEndpoint {
  public:
    explicit StoredEndpoint(const Policy& policy) : policy_(policy) {}

    void check(const Observation& observation) {
        const Step result = step(state_, observation, policy_);
        stored_.push_back({state_.last_checked_us, result.verdict});
    }

    void check(Outcome outcome, int times = 1) {
        for (int i = 0; i < times; ++i) check({now_us_ += policy_.interval_us, outcome, 0, 0});
    }

    const State& state() const { return state_; }

    State resumed() const {
        const std::size_t count = std::min<std::size_t>(stored_.size(), kResumeChecks);
        return resume(state_.status, state_.since_us, state_.incident_open, std::span(stored_).last(count), policy_);
    }

  private:
    Policy policy_;
    State state_;
    std::vector<StoredCheck> stored_;
    std::int64_t now_us_ = 1'700'000'000'000'000;
};

TEST(Resume, FindsTheStateAfterEachCheckOfRandomSequences) {
    int counting = 0;
    for (unsigned seed = 1000; seed < 1300; ++seed) {
        RandomChecks checks(seed);
        StoredEndpoint endpoint(checks.policy());
        for (int i = 0; i < 300; ++i) {
            endpoint.check(checks.next());
            ASSERT_EQ(endpoint.resumed(), endpoint.state()) << "seed " << seed << ", check " << i;
            const State& state = endpoint.state();
            counting += state.failures + state.passes + state.slow_passes + state.troubles > 0 ? 1 : 0;
        }
    }
    EXPECT_GT(counting, 10000);  // or the sequences were too dull to prove anything
}

TEST(Resume, NeedsNoMoreThanTheChecksItAsksFor) {
    Policy policy;
    policy.failure_threshold = 10;
    policy.success_threshold = 10;
    for (const Outcome counted : {Outcome::fail, Outcome::pass}) {
        StoredEndpoint endpoint(policy);
        endpoint.check(counted == Outcome::pass ? Outcome::fail : Outcome::pass, 300);
        for (int i = 0; i < 9; ++i) {
            endpoint.check(Outcome::own_trouble, 9);
            endpoint.check(counted);
        }
        endpoint.check(Outcome::own_trouble, 9);
        EXPECT_EQ(endpoint.state().failures + endpoint.state().passes, 9);
        EXPECT_EQ(endpoint.state().troubles, 9);
        EXPECT_EQ(endpoint.resumed(), endpoint.state());
    }
}

TEST(Resume, ForgetsAcrossLongTroubleAndGaps) {
    Policy policy;
    StoredEndpoint endpoint(policy);
    endpoint.check(Outcome::pass);
    endpoint.check(Outcome::fail, 2);
    endpoint.check(Outcome::own_trouble, 1000);
    EXPECT_EQ(endpoint.resumed(), endpoint.state());
    EXPECT_EQ(endpoint.state().failures, 0);
    endpoint.check(Outcome::fail, 2);
    EXPECT_EQ(endpoint.resumed(), endpoint.state());
    EXPECT_EQ(endpoint.state().failures, 2);
}

TEST(Resume, OfAnEndpointThatWasNeverCheckedIsBlank) {
    EXPECT_EQ(resume(Status::unknown, 0, false, {}, Policy{}), State{});
}

// The time between the last stored check and the first new one was without results, and counts as such.
TEST(Resume, LeavesTheGapOfTheRestartToTheNextCheck) {
    const Policy policy;
    const StoredCheck last[] = {{1'700'000'000'000'000, Status::up}};
    State state = resume(Status::up, last[0].checked_at_us, false, last, policy);
    const std::int64_t later = last[0].checked_at_us + 10 * policy.interval_us;
    const Step result = step(state, {later, Outcome::pass, 0, 0}, policy);
    ASSERT_EQ(result.changes.size(), 2U);
    EXPECT_TRUE(result.changes[0].gap);
    EXPECT_EQ(result.changes[0].at_us, last[0].checked_at_us + policy.interval_us);
}

TEST(Resume, KnowsNothingSinceTheStatusBeganWhenTheChecksAreGone) {
    const Policy policy;
    const std::int64_t since_us = 1'700'000'000'000'000;
    State state = resume(Status::up, since_us, false, {}, policy);
    const Step next = step(state, {since_us + 100 * policy.interval_us, Outcome::pass, 0, 0}, policy);
    ASSERT_EQ(next.changes.size(), 2U);
    EXPECT_TRUE(next.changes[0].gap);
    EXPECT_EQ(next.changes[0].to, Status::unknown);
    EXPECT_EQ(next.changes[0].at_us, since_us + policy.interval_us);
    EXPECT_EQ(next.changes[1].to, Status::up);
}

TEST(Resume, ResolvesAnIncidentThatIsOpenWhileTheEndpointIsUp) {
    const Policy policy;
    const std::int64_t since_us = 1'700'000'000'000'000;
    const StoredCheck last{since_us, Status::up};
    State state = resume(Status::up, since_us, true, {&last, 1}, policy);
    const Step failed = step(state, {since_us + policy.interval_us, Outcome::fail, 0, 0}, policy);
    EXPECT_TRUE(failed.changes.empty());
    const Step passed = step(state, {since_us + 2 * policy.interval_us, Outcome::pass, 0, 0}, policy);
    ASSERT_EQ(passed.changes.size(), 1U);
    EXPECT_EQ(passed.changes[0].from, Status::up);
    EXPECT_EQ(passed.changes[0].to, Status::up);
    EXPECT_EQ(passed.changes[0].incident, IncidentAction::resolve);
    EXPECT_FALSE(state.incident_open);
}

}  // namespace
}  // namespace pulsimo::health
