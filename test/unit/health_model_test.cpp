// step() and what goes with it against a model that knows the same rules but keeps no counters.
#include "unit/support/health_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "health/health.hpp"
#include "unit/support/random_checks.hpp"

namespace pulsimo::health {
namespace {

void expect_same(const std::vector<Change>& got, const std::vector<Change>& expected) {
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(got[i].from, expected[i].from);
        ASSERT_EQ(got[i].to, expected[i].to);
        ASSERT_EQ(got[i].at_us, expected[i].at_us);
        ASSERT_EQ(got[i].gap, expected[i].gap);
        ASSERT_EQ(got[i].incident, expected[i].incident);
        ASSERT_EQ(got[i].incident_at_us, expected[i].incident_at_us);
        ASSERT_EQ(got[i].maintenance, expected[i].maintenance);
        ASSERT_EQ(got[i].flapping, expected[i].flapping);
    }
}

void expect_same(const Step& got, const Step& expected) {
    ASSERT_EQ(got.verdict, expected.verdict);
    ASSERT_EQ(got.retry_after_us, expected.retry_after_us);
    expect_same(got.changes, expected.changes);
}

std::vector<Change> as_list(const std::optional<Change>& change) {
    return change ? std::vector{*change} : std::vector<Change>{};
}

// What happens to an endpoint between two of its checks.
struct Between {
    std::optional<Hold> hold;
    std::optional<bool> maintenance;
    std::int64_t maintenance_at_us = 0;
    bool close_incident = false;
    bool open_incident = false;
};

Between random_between(RandomChecks& checks, const State& state) {
    Between between;
    if (checks.below(12) == 0) between.hold = static_cast<Hold>(checks.below(3));
    if (checks.below(20) == 0) between.maintenance = !state.maintenance;
    between.maintenance_at_us = state.last_checked_us + checks.below(60'000'000) - 30'000'000;
    between.close_incident = state.incident_open && checks.below(15) == 0;
    between.open_incident = !state.incident_open && checks.below(60) == 0;
    return between;
}

// An endpoint and all that happens to it, told to whoever looks on.
class RandomLife {
  public:
    explicit RandomLife(unsigned seed, bool far_back) : checks_(seed, far_back, true) {}

    const Policy& policy() const { return checks_.policy(); }
    const State& state() const { return state_; }
    Hold hold() const { return hold_; }

    Between next_between() { return random_between(checks_, state_); }

    std::vector<Change> hold(Hold hold) {
        hold_ = hold;
        return as_list(reconsider(state_, policy(), hold));
    }

    Change maintain(const Between& between) {
        if (*between.maintenance) return enter_maintenance(state_, between.maintenance_at_us);
        return leave_maintenance(state_, between.maintenance_at_us, hold_);
    }

    void close() { incident_closed(state_); }
    void open() { incident_opened(state_); }

    Observation next_check() { return checks_.next(); }
    Step check(const Observation& observation) { return step(state_, observation, policy(), hold_); }

  private:
    RandomChecks checks_;
    State state_;
    Hold hold_ = Hold::nothing;
};

TEST(HealthModel, AgreesOnRandomSequences) {
    int changes = 0;
    for (unsigned seed = 0; seed < 600; ++seed) {
        RandomChecks checks(seed, true);
        HealthModel model(checks.policy());
        State state;
        for (int i = 0; i < 300; ++i) {
            const Observation observation = checks.next();
            const Step step = health::step(state, observation, checks.policy());
            expect_same(step, model.take(observation, Hold::nothing));
            if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", check " << i;
            ASSERT_EQ(state.status, model.status());
            ASSERT_EQ(state.incident_open, model.incident_open());
            changes += static_cast<int>(step.changes.size());
        }
    }
    EXPECT_GT(changes, 10000);  // or the sequences were too dull to prove anything
}

void live_through(RandomLife& life, HealthModel& model, const Between& between) {
    if (between.close_incident) {
        life.close();
        model.close_incident();
    }
    if (between.open_incident) {
        life.open();
        model.open_incident();
    }
    if (between.hold) expect_same(life.hold(*between.hold), model.reconsider(*between.hold));
    if (between.maintenance) {
        const Change expected = model.set_maintenance(*between.maintenance, between.maintenance_at_us, life.hold());
        expect_same(std::vector{life.maintain(between)}, {expected});
    }
}

TEST(HealthModel, AgreesOnAllRules) {
    std::map<std::string, int> seen;
    for (unsigned seed = 0; seed < 1500; ++seed) {
        RandomLife life(seed, true);
        HealthModel model(life.policy());
        for (int i = 0; i < 300; ++i) {
            live_through(life, model, life.next_between());
            const Observation observation = life.next_check();
            const Step step = life.check(observation);
            expect_same(step, model.take(observation, life.hold()));
            if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", check " << i;
            ASSERT_EQ(life.state().status, model.status());
            ASSERT_EQ(life.state().incident_open, model.incident_open());
            for (const Change& change : step.changes) {
                ++seen["changes"];
                seen["flapping"] += change.flapping ? 1 : 0;
                seen["maintenance"] += change.maintenance ? 1 : 0;
                seen["late"] += change.incident == IncidentAction::open && change.incident_at_us < change.at_us ? 1 : 0;
            }
        }
    }
    for (const auto& [what, times] : seen) EXPECT_GT(times, 300) << what;  // or they were too dull to prove anything
}

// What the database and the reports rely on, whatever the rules become.
class Story {
  public:
    explicit Story(const RandomLife& life) : life_(life) {}

