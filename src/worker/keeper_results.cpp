// The keeper's way from results to rows.

#include <algorithm>

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

}  // namespace

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
    health::Step step = health::step(watched.state,
                                     {.checked_at_us = result.started_at_us,
                                      .outcome = outcome_of(result),
                                      .response_us = result.response_us,
                                      .stall_us = result.stall_us},
                                     watched.policy);
    result.started_at_us = watched.state.last_checked_us;
    if (step.retry_after_us > 0) {
        send(prober_of(result.endpoint_id), engine::RetryAfter{result.endpoint_id, step.retry_after_us});
    }
    const bool certificate_changed =
        result.certificate_expires_at_s != 0 && (result.certificate_expires_at_s != watched.certificate_expires_at_s ||
                                                 result.certificate_issuer != watched.certificate_issuer);
    if (certificate_changed) {
        watched.certificate_expires_at_s = result.certificate_expires_at_s;
        watched.certificate_issuer = result.certificate_issuer;
    }
    std::vector<std::uint64_t> answers = take_answered(result);
    pending_.push_back(
        {std::move(result), step.verdict, std::move(step.changes), certificate_changed, std::move(answers)});
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
