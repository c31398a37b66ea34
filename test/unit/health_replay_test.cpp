// Policies tried out on stored checks: the one that was in force finds again what there was.
#include "health/replay.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "unit/support/health_script.hpp"
#include "unit/support/random_checks.hpp"

namespace pulsimo::health {
namespace {

constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::max();

std::string place_of(std::int64_t at_us) {
    std::ostringstream text;
    text << static_cast<double>(at_us - kStart) / static_cast<double>(kInterval);
    return text.str();
}

// "1 opened 3 resolved 4", in intervals since the first check.
std::string to_string(const std::vector<PastIncident>& incidents) {
    std::string text;
    for (const PastIncident& incident : incidents) {
        text += (text.empty() ? "" : ", ") + place_of(incident.started_us) + " opened " + place_of(incident.opened_us);
        if (incident.resolved_us != 0) text += " resolved " + place_of(incident.resolved_us);
    }
    return text;
}

std::optional<PastEvent> event_of(char letter) {
    switch (letter) {
        case '[':
            return PastEvent::maintenance;
        case ']':
            return PastEvent::normal;
        case '(':
            return PastEvent::held;
        case ')':
            return PastEvent::released;
        case 'c':
            return PastEvent::resolved;
        case 'z':
            return PastEvent::paused;
        default:
            return std::nullopt;
    }
}

struct Past {
    std::vector<PastCheck> checks;
    std::vector<DatedEvent> events;
    std::int64_t end_us = kStart;
};

// As in health_script.hpp, but ( ) are held and released; z is paused. Checks that are left out take time as well.
Past past_of(const std::string& script) {
    Past past;
    for (const char letter : script) {
        if (const auto event = event_of(letter)) {
            past.events.push_back({past.end_us - kInterval / 2, *event});
            continue;
        }
        const Observation seen = observation(letter == ' ' ? 'P' : letter, past.end_us);
        if (letter != ' ') {
            past.checks.push_back({.checked_at_us = past.end_us,
                                   .outcome = seen.outcome,
                                   .response_us = letter == 'S' ? seen.response_us : 0});
        }
        past.end_us += kInterval;
    }
    return past;
}

Replay replay_of(const Past& past, const Policy& policy, std::int64_t from_us, std::int64_t to_us) {
    Replay replay(policy, past.events, from_us, to_us);
    for (const PastCheck& check : past.checks) {
        if (check.checked_at_us < to_us) replay.take(check);
    }
    replay.finish();
    return replay;
}

Replay replay_of(const std::string& script, const Policy& policy) {
    const Past past = past_of(script);
    return replay_of(past, policy, 0, past.end_us);
}

std::string incidents_of(const std::string& script, const Policy& policy) {
    return to_string(replay_of(script, policy).incidents());
}

TEST(Replay, FollowsThePolicy) {
    Policy window = policy(2, 1);
    window.failure_window = 5;
    Policy by_people = policy(2, 1);
    by_people.auto_resolve = false;
    Policy flapping = policy(1, 1);
    flapping.flap_start = 50;
    flapping.flap_stop = 25;
    const struct {
        const char* rule;
        Policy policy;
        const char* script;
        const char* incidents;
    } cases[] = {
        {"failures in a row", policy(3, 1), "PFFFFP", "1 opened 3 resolved 5"},
        {"too few", policy(3, 1), "PFFPFFP", ""},
        {"which another threshold calls one", policy(2, 1), "PFFPFFP", "1 opened 2 resolved 3, 4 opened 5 resolved 6"},
        {"and a third one thing", policy(2, 2), "PFFPFFPP", "1 opened 2 resolved 6"},
        {"of the last five", window, "PFPFPPP", "1 opened 3 resolved 4"},
        {"own trouble is not counted", policy(3, 1), "PFTFTFTP", "1 opened 5 resolved 7"},
        {"slow passes are passes", policy(2, 1), "PFSFSFP", ""},
        {"a gap forgets what was counted", policy(3, 1), "PPPFF   FPP", ""},
        {"open at the end", policy(2, 1), "PFFF", "1 opened 2"},
        {"only people resolve", by_people, "PFFPPFFP", "1 opened 2"},
        {"flapping keeps it open", flapping, "PFPFPFPFPFPFPFPFPFPFPFPF",
         "1 opened 1 resolved 2, 3 opened 3 resolved 4, 5 opened 5 resolved 6, 7 opened 7 resolved 8, 9 opened 9 "
         "resolved 10, "
         "11 opened 11 resolved 12, 13 opened 13 resolved 14, 15 opened 15 resolved 16, 17 opened 17 resolved 18, "
         "19 opened 19"},
    };
    for (const auto& c : cases) EXPECT_EQ(incidents_of(c.script, c.policy), c.incidents) << c.rule;
}

TEST(Replay, TakesWhatHappenedBesidesAsItWas) {
    const struct {
        const char* rule;
        const char* script;
        const char* incidents;
    } cases[] = {
        {"nothing opens in maintenance", "P[FFFFP]P", ""},
        {"what goes on is opened at its end", "P[FFFF]FP", "1 opened 4.5 resolved 6"},
        {"an incident goes on through it", "PFFF[FF]FP", "1 opened 3 resolved 7"},
        {"what was put down to something else", "P(FFFFP)PFFFP", "7 opened 9 resolved 10"},
        {"and goes on, at the next failure", "P(FFFF)FFP", "1 opened 5 resolved 7"},
        {"a person resolves it, three further failures open another", "PFFFFcFFFP",
         "1 opened 3 resolved 4.5, 5 opened 7 resolved 8"},
        {"a person resolves nothing", "PFFcFP", "1 opened 3 resolved 4"},
        {"a pause forgets what was counted", "PFFzF", ""},
        {"but not the incident", "PFFFzPP", "1 opened 3 resolved 4"},
        {"however long it takes", "PFFFz          FPP", "1 opened 3 resolved 15"},
        {"a pause ends maintenance", "P[FzFFF", "2 opened 4"},
        {"maintenance ends after the last check", "P[FFF]", "1 opened 3.5"},
    };
    for (const auto& c : cases) EXPECT_EQ(incidents_of(c.script, policy(3, 1)), c.incidents) << c.rule;
}

TEST(Replay, TakesWhatHappenedBeforeTheCheckOfTheSameTime) {
    Past past = past_of("PFFF");
    past.events.push_back({past.checks[2].checked_at_us, PastEvent::maintenance});
    EXPECT_EQ(to_string(replay_of(past, policy(2, 1), 0, past.end_us).incidents()), "");
}

TEST(Replay, ShowsWhatWasOpenBetweenTheTimes) {
    const Past past = past_of("PFFPPFFFFPPFFFF");
    const auto between = [&](int from, int to) {
        return to_string(replay_of(past, policy(2, 1), kStart + from * kInterval, kStart + to * kInterval).incidents());
    };
    EXPECT_EQ(between(0, 15), "1 opened 2 resolved 3, 5 opened 6 resolved 9, 11 opened 12");
    EXPECT_EQ(between(3, 6), "1 opened 2 resolved 3");  // the second failure is not yet seen
    EXPECT_EQ(between(4, 7), "5 opened 6");
    EXPECT_EQ(between(7, 10), "5 opened 6 resolved 9");
    EXPECT_EQ(between(10, 12), "");
    EXPECT_EQ(between(20, 30), "11 opened 12");
}

TEST(Replay, CountsTimeAndChecks) {
    Policy limits = policy(2, 1);
    limits.degraded_after_us = observation('S', 0).response_us - 1;
    const Past past = past_of("PFFPPSSSP[FFP]PFFF");
    const auto totals = [&](int from, int to) {
        return replay_of(past, limits, kStart + from * kInterval, kStart + to * kInterval).totals();
    };
    const ReplayTotals all = totals(0, 16);
    EXPECT_EQ(all.checks, 16);
    EXPECT_EQ(all.down_us, (2 + 3) * kInterval);  // not those in maintenance
    EXPECT_EQ(all.degraded_us, 3 * kInterval);
    EXPECT_EQ(all.first_checked_us, kStart);
    EXPECT_EQ(all.last_checked_us, kStart + 15 * kInterval);
    const ReplayTotals part = totals(2, 6);
    EXPECT_EQ(part.checks, 4);
    EXPECT_EQ(part.down_us, kInterval);
    EXPECT_EQ(part.degraded_us, 0);
    EXPECT_EQ(part.first_checked_us, kStart + 2 * kInterval);
    EXPECT_EQ(part.oldest_checked_us, kStart);
    EXPECT_EQ(totals(0, 17).down_us, (2 + 4) * kInterval);
    EXPECT_EQ(totals(0, 100).down_us, (2 + 3) * kInterval);  // nobody knows any more
    EXPECT_EQ(totals(50, 100).checks, 0);
    EXPECT_EQ(totals(4, 6).down_us, 0);
    EXPECT_EQ(replay_of("PFFFz          PP", limits).totals().down_us, 5 * kInterval / 2);  // until the pause
}

TEST(Replay, WithoutChecksNothingIsKnown) {
    const Replay replay = replay_of("[]z", policy(1, 1));
    EXPECT_TRUE(replay.incidents().empty());
    EXPECT_EQ(replay.totals().checks, 0);
    EXPECT_EQ(replay.totals().oldest_checked_us, 0);
    EXPECT_EQ(replay.totals().down_us, 0);
}

TEST(Replay, SeesThatTheScheduleWasAnotherOne) {
    EXPECT_EQ(incidents_of("P    P    P    F    F    F    P", policy(3, 1)), "15 opened 25 resolved 30");
    EXPECT_EQ(incidents_of("P    P    P    FF", policy(2, 1)), "15 opened 16");
    EXPECT_EQ(incidents_of("PPPPP    P    F    F    PP", policy(2, 1)), "14 opened 19 resolved 24");
    // A gap in that, and one that is the only one.
    EXPECT_EQ(incidents_of("P    P    P    F                    F    F    P", policy(3, 1)), "");
    EXPECT_EQ(incidents_of("PPPPPF    FPP", policy(2, 1)), "");
    EXPECT_EQ(incidents_of("PPPP      PPPF    FPP", policy(2, 1)), "");
}

TEST(Replay, KnowsUnevenSchedules) {
    Replay replay(policy(3, 1), {}, 0, kEver / 2);
    const auto check = [&](int place, Outcome outcome, int distance) {
        replay.take(
            {.checked_at_us = kStart + place * kInterval, .outcome = outcome, .interval_us = distance * kInterval});
    };
    check(0, Outcome::pass, 1);
    check(1, Outcome::fail, 1);
    check(2, Outcome::fail, 100);
    check(102, Outcome::fail, 1);
    EXPECT_EQ(to_string(replay.incidents()), "1 opened 102");
    check(103, Outcome::pass, 1);
    check(104, Outcome::fail, 1);
    check(105, Outcome::fail, 1);
    check(205, Outcome::fail, 1);  // it was due long before
    EXPECT_EQ(to_string(replay.incidents()), "1 opened 102 resolved 103");
}

// --- what there was -------------------------------------------------------------------------------------------------

// An endpoint in the keeper, and what is stored of it.
class Life {
  public:
    explicit Life(unsigned seed) : checks_(seed, false, true) {}

