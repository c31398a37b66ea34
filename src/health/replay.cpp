#include "health/replay.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "health/counting.hpp"

namespace pulsimo::health {

void Distances::add(std::int64_t distance_us) {
    last_us_[next_] = distance_us;
    next_ = (next_ + 1) % kDistances;
}

std::int64_t Distances::third_longest_us() const {
    std::array<std::int64_t, kDistances> sorted_us = last_us_;
    const auto third = sorted_us.begin() + 2;
    std::nth_element(sorted_us.begin(), third, sorted_us.end(), std::greater<>());
    return *third;
}

Replay::Replay(const Policy& policy, std::vector<DatedEvent> events, std::int64_t from_us, std::int64_t to_us)
    : policy_(policy), events_(std::move(events)), from_us_(from_us), to_us_(to_us) {}

// How far a check at that time was due from the one before. That is longer than the policy says where the schedule was
// another one.
std::int64_t Replay::spacing_before(std::int64_t checked_at_us) {
    const std::int64_t spacing_us = policy_.interval_us;  // of an uneven schedule: since the check before
    const bool too_long = is_gap(state_, checked_at_us, spacing_us, policy_);
    too_long_.add(too_long ? checked_at_us - state_.last_checked_us : 0);
    return too_long ? std::max(spacing_us, too_long_.third_longest_us()) : spacing_us;
}

void Replay::take(const PastCheck& check) {
    take_events_until(check.checked_at_us);
    const Observation observation = {.checked_at_us = check.checked_at_us,
                                     .outcome = check.outcome,
                                     .response_us = check.response_us,
                                     .spacing_us = spacing_before(check.checked_at_us)};
    if (check.interval_us != 0) policy_.interval_us = check.interval_us;
    count(check);
    for (const Change& change : step(state_, observation, policy_, hold_).changes) {
        note(change, check.checked_at_us + check.response_us);
    }
}

void Replay::count(const PastCheck& check) {
    if (totals_.oldest_checked_us == 0) totals_.oldest_checked_us = check.checked_at_us;
    totals_.last_checked_us = check.checked_at_us;
    if (check.checked_at_us < from_us_) return;
    if (totals_.checks++ == 0) totals_.first_checked_us = check.checked_at_us;
}

void Replay::take_events_until(std::int64_t at_us) {
    while (next_event_ < events_.size() && events_[next_event_].at_us <= at_us) take(events_[next_event_++]);
}

void Replay::take(const DatedEvent& event) {
    switch (event.event) {
        case PastEvent::maintenance:
            note(enter_maintenance(state_, event.at_us), event.at_us);
            break;
        case PastEvent::normal:
            note(leave_maintenance(state_, event.at_us, hold_), event.at_us);
            break;
        case PastEvent::paused:
            pause(event.at_us);
            break;
        case PastEvent::held:
            hold_ = Hold::incident;
            break;
        case PastEvent::released:
            // Mostly because it was up again, of which the check that comes next tells: no reconsider().
            hold_ = Hold::nothing;
            break;
        case PastEvent::resolved:
            close_incident(event.at_us);
            break;
    }
}

// Afterwards the keeper begins anew, with the incident that was open.
void Replay::pause(std::int64_t at_us) {
    add_time_until(at_us);
    shown_ = Status::unknown;
    state_ = resume(Status::unknown, at_us, state_.incident_open, {}, policy_);
}

void Replay::close_incident(std::int64_t at_us) {
    if (!state_.incident_open) return;
    incident_closed(state_);
    incidents_.back().resolved_us = at_us;
}

void Replay::note(const Change& change, std::int64_t decided_us) {
    add_time_until(change.at_us);
    shown_ = change.maintenance ? Status::unknown : change.to;
    if (change.incident == IncidentAction::open) {
        incidents_.push_back({.started_us = change.incident_at_us, .opened_us = decided_us});
    } else if (change.incident == IncidentAction::resolve) {
        incidents_.back().resolved_us = change.incident_at_us;
    }
}

void Replay::add_time_until(std::int64_t at_us) {
    const std::int64_t duration_us = at_us - std::max(shown_since_us_, from_us_);
    if (duration_us > 0 && shown_ == Status::down) totals_.down_us += duration_us;
    if (duration_us > 0 && shown_ == Status::degraded) totals_.degraded_us += duration_us;
    shown_since_us_ = at_us;
}

void Replay::finish() {
    take_events_until(to_us_);
    const std::int64_t spacing_us = policy_.interval_us;
    const bool silent = is_gap(state_, to_us_, spacing_us, policy_);
    add_time_until(silent ? state_.last_checked_us + longest_interval(state_, spacing_us) : to_us_);
    std::erase_if(incidents_, [this](const PastIncident& incident) {
        return incident.resolved_us != 0 && incident.resolved_us < from_us_;
    });
}

}  // namespace pulsimo::health
