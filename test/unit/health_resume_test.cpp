// resume() finds the very state again that step() had left behind, but for the verdicts before the status.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "health/health.hpp"
#include "unit/support/random_checks.hpp"

namespace pulsimo::health {
namespace {

// An endpoint whose checks are stored as a keeper stores them.
class StoredEndpoint {
  public:
    explicit StoredEndpoint(const Policy& policy) : policy_(policy) {}

    void check(const Observation& observation, Hold hold = Hold::nothing) {
        const Step result = step(state_, observation, policy_, hold);
        const std::int64_t interval_us = observation.spacing_us != 0 ? policy_.interval_us : 0;
        stored_.push_back({state_.last_checked_us, result.verdict, interval_us});
    }

    void check(Outcome outcome, int times = 1) {
        for (int i = 0; i < times; ++i) check({now_us_ += policy_.interval_us, outcome, 0, 0});
    }

    // By a cron schedule, on time: as long after the last check as was foretold then.
    void check_on_time(Outcome outcome, std::int64_t next_after_us) {
        const std::int64_t spacing_us = std::exchange(policy_.interval_us, next_after_us);
        check({now_us_ += spacing_us, outcome, 0, 0, spacing_us});
    }

    void miss(std::int64_t time_us) { now_us_ += time_us; }

    void close_incident() {
        incident_closed(state_);
        closed_at_us_ = state_.last_checked_us;
    }

    void change_hold(Hold hold) {
        const std::int64_t told_us = state_.told_us;
        const auto change = reconsider(state_, policy_, hold);
        if (change && change->from != change->to) late_since_us_ = change->at_us == told_us ? told_us : 0;
    }

    // Whether reconsider() could not date the status at its start.
    bool dated_late() const { return state_.since_us == late_since_us_; }

    State& state() { return state_; }

    State resumed() const {
        const auto begin = std::find_if(stored_.begin(), stored_.end(), [&](const StoredCheck& check) {
            return check.checked_at_us >= state_.since_us;
        });
        const auto count = std::min<std::ptrdiff_t>(stored_.end() - begin, kResumeChecks);
        return resume(state_.status, state_.since_us, state_.incident_open, {stored_.end() - count, stored_.end()},
                      policy_,
                      {.maintenance = state_.maintenance,
                       .flapping = state_.flapping,
                       .told_us = state_.told_us,
                       .untold_since_us = state_.untold_since_us,
                       .closed_at_us = closed_at_us_});
    }