    const Policy& policy() const { return checks_.policy(); }
    const Past& past() const { return past_; }
    const std::vector<PastIncident>& incidents() const { return incidents_; }
    std::int64_t down_us() const { return down_us_; }

    void go_on() {
        now_us_ += next_distance();
        happen(now_us_ - 1);
        Observation seen = checks_.next();
        seen.checked_at_us = now_us_;
        if (seen.outcome == Outcome::pass) seen.stall_us = 0;  // of what is stored nobody can tell
        const Step step = health::step(state_, seen, policy());
        for (const Change& change : step.changes) note(change, now_us_ + seen.response_us);
        past_.checks.push_back({now_us_, outcome_of(step.verdict), seen.response_us, 0});
        past_.end_us = now_us_ + 1;
    }

    void end() { add_time_until(past_.end_us); }

  private:
    static Outcome outcome_of(Status verdict) {
        if (verdict == Status::unknown) return Outcome::own_trouble;
        return verdict == Status::down ? Outcome::fail : Outcome::pass;
    }

    // No two gaps close to each other: they would pass for another schedule.
    std::int64_t next_distance() {
        if (++since_gap_ > 25 && checks_.below(40) == 0) {
            since_gap_ = 0;
            return policy().interval_us * (3 + checks_.below(5));
        }
        return checks_.below(4) == 0 ? policy().retry_interval_us : policy().interval_us;
    }

