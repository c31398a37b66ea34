// step() against a model that knows the same rules but keeps no counters: it looks through the history each time.
#include <gtest/gtest.h>

#include <algorithm>

#include "health/health.hpp"
#include "unit/support/random_checks.hpp"

namespace pulsimo::health {
namespace {

class Model {
  public:
    explicit Model(const Policy& policy) : policy_(policy) {}

    Step take(const Observation& observation) {
        Step step;
        step.verdict = verdict_of(observation);
        const std::int64_t longest_silence_us = 2 * policy_.interval_us + policy_.timeout_us;
        if (observation.checked_at_us < last_us_ - longest_silence_us) {
            history_.clear();
            last_us_ = 0;
        }
        const std::int64_t at_us = std::max(observation.checked_at_us, last_us_);
        if (last_us_ != 0 && at_us > last_us_ + longest_silence_us) {
            history_.clear();
            change(step, Status::unknown, last_us_ + policy_.interval_us, true);
        }
        last_us_ = at_us;
        history_.push_back({at_us, step.verdict});
        consider(step);
        const bool failing = status_ != Status::down && !row(is_down).empty();
        if (failing && policy_.retry_interval_us < policy_.interval_us) step.retry_after_us = policy_.retry_interval_us;
        return step;
    }

    Status status() const { return status_; }
    bool incident_open() const { return incident_open_; }

  private:
    using Row = std::vector<StoredCheck>;
    using Predicate = bool (*)(Status);

    static bool is_down(Status status) { return status == Status::down; }
    static bool is_fast(Status status) { return status == Status::up; }
    static bool is_slow(Status status) { return status == Status::degraded; }
    static bool is_pass(Status status) { return is_fast(status) || is_slow(status); }

    Status verdict_of(const Observation& o) const {
        const bool stalled = o.stall_us > policy_.stall_limit_us;
        const bool slow = policy_.degraded_after_us != 0 && o.response_us > policy_.degraded_after_us;
        if (o.outcome == Outcome::own_trouble || (o.outcome == Outcome::no_answer && stalled)) return Status::unknown;
        if (o.outcome != Outcome::pass) return Status::down;
        return slow && !stalled ? Status::degraded : Status::up;
    }

    // The latest results in a row that are as asked for, own troubles left out.
    Row row(Predicate wanted) const {
        Row found;
        for (auto check = history_.rbegin(); check != history_.rend(); ++check) {
            if (check->verdict == Status::unknown) continue;
            if (!wanted(check->verdict)) break;
            found.insert(found.begin(), *check);
        }
        return found;
    }

    Row troubles() const {
        Row found;
        for (auto check = history_.rbegin(); check != history_.rend() && check->verdict == Status::unknown; ++check) {
            found.insert(found.begin(), *check);
        }
        return found;
    }

    void consider(Step& step) {
        if (step.verdict == Status::unknown) {
            consider_trouble(step);
        } else if (step.verdict == Status::down) {
            const bool again = status_ == Status::unknown && incident_open_;
            change_after(step, Status::down, row(is_down), again ? 1 : policy_.failure_threshold);
        } else if (status_ == Status::up) {
            change_after(step, Status::degraded, row(is_slow), policy_.failure_threshold);
        } else if (status_ == Status::degraded) {
            change_after(step, Status::up, row(is_fast), policy_.success_threshold);
        } else {
            const bool first = status_ == Status::unknown && !incident_open_;
            change_after(step, step.verdict, row(is_pass), first ? 1 : policy_.success_threshold);
        }
    }

    void consider_trouble(Step& step) {
        const Row run = troubles();
        if (static_cast<int>(run.size()) < policy_.failure_threshold) return;
        change(step, Status::unknown, run.front().checked_at_us, false);
        history_.clear();
    }

    void change_after(Step& step, Status to, const Row& run, int threshold) {
        if (static_cast<int>(run.size()) >= threshold) change(step, to, run.front().checked_at_us, false);
    }

    void change(Step& step, Status to, std::int64_t at_us, bool gap) {
        if (to == status_) return;
        Change change{status_, to, at_us, gap, IncidentAction::none};
        if (to == Status::down && !incident_open_) change.incident = IncidentAction::open;
        if (is_pass(to) && incident_open_) change.incident = IncidentAction::resolve;
        incident_open_ = to == Status::down || (incident_open_ && to == Status::unknown);
        status_ = to;
        step.changes.push_back(change);
    }

    Policy policy_;
    Row history_;
    Status status_ = Status::unknown;
    bool incident_open_ = false;
    std::int64_t last_us_ = 0;
};

void expect_same(const Step& got, const Step& expected) {
    ASSERT_EQ(got.verdict, expected.verdict);
    ASSERT_EQ(got.retry_after_us, expected.retry_after_us);
    ASSERT_EQ(got.changes.size(), expected.changes.size());
    for (std::size_t i = 0; i < got.changes.size(); ++i) {
        ASSERT_EQ(got.changes[i].from, expected.changes[i].from);
        ASSERT_EQ(got.changes[i].to, expected.changes[i].to);
        ASSERT_EQ(got.changes[i].at_us, expected.changes[i].at_us);
        ASSERT_EQ(got.changes[i].gap, expected.changes[i].gap);
        ASSERT_EQ(got.changes[i].incident, expected.changes[i].incident);
    }
}

TEST(HealthModel, AgreesOnRandomSequences) {
    int changes = 0;
    for (unsigned seed = 0; seed < 600; ++seed) {
        RandomChecks checks(seed, true);
        Model model(checks.policy());
        State state;
        for (int i = 0; i < 300; ++i) {
            const Observation observation = checks.next();
            const Step step = health::step(state, observation, checks.policy());
            expect_same(step, model.take(observation));
            if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", check " << i;
            ASSERT_EQ(state.status, model.status());
            ASSERT_EQ(state.incident_open, model.incident_open());
            changes += static_cast<int>(step.changes.size());
        }
    }
    EXPECT_GT(changes, 10000);  // or the sequences were too dull to prove anything
}

// What the database and the reports rely on, whatever the rules become.
TEST(HealthModel, TellsAStoryThatHoldsTogether) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        RandomChecks checks(seed);
        State state;
        Status status = Status::unknown;
        std::int64_t since_us = 0;
        bool incident_open = false;
        for (int i = 0; i < 300; ++i) {
            for (const Change& change : step(state, checks.next(), checks.policy()).changes) {
                ASSERT_EQ(change.from, status);
                ASSERT_NE(change.to, change.from);
                ASSERT_GE(change.at_us, since_us);
                ASSERT_NE(change.incident, incident_open ? IncidentAction::open : IncidentAction::resolve);
                if (change.incident != IncidentAction::none) incident_open = change.incident == IncidentAction::open;
                status = change.to;
                since_us = change.at_us;
            }
            ASSERT_EQ(state.status, status);
            ASSERT_EQ(state.since_us, since_us);
            ASSERT_EQ(state.incident_open, incident_open);
            ASSERT_TRUE(incident_open || status != Status::down);
            ASSERT_TRUE(!incident_open || status == Status::down || status == Status::unknown);
        }
    }
}

}  // namespace
}  // namespace pulsimo::health
