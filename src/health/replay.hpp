// What a policy would have made of checks that were made: the incidents it would have opened.
//
// The checks go through step(), as in the keeper. What became of them otherwise is taken as it was, since no policy
// would have changed it: maintenance, pauses, the time in which an outage was put down to something else, and incidents
// that people resolved. Stored checks do not tell everything that the keeper knew:
//  - whether we ourselves were late is in the verdict, which is believed; but a slow pass that was put down to it
//    counts as slow here;
//  - of a failure that was waiting for a reference endpoint it is not known: it counts as a failure;
//  - nor is the interval of that time. A distance between checks that is too long for the one of now is a gap, unless
//    there were two others shortly before: then the schedule was like that.
// Checks are not repeated sooner or later than they were, so retry_interval changes nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "health/health.hpp"

namespace pulsimo::health {

// What happened to an endpoint besides its checks. normal: neither in maintenance nor paused any more.
enum class PastEvent : std::uint8_t { maintenance, paused, normal, held, released, resolved };

struct DatedEvent {
    std::int64_t at_us = 0;
    PastEvent event = PastEvent::normal;
};

struct PastCheck {
    std::int64_t checked_at_us = 0;
    Outcome outcome = Outcome::pass;
    std::int64_t response_us = 0;
    std::int64_t interval_us = 0;  // of an uneven schedule: the distance to the run after it; 0: policy.interval_us
};

struct PastIncident {
    std::int64_t started_us = 0;
    std::int64_t opened_us = 0;    // when the check that decided had ended, or what held it back
    std::int64_t resolved_us = 0;  // 0: open at the end
};

struct ReplayTotals {
    std::int64_t checks = 0;
    std::int64_t first_checked_us = 0;  // 0: none was
    std::int64_t last_checked_us = 0;
    std::int64_t oldest_checked_us = 0;  // of those before from_us as well
    std::int64_t down_us = 0;            // outside maintenance, as degraded_us
    std::int64_t degraded_us = 0;
};

// The last distances between checks, 0 for each that is as it should be.
class Distances {
  public:
    void add(std::int64_t distance_us);
    std::int64_t third_longest_us() const;

  private:
    static constexpr std::size_t kDistances = 20;
    std::array<std::int64_t, kDistances> last_us_ = {};
    std::size_t next_ = 0;
};

class Replay {
  public:
    // events: in the order of their time. What is before from_us leads into it and is not counted.
    Replay(const Policy& policy, std::vector<DatedEvent> events, std::int64_t from_us, std::int64_t to_us);

    // In the order of their time, which is before to_us.
    void take(const PastCheck& check);

    // After the last check.
    void finish();

    // Those that were not over before from_us.
    const std::vector<PastIncident>& incidents() const { return incidents_; }
    const ReplayTotals& totals() const { return totals_; }
    const State& state() const { return state_; }

  private:
    void take_events_until(std::int64_t at_us);
    void take(const DatedEvent& event);
    void pause(std::int64_t at_us);
    void close_incident(std::int64_t at_us);
    std::int64_t spacing_before(std::int64_t checked_at_us);
    void note(const Change& change, std::int64_t decided_us);
    void add_time_until(std::int64_t at_us);
    void count(const PastCheck& check);

    Policy policy_;
    const std::vector<DatedEvent> events_;
    std::size_t next_event_ = 0;
    const std::int64_t from_us_;
    const std::int64_t to_us_;
    State state_;
    Hold hold_ = Hold::nothing;
    Distances too_long_;
    Status shown_ = Status::unknown;  // unknown in maintenance
    std::int64_t shown_since_us_ = 0;
    std::vector<PastIncident> incidents_;
    ReplayTotals totals_;
};

}  // namespace pulsimo::health