    void happen(std::int64_t at_us) {
        if (checks_.below(30) == 0) {
            past_.events.push_back({at_us, state_.maintenance ? PastEvent::normal : PastEvent::maintenance});
            note(state_.maintenance ? leave_maintenance(state_, at_us) : enter_maintenance(state_, at_us), at_us);
        }
        if (state_.incident_open && checks_.below(20) == 0) {
            past_.events.push_back({at_us, PastEvent::resolved});
            incident_closed(state_);
            incidents_.back().resolved_us = at_us;
        }
    }

    void note(const Change& change, std::int64_t decided_us) {
        add_time_until(change.at_us);
        shown_down_ = change.to == Status::down && !change.maintenance;
        if (change.incident == IncidentAction::open) incidents_.push_back({change.incident_at_us, decided_us, 0});
        if (change.incident == IncidentAction::resolve) incidents_.back().resolved_us = change.incident_at_us;
    }

    void add_time_until(std::int64_t at_us) {
        if (shown_down_) down_us_ += at_us - shown_since_us_;
        shown_since_us_ = at_us;
    }

    RandomChecks checks_;
    State state_;
    Past past_;
    std::int64_t now_us_ = kStart;
    int since_gap_ = 0;
    bool shown_down_ = false;
    std::int64_t shown_since_us_ = 0;
    std::int64_t down_us_ = 0;
    std::vector<PastIncident> incidents_;
};

TEST(Replay, FindsAgainWhatThePolicyInForceHasDone) {
    std::size_t incidents = 0;
    for (unsigned seed = 0; seed < 500; ++seed) {
        Life life(seed);
        for (int i = 0; i < 400; ++i) life.go_on();
        life.end();
        const Replay replay = replay_of(life.past(), life.policy(), 0, life.past().end_us);
        ASSERT_EQ(to_string(replay.incidents()), to_string(life.incidents())) << "seed " << seed;
        ASSERT_EQ(replay.totals().down_us, life.down_us()) << "seed " << seed;
        incidents += life.incidents().size();
    }
    EXPECT_GT(incidents, 4000U);  // or the lives were too dull to prove anything
}

// Whatever leads into it, from some time on nothing but the last checks counts.
TEST(Replay, NeedsNoMoreThanItsRunIn) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        Life life(seed);
        for (int i = 0; i < 400; ++i) life.go_on();
        const Past& past = life.past();
        const std::int64_t from_us = past.checks[250].checked_at_us;
        Past late = past;
        late.checks.erase(late.checks.begin(), late.checks.begin() + (250 - kResumeChecks));
        const Replay whole = replay_of(past, life.policy(), from_us, past.end_us);
        const Replay part = replay_of(late, life.policy(), from_us, past.end_us);
        const auto started_since = [from_us](std::vector<PastIncident> incidents) {
            std::erase_if(incidents, [from_us](const PastIncident& incident) { return incident.started_us < from_us; });
            return to_string(incidents);
        };
        if (!life.policy().auto_resolve) continue;  // one that nobody resolves may be of any age
        ASSERT_EQ(started_since(part.incidents()), started_since(whole.incidents())) << "seed " << seed;
    }
}

}  // namespace
}  // namespace pulsimo::health
