// The keeper's way from results to rows.

#include <algorithm>
#include <utility>

#include "engine/text.hpp"
#include "engine/wire.hpp"
#include "worker/check_requests.hpp"
#include "worker/keeper.hpp"

#include "pg/guard.hpp"

namespace pulsimo::worker {

namespace {

health::Outcome outcome_of(const engine::CheckResult& result) {
    if (result.error == engine::ErrorClass::none) return health::Outcome::pass;
    if (result.error == engine::ErrorClass::internal) return health::Outcome::own_trouble;
    return engine::is_lack_of_an_answer(result.error) ? health::Outcome::no_answer : health::Outcome::fail;
}

bool note_certificate(Watched& watched, const engine::CheckResult& result) {
    const bool changed =
        result.certificate_expires_at_s != 0 && (result.certificate_expires_at_s != watched.certificate_expires_at_s ||
                                                 result.certificate_issuer != watched.certificate_issuer);
    if (changed) {
        watched.certificate_expires_at_s = result.certificate_expires_at_s;
        watched.certificate_issuer = result.certificate_issuer;
    }
    return changed;
}

// Only what opens an incident is shown. One that opened without a response gets that of the next check that fails.
bool wants_excerpt(Watched& watched, const engine::CheckResult& result, std::span<const health::Change> changes) {
    const bool wanted = opens_incident(changes) || (watched.lacks_excerpt && watched.state.incident_open);
    watched.lacks_excerpt = wanted && result.excerpt.empty();
    return wanted && !result.excerpt.empty();
}

}  // namespace

bool opens_incident(std::span<const health::Change> changes) {
    return std::any_of(changes.begin(), changes.end(),
                       [](const health::Change& change) { return change.incident == health::IncidentAction::open; });
}

void Keeper::take_results() {
    for (ProberLink& prober : probers_) {
        if (!prober.running()) continue;
        for (auto message = prober.channel().receive(); !message.empty(); message = prober.channel().receive()) {
            for (engine::CheckResult& result : engine::decode_results(message)) take(std::move(result));
        }
    }
}

void Keeper::take(engine::CheckResult&& result) {
    auto place = watched_.find(result.endpoint_id);
    if (place == watched_.end()) return;
    Watched& watched = place->second;
    Pending pending;
    pending.changes = judge(watched, result, pending.verdict);
    result.started_at_us = watched.state.last_checked_us;
    pending.since_us = began_us(watched.state);
    pending.certificate_changed = note_certificate(watched, result);
    pending.shows_response = wants_excerpt(watched, result, pending.changes);
    if (!pending.shows_response) std::string().swap(result.excerpt);  // with its memory
    pending.answers = take_answered(result);
    pending.result = std::move(result);
    pending_.push_back(std::move(pending));
    follow_up(watched, watched.failed ? restraint_on(watched) : Restraint());
}

// What health makes of it, in the light of what happened to the others.
std::vector<health::Change> Keeper::judge(Watched& watched, engine::CheckResult& result, health::Status& verdict) {
    health::Observation observation = {.checked_at_us = result.started_at_us,
                                       .outcome = outcome_of(result),
                                       .response_us = result.response_us,
                                       .stall_us = result.stall_us};
    if (watched.cron != nullptr) {
        observation.spacing_us = watched.state.last_interval_us;
        watched.policy.interval_us = distance_to_next_run(*watched.cron, result.started_at_us);
    }
    note_outcome(watched, observation);
    if (observation.outcome == health::Outcome::no_answer && is_our_connectivity(watched)) {
        observation.outcome = health::Outcome::own_trouble;
        health::failures_void(watched.state);
        ask_others(watched, observation.checked_at_us);  // one that is seldom checked may be back long since
        result.error = engine::ErrorClass::internal;
        result.detail = engine::safe_text("no reference endpoint can be reached either: " + result.detail,
                                          engine::CheckResult::kMaxDetail);
    }
    const Restraint restraint = watched.failed ? restraint_on(watched, result.started_at_us) : Restraint();
    health::Step step = health::step(watched.state, observation, watched.policy, restraint.hold);
    verdict = step.verdict;
    look_at_restrained_ |= !step.changes.empty();
    if (step.retry_after_us > 0) {
        send(prober_of(result.endpoint_id), engine::RetryAfter{result.endpoint_id, step.retry_after_us});
    }
    return std::move(step.changes);
}

// What others that depend on this endpoint want to know, and how they do when it has just begun to fail.
void Keeper::note_outcome(Watched& watched, const health::Observation& observation) {
    const bool no_answer = observation.outcome == health::Outcome::no_answer;
    const bool failed = no_answer || observation.outcome == health::Outcome::fail;
    watched.unreached = no_answer || observation.outcome == health::Outcome::own_trouble;
    if (failed == watched.failed) return;
    watched.failed = failed;
    look_at_restrained_ = true;
    if (failed) {
        watched.failing_since_us = observation.checked_at_us;
        ask_others(watched, watched.failing_since_us);
    } else if (watched.suppressed_by != 0) {
        check_soon(watched.suppressed_by, 0);  // probably it is up again as well
    }
}

std::vector<std::uint64_t> Keeper::take_answered(const engine::CheckResult& result) {
    auto asked = asked_.find(result.endpoint_id);
    if (result.request_id == 0 || asked == asked_.end()) return {};
    std::vector<std::uint64_t>& waiting = asked->second;
    auto last = std::find(waiting.begin(), waiting.end(), result.request_id);
    if (last == waiting.end()) return {};
    std::vector<std::uint64_t> answered(waiting.begin(), last + 1);
    waiting.erase(waiting.begin(), last + 1);
    if (waiting.empty()) asked_.erase(asked);
    return answered;
}

// Probers pause while there is no room for what they would find out.
void Keeper::throttle_probers() {
    const auto room = static_cast<std::size_t>(settings::max_pending_results);
    const bool full = pending_.size() + held_.size() >= (throttled_ ? room / 2 : room);
    if (full == throttled_) return;
    throttled_ = full;
    for (ProberLink& prober : probers_) send(prober, engine::SetAccepting{!throttled_});
}

}  // namespace pulsimo::worker
