#include "unit/support/health_model.hpp"

#include <algorithm>

namespace pulsimo::health {
namespace {

bool is_down(Status status) {
    return status == Status::down;
}
bool is_fast(Status status) {
    return status == Status::up;
}
bool is_slow(Status status) {
    return status == Status::degraded;
}
bool is_pass(Status status) {
    return is_fast(status) || is_slow(status);
}

}  // namespace

Step HealthModel::take(const Observation& observation, Hold hold) {
    Step step;
    step.verdict = verdict_of(observation);
    take_time(observation.checked_at_us, step);
    history_.push_back({last_us_, step.verdict});
    if (step.verdict != Status::unknown) failed_.push_back(step.verdict == Status::down);

    Change change{.from = status_, .to = status_, .at_us = last_us_};
    const bool was_flapping = flapping_;
    look_for_flapping();
    consider(step.verdict, hold, change);
    if (is_pass(status_) && incident_ == Incident::open && resolves()) {
        if (was_flapping && !flapping_) {
            resolve(change, since_us_);
        } else if (is_pass(step.verdict)) {
            resolve(change, last_us_);
        }
    }
    for (const Change& made : told(change, was_flapping != flapping_)) step.changes.push_back(made);

    const Checks verdicts = counted();
    const bool failing = status_ != Status::down && !verdicts.empty() && is_down(verdicts.back().verdict);
    const bool enough = failing && outage_began_us() != 0;
    if (failing && !enough && policy_.retry_interval_us < policy_.interval_us) {
        step.retry_after_us = policy_.retry_interval_us;
    }
    return step;
}

std::vector<Change> HealthModel::reconsider(Hold hold) {
    Change change{.from = status_, .to = status_, .at_us = told_us_};
    const Checks verdicts = counted();
    const bool failing = !verdicts.empty() && is_down(verdicts.back().verdict);
    if (failing && status_ != Status::down) consider_failure(hold, change);
    open_held(hold, change);
    return told(change, false);
}

Change HealthModel::set_maintenance(bool maintenance, std::int64_t at_us, Hold hold) {
    maintenance_ = maintenance;
    Change change{.from = status_, .to = status_};
    open_held(hold, change);
    change.at_us = std::max(at_us, change.incident_at_us);
    return told(change, true).front();
}

void HealthModel::close_incident() {
    if (incident_ == Incident::open) incident_ = Incident::none;
    closed_from_ = history_.size();
}

void HealthModel::open_incident() {
    incident_ = Incident::open;
}

Status HealthModel::verdict_of(const Observation& o) const {
    const bool stalled = o.stall_us > policy_.stall_limit_us;
    const bool slow = policy_.degraded_after_us != 0 && o.response_us > policy_.degraded_after_us;
    if (o.outcome == Outcome::own_trouble || (o.outcome == Outcome::no_answer && stalled)) return Status::unknown;
    if (o.outcome != Outcome::pass) return Status::down;
    return slow && !stalled ? Status::degraded : Status::up;
}

void HealthModel::take_time(std::int64_t checked_at_us, Step& step) {
    const std::int64_t longest_silence_us = 2 * policy_.interval_us + policy_.timeout_us;
    if (checked_at_us < last_us_ - longest_silence_us) {
        history_.clear();
        window_from_ = closed_from_ = 0;
        last_us_ = 0;
        for (std::int64_t* date : {&since_us_, &told_us_, &began_us_}) *date = std::min(*date, checked_at_us);
    }
    const std::int64_t at_us = std::max(checked_at_us, last_us_);
    if (last_us_ != 0 && at_us > last_us_ + longest_silence_us) {
        Change gap{.from = status_, .to = status_, .at_us = 0, .gap = true};
        const bool was_flapping = flapping_;
        flapping_ = false;
        failed_.clear();
        history_.clear();
        window_from_ = closed_from_ = 0;
        gap.at_us = last_us_ + policy_.interval_us;
        change_status(gap, Status::unknown, gap.at_us);
        step.changes = told(gap, was_flapping);
    }
    last_us_ = at_us;
}

// What was seen, own troubles left out.
HealthModel::Checks HealthModel::counted() const {
    Checks found;
    for (const StoredCheck& check : history_) {
        if (check.verdict != Status::unknown) found.push_back(check);
    }
    return found;
}

// The latest results in a row that are as asked for, own troubles left out.
HealthModel::Checks HealthModel::row(Predicate wanted) const {
    const Checks verdicts = counted();
    auto first = verdicts.end();
    while (first != verdicts.begin() && wanted((first - 1)->verdict)) --first;
    return {first, verdicts.end()};
}

HealthModel::Checks HealthModel::troubles() const {
    Checks found;
    for (auto check = history_.rbegin(); check != history_.rend() && check->verdict == Status::unknown; ++check) {
        found.insert(found.begin(), *check);
    }
    return found;
}

// When the outage began that the failures up to now amount to; 0: none.
std::int64_t HealthModel::outage_began_us() const {
    if (policy_.failure_window > policy_.failure_threshold) {
        if (const std::int64_t began_us = outage_in_window_began_us()) return began_us;
    }
    const Checks run = row(is_down);
    const bool again = status_ == Status::unknown && incident_ != Incident::none && resolves();
    const std::size_t needed = again ? 1 : static_cast<std::size_t>(policy_.failure_threshold);
    return run.size() >= needed ? run.front().checked_at_us : 0;
}

std::int64_t HealthModel::outage_in_window_began_us() const {
    // From the first window on with failures enough, as long as each one after it has so many too.
    std::int64_t began_us = 0;
    Checks window;
    for (std::size_t i = window_from_; i < history_.size(); ++i) {
        if (history_[i].verdict == Status::unknown) continue;
        window.push_back(history_[i]);
        if (static_cast<int>(window.size()) > policy_.failure_window) window.erase(window.begin());
        Checks failures;
        for (const StoredCheck& check : window) {
            if (is_down(check.verdict)) failures.push_back(check);
        }
        const bool enough = static_cast<int>(failures.size()) >= policy_.failure_threshold;
        began_us = !enough ? 0 : began_us == 0 ? failures.front().checked_at_us : began_us;
    }
    return began_us;
}

void HealthModel::look_for_flapping() {
    if (policy_.flap_start == 0) {
        flapping_ = false;
        return;
    }
    if (failed_.size() < 20) return;
    double changes = 0;
    for (auto verdict = failed_.end() - 19; verdict != failed_.end(); ++verdict) {
        if (*verdict != *(verdict - 1)) changes += 1;
    }
    const double score = 100.0 * changes / 19.0;
    if (score >= policy_.flap_start) flapping_ = true;
    if (score <= policy_.flap_stop) flapping_ = false;
}

void HealthModel::consider(Status verdict, Hold hold, Change& change) {
    if (verdict == Status::unknown) {
        consider_trouble(change);
    } else if (verdict == Status::down) {
        consider_failure(hold, change);
        open_held(hold, change);
    } else {
        consider_pass(verdict, change);
    }
}

void HealthModel::consider_trouble(Change& change) {
    const Checks run = troubles();
    if (static_cast<int>(run.size()) < policy_.failure_threshold) return;
    change_status(change, Status::unknown, run.front().checked_at_us);
    history_.clear();
    window_from_ = closed_from_ = 0;
}

void HealthModel::consider_failure(Hold hold, Change& change) {
    if (status_ != Status::down) {
        const std::int64_t began_us = outage_began_us();
        if (began_us == 0 || hold == Hold::verdict) return;
        change_status(change, Status::down, began_us);
    } else if (incident_ == Incident::none) {
        // The failures since a person resolved the incident, as far as they are in a row.
        std::vector<std::int64_t> failures;
        for (std::size_t i = closed_from_; i < history_.size(); ++i) {
            if (is_pass(history_[i].verdict)) failures.clear();
            if (is_down(history_[i].verdict)) failures.push_back(history_[i].checked_at_us);
        }
        if (static_cast<int>(failures.size()) < policy_.failure_threshold) return;
        incident_ = Incident::held;
        began_us_ = failures.front();
    }
}

void HealthModel::consider_pass(Status verdict, Change& change) {
    if (status_ == Status::up) {
        change_after(change, Status::degraded, row(is_slow), policy_.failure_threshold);
    } else if (status_ == Status::degraded) {
        change_after(change, Status::up, row(is_fast), policy_.success_threshold);
    } else {
        const bool first = status_ == Status::unknown && (incident_ == Incident::none || !resolves());
        change_after(change, verdict, row(is_pass), first ? 1 : policy_.success_threshold);
    }
}

void HealthModel::change_after(Change& change, Status to, const Checks& run, int threshold) {
    if (static_cast<int>(run.size()) >= threshold) change_status(change, to, run.front().checked_at_us);
}

void HealthModel::change_status(Change& change, Status to, std::int64_t at_us) {
    if (to == status_) return;
    change.to = status_ = to;
    change.at_us = at_us;
    window_from_ = history_.size();
    if (is_pass(to)) recover(change, at_us);
    if (to == Status::down && incident_ == Incident::none) {
        incident_ = Incident::held;
        began_us_ = at_us;
    }
}

void HealthModel::recover(Change& change, std::int64_t ended_us) {
    if (incident_ == Incident::held) incident_ = Incident::none;
    if (incident_ == Incident::open && resolves()) resolve(change, ended_us);
}

void HealthModel::resolve(Change& change, std::int64_t ended_us) {
    incident_ = Incident::none;
    change.incident = IncidentAction::resolve;
    change.incident_at_us = ended_us;
}

void HealthModel::open_held(Hold hold, Change& change) {
    if (status_ != Status::down || incident_ != Incident::held || maintenance_ || hold != Hold::nothing) return;
    incident_ = Incident::open;
    change.incident = IncidentAction::open;
    change.incident_at_us = began_us_;
    if (change.from == change.to) change.at_us = began_us_;
}

std::vector<Change> HealthModel::told(Change change, bool news) {
    if (!news && change.from == change.to && change.incident == IncidentAction::none) return {};
    change.at_us = told_us_ = std::max(change.at_us, told_us_);
    if (change.from != change.to) since_us_ = change.at_us;
    change.maintenance = maintenance_;
    change.flapping = flapping_;
    return {change};
}

}  // namespace pulsimo::health