    void add(const Change& change) {
        ASSERT_EQ(change.from, status_);
        ASSERT_GE(change.at_us, told_us_);
        ASSERT_NE(change.incident, incident_open_ ? IncidentAction::open : IncidentAction::resolve);
        if (change.incident == IncidentAction::open) check_opened(change);
        if (change.incident != IncidentAction::none) incident_open_ = change.incident == IncidentAction::open;
        status_ = change.to;
        told_us_ = change.at_us;
        if (change.from != change.to && (change.to == Status::up || change.to == Status::degraded)) {
            closed_ = false;
            recovered_after_ = failures_.size();
        }
    }

    void add(const Step& step) {
        // What a step decides upon its failure knows of that failure.
        if (step.verdict == Status::down) failures_.push_back(life_.state().last_checked_us);
        for (const Change& change : step.changes) add(change);
        const bool may_open = life_.hold() == Hold::nothing && !life_.state().maintenance;
        if (step.verdict == Status::down && status_ == Status::down && may_open) {
            ASSERT_TRUE(incident_open_ || closed_);
        }
        ASSERT_EQ(life_.state().status, status_);
        ASSERT_EQ(life_.state().told_us, told_us_);
        ASSERT_EQ(life_.state().incident_open, incident_open_);
    }

    void set_incident(bool open) {
        incident_open_ = open;
        closed_ = !open;
    }

  private:
    void check_opened(const Change& change) {
        ASSERT_EQ(change.to, Status::down);
        ASSERT_EQ(life_.hold(), Hold::nothing);
        ASSERT_FALSE(change.maintenance);
        ASSERT_LE(change.incident_at_us, change.at_us);
        // The outage began with a failure since which the endpoint was never up.
        const auto first = std::find(failures_.rbegin(), failures_.rend(), change.incident_at_us);
        ASSERT_TRUE(first != failures_.rend());
        ASSERT_GT(static_cast<std::size_t>(failures_.rend() - first), recovered_after_);
        closed_ = false;
    }

    const RandomLife& life_;
    Status status_ = Status::unknown;
    std::int64_t told_us_ = 0;
    bool incident_open_ = false;
    bool closed_ = false;  // by a person, since the endpoint was last up
    std::vector<std::int64_t> failures_;
    std::size_t recovered_after_ = 0;  // so many of them
};

void live_through(RandomLife& life, Story& story, const Between& between) {
    if (between.close_incident) {
        life.close();
        story.set_incident(false);
    }
    if (between.open_incident) {
        life.open();
        story.set_incident(true);
    }
    if (between.hold) {
        for (const Change& change : life.hold(*between.hold)) story.add(change);
    }
    if (between.maintenance) story.add(life.maintain(between));
}

TEST(HealthModel, TellsAStoryThatHoldsTogether) {
    for (unsigned seed = 0; seed < 1000; ++seed) {
        RandomLife life(seed, false);
        Story story(life);
        for (int i = 0; i < 300; ++i) {
            live_through(life, story, life.next_between());
            story.add(life.check(life.next_check()));
            if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", check " << i;
        }
    }
}

}  // namespace
}  // namespace pulsimo::health