  private:
    Policy policy_;
    State state_;
    std::vector<StoredCheck> stored_;
    std::int64_t closed_at_us_ = 0;
    std::int64_t late_since_us_ = 0;
    std::int64_t now_us_ = 1'700'000'000'000'000;
};

State without_history(State state) {
    state.history = {};
    return state;
}

TEST(Resume, FindsTheStateAfterEachCheckOfRandomSequences) {
    int counting = 0;
    for (unsigned seed = 1000; seed < 1300; ++seed) {
        RandomChecks checks(seed);
        StoredEndpoint endpoint(checks.policy());
        for (int i = 0; i < 300; ++i) {
            endpoint.check(checks.next());
            ASSERT_EQ(without_history(endpoint.resumed()), without_history(endpoint.state()))
                << "seed " << seed << ", check " << i;
            const State& state = endpoint.state();
            counting += state.failures + state.passes + state.slow_passes + state.troubles > 0 ? 1 : 0;
        }
    }
    EXPECT_GT(counting, 10000);  // or the sequences were too dull to prove anything
}

// Between two checks, at the time of the first.
void happen(RandomChecks& checks, StoredEndpoint& endpoint, Hold& hold) {
    State& state = endpoint.state();
    if (checks.below(12) == 0) {
        hold = static_cast<Hold>(checks.below(3));
        endpoint.change_hold(hold);
    }
    if (checks.below(20) == 0) {
        if (state.maintenance) {
            leave_maintenance(state, state.last_checked_us, hold);
        } else {
            enter_maintenance(state, state.last_checked_us);
        }
    }
    if (state.incident_open && checks.below(15) == 0) endpoint.close_incident();
    if (!state.incident_open && checks.below(60) == 0) incident_opened(state);
}

// Checks dated alike are left out: which of them came before the status or the person cannot be told from the stored.
TEST(Resume, FindsTheStateWithAllRules) {
    int counting = 0;
    for (unsigned seed = 2000; seed < 3000; ++seed) {
        RandomChecks checks(seed, false, true);
        StoredEndpoint endpoint(checks.policy());
        Hold hold = Hold::nothing;
        for (int i = 0; i < 300; ++i) {
            const Observation observation = checks.next();
            if (observation.checked_at_us <= endpoint.state().last_checked_us) continue;
            endpoint.check(observation, hold);
            happen(checks, endpoint, hold);
            State expected = without_history(endpoint.state());
            const State resumed = without_history(endpoint.resumed());
            if (endpoint.dated_late()) {  // own troubles before that are lost, as documented
                expected.troubles = resumed.troubles;
                expected.trouble_began_us = resumed.trouble_began_us;
            }
            ASSERT_EQ(resumed, expected) << "seed " << seed << ", check " << i;
            counting += expected.window.failures() > 0 ? 1 : 0;
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
        EXPECT_EQ(without_history(endpoint.resumed()), without_history(endpoint.state()));
    }
}

TEST(Resume, FindsTheLongestWindow) {
    Policy policy;
    policy.failure_threshold = 10;
    policy.failure_window = 20;
    StoredEndpoint endpoint(policy);
    endpoint.check(Outcome::pass, 300);
    for (int i = 0; i < 20; ++i) {
        if (i > 0) endpoint.check(Outcome::own_trouble, 9);
        endpoint.check(i == 0 || i > 11 ? Outcome::fail : Outcome::pass);
    }
    endpoint.check(Outcome::own_trouble, 9);
    EXPECT_EQ(endpoint.state().window.failures(), 9);
    EXPECT_EQ(without_history(endpoint.resumed()), without_history(endpoint.state()));
}

TEST(Resume, FindsACronScheduleWithItsNights) {
    constexpr std::int64_t kHour = 3'600'000'000;
    Policy policy;
    policy.interval_us = kHour;
    policy.failure_threshold = 10;
    StoredEndpoint endpoint(policy);
    for (int run = 0; run < 20; ++run) {
        endpoint.check_on_time(run < 14 ? Outcome::pass : Outcome::fail, run % 8 == 7 ? 17 * kHour : kHour);
        EXPECT_EQ(without_history(endpoint.resumed()), without_history(endpoint.state())) << run;
    }
    EXPECT_EQ(endpoint.state().failures, 6);
}

TEST(Resume, FindsTheGapsOfACronSchedule) {
    constexpr std::int64_t kHour = 3'600'000'000;
    Policy policy;
    policy.interval_us = kHour;
    StoredEndpoint endpoint(policy);
    endpoint.check_on_time(Outcome::fail, kHour);
    endpoint.check_on_time(Outcome::fail, kHour);
    endpoint.miss(5 * kHour);
    endpoint.check_on_time(Outcome::fail, 17 * kHour);
    EXPECT_EQ(endpoint.state().failures, 1);
    EXPECT_EQ(without_history(endpoint.resumed()), without_history(endpoint.state()));
}

TEST(Resume, CountsTowardsAnotherIncidentFromNowOnWhenNobodyKnowsMore) {
    const Policy policy;
    StoredCheck checks[10];
    for (int i = 0; i < 10; ++i) checks[i] = {1'700'000'000'000'000 + i * policy.interval_us, Status::down};
    State state = resume(Status::down, checks[0].checked_at_us, false, checks, policy);
    std::vector<Change> changes;
    for (int i = 10; i < 13; ++i) {
        EXPECT_TRUE(changes.empty());
        changes = step(state, {checks[0].checked_at_us + i * policy.interval_us, Outcome::fail, 0, 0}, policy).changes;
    }
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].incident, IncidentAction::open);
    EXPECT_EQ(changes[0].incident_at_us, checks[0].checked_at_us + 10 * policy.interval_us);
}

TEST(Resume, ForgetsAcrossLongTroubleAndGaps) {
    Policy policy;
    StoredEndpoint endpoint(policy);
    endpoint.check(Outcome::pass);
    endpoint.check(Outcome::fail, 2);
    endpoint.check(Outcome::own_trouble, 1000);
    EXPECT_EQ(without_history(endpoint.resumed()), without_history(endpoint.state()));
    EXPECT_EQ(endpoint.state().failures, 0);
    endpoint.check(Outcome::fail, 2);
    EXPECT_EQ(without_history(endpoint.resumed()), without_history(endpoint.state()));
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
