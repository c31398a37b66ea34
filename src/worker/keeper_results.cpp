// The keeper's way from results to rows.

#include <algorithm>

#include "engine/wire.hpp"
#include "worker/check_requests.hpp"
#include "worker/keeper.hpp"

#include "pg/guard.hpp"

namespace pulsimo::worker {

namespace {

health::Outcome outcome_of(const engine::CheckResult& result) {
    switch (result.error) {
        case engine::ErrorClass::none: return health::Outcome::pass;
        case engine::ErrorClass::timeout: return health::Outcome::timed_out;
        case engine::ErrorClass::internal: return health::Outcome::own_trouble;
        default: return health::Outcome::fail;
    }
}

// SQLSTATE classes 22 and 23, and P0 of a trigger that says no: what is being written is at fault, and trying again
// will not help.
bool is_refusal_of_data(int sqlstate) {
    const int category = ERRCODE_TO_CATEGORY(sqlstate);
    return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
           category == ERRCODE_PLPGSQL_ERROR;
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
    urgent_ |= !step.changes.empty() || result.request_id != 0;
    if (pending_.empty()) oldest_pending_us_ = clock_.monotonic_us();
    pending_.push_back({std::move(result), step.verdict, std::move(step.changes), certificate_changed});
}

bool Keeper::batch_is_due() const {
    if (pending_.empty()) return false;
    const std::int64_t now = clock_.monotonic_us();
    if (!write_backoff_.over(now)) return false;
    return urgent_ || pending_.size() >= static_cast<std::size_t>(settings::batch_size) ||
           now >= oldest_pending_us_ + std::int64_t{settings::batch_delay_ms} * 1000;
}

void Keeper::write_batches() {
    if (!batch_is_due()) return;
    while (!pending_.empty()) {
        const std::size_t most = one_by_one_ ? 1 : static_cast<std::size_t>(settings::batch_size);
        const std::size_t length = std::min(pending_.size(), most);
        std::span<const Pending> batch(pending_.data(), length);
        if (auto failure = attempt([&] { store_.write(batch); })) {
            write_failed(length, *failure);
            return;
        }
        written(batch);
        pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(length));
        slot_.keeper.checks += static_cast<std::int64_t>(length);
        write_backoff_.reset();
        if (!last_complaint_.empty()) pg::call([] { ereport(LOG, (errmsg("pulsimo writes results again"))); });
        last_complaint_.clear();
    }
    urgent_ = one_by_one_ = false;
}

void Keeper::written(std::span<const Pending> batch) {
    for (const Pending& pending : batch) {
        if (pending.result.request_id != 0) answer_request(slot_, pending.result, pending.verdict);
        if (!refused_.empty()) refused_.erase(pending.result.endpoint_id);
    }
}

// A batch that the tables refuse for what it contains is tried again result by result, and the one at fault dropped.
void Keeper::write_failed(std::size_t length, const pg::Failure& failure) {
    if (!is_refusal_of_data(failure.sqlstate)) {
        complain("write results", failure);
        write_backoff_.failed(clock_.monotonic_us());
    } else if (length > 1) {
        one_by_one_ = true;
    } else {
        drop_first(failure);
    }
}

// The tables know nothing of what they refused, nor of the change of status that it may have caused. So we go on from
// what they do know: an outage whose begin was refused is then told with the next result.
void Keeper::drop_first(const pg::Failure& failure) {
    const std::int64_t endpoint_id = pending_.front().result.endpoint_id;
    if (refused_.insert(endpoint_id).second) {
        pg::call([&] {
            ereport(LOG, (errcode(failure.sqlstate),
                          errmsg("pulsimo drops results of endpoint %lld that cannot be stored: %s",
                                 static_cast<long long>(endpoint_id), failure.message)));
        });
    }
    pending_.erase(pending_.begin());
    slot_.keeper.skipped++;
    auto place = watched_.find(endpoint_id);
    if (place == watched_.end()) return;
    place->second.state = {};
    wishes_.changed.push_back(endpoint_id);
}

// Probers pause while there is no room for what they would find out.
void Keeper::throttle_probers() {
    const auto room = static_cast<std::size_t>(settings::max_pending_results);
    const bool full = pending_.size() >= (throttled_ ? room / 2 : room);
    if (full == throttled_) return;
    throttled_ = full;
    for (ProberLink& prober : probers_) send(prober, engine::SetAccepting{!throttled_});
}

}  // namespace pulsimo::worker
