#include "engine/scheduler.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "engine/schedule.hpp"

namespace pulsimo::engine {

namespace {

constexpr std::int64_t kLookAtWallClockUs = 60'000'000;
// Two clocks cannot be read at once, so a smaller difference does not mean that one was set.
constexpr std::int64_t kSameTimeUs = 1000;

}  // namespace

void Scheduler::configure(Limits limits) {
    limits_ = limits;
    for (auto& [name, host] : hosts_) promote(*host);
}

void Scheduler::set_wall_clock(std::int64_t wall_us, std::int64_t now_us) {
    if (look_at_wall_clock_us_ <= now_us) look_at_wall_clock_us_ = now_us + kLookAtWallClockUs;
    const std::int64_t ahead_us = wall_us - now_us;
    if (std::abs(ahead_us - wall_ahead_us_) <= kSameTimeUs) return;
    const bool set_back = ahead_us < wall_ahead_us_;
    std::vector<Entry*> planned;
    for (auto& [id, entry] : entries_) {
        if (entry->cron == nullptr) continue;
        // What stands in line has left the plan for its run, which would come again.
        if (set_back && entry->in_line() && entry->by_slot) count_slots(*entry, now_us, true);
        if (entry->state == State::planned) planned.push_back(entry.get());
    }
    wall_ahead_us_ = ahead_us;
    for (Entry* entry : planned) replan(*entry, now_us);
}

void Scheduler::upsert(std::int64_t id, std::int64_t interval_us, const std::string& host_name, std::int64_t now_us,
                       std::shared_ptr<const CronSchedule> cron) {
    std::unique_ptr<Entry>& entry = entries_[id];
    const bool added = entry == nullptr;
    if (added) {
        entry = std::make_unique<Entry>();
        entry->id = id;
    }
    const bool slots_changed = entry->interval_us != interval_us || entry->cron != cron;
    if (slots_changed) {
        if (!added) count_slots(*entry, now_us, false);
        cron_entries_ += (cron != nullptr ? 1 : 0) - (entry->cron != nullptr ? 1 : 0);
        entry->interval_us = interval_us;
        entry->cron = std::move(cron);
        entry->counted_to_us = entry->cron != nullptr ? now_us + wall_ahead_us_ : now_us;
    }
    Host* old_host = std::exchange(entry->host, join_host(host_name));
    if (old_host != nullptr) {
        --old_host->members;
        if (entry->in_line() && old_host != entry->host) {
            leave_line(*entry);
            line_up(*entry, entry->was_due_us);
        }
        forget_if_unused(old_host);
    }
    if (slots_changed && entry->state == State::planned) replan(*entry, now_us);
}

void Scheduler::remove(std::int64_t id) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    planned_.erase(*entry);
    if (entry->state == State::running) {
        --running_;
        give_claim_back(*entry);
    } else if (entry->state != State::planned) {
        leave_line(*entry);
    }
    --entry->host->members;
    forget_if_unused(entry->host);
    if (entry->cron != nullptr) --cron_entries_;
    entries_.erase(id);
}

bool Scheduler::request(std::int64_t id, std::uint64_t request_id, std::int64_t now_us) {
    Entry* entry = find(id);
    if (entry == nullptr) return false;
    entry->request_id = request_id;
    if (entry->state == State::running) return true;
    entry->by_slot = false;
    if (entry->state == State::planned) {
        planned_.erase(*entry);
        line_up(*entry, now_us);
    }
    return true;
}

void Scheduler::retry(std::int64_t id, std::int64_t due_us) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    if (entry->state == State::running) {
        entry->retry_us = std::min(entry->retry_us, due_us);
    } else if (entry->state != State::planned) {
        entry->by_slot = false;
    } else if (due_us < entry->due_us()) {
        entry->by_slot = false;
        planned_.set(*entry, due_us);
    }
}

bool Scheduler::collect(std::int64_t now_us, int budget) {
    for (; budget > 0; --budget) {
        Entry* entry = planned_.first();
        if (entry == nullptr || entry->due_us() > now_us) return true;
        planned_.erase(*entry);
        const bool too_late = now_us - entry->due_us() > limits_.late_limit_us;
        if (entry->by_slot && (too_late || !accepting_)) {
            count_slots(*entry, now_us, false);
            plan(*entry, now_us);
        } else {
            line_up(*entry, entry->due_us());
        }
    }
    return false;
}

std::optional<Scheduler::Start> Scheduler::start_next(std::int64_t now_us, int& budget) {
    for (; can_start() && budget > 0; --budget) {
        Entry& entry = *ready_.begin()->second;
        if (entry.by_slot && now_us - entry.was_due_us > limits_.late_limit_us) {
            leave_line(entry);
            count_slots(entry, now_us, false);
            plan(entry, now_us);
            continue;
        }
        ready_.erase(ready_.begin());
        --waiting_;
        ++running_;
        entry.state = State::running;
        count_slots(entry, now_us, true);
        --budget;
        return Start{.endpoint_id = entry.id, .due_us = entry.was_due_us};
    }
    return std::nullopt;
}

Scheduler::Finished Scheduler::finished(std::int64_t id, std::int64_t now_us) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->state != State::running) return {};
    --running_;
    give_claim_back(*entry);
    count_slots(*entry, now_us, false);
    plan(*entry, now_us);
    return {.skipped = std::exchange(entry->skipped, 0), .request_id = std::exchange(entry->request_id, 0)};
}

std::int64_t Scheduler::next_due_us() const noexcept {
    const Entry* first = planned_.first();
    const std::int64_t due_us = first == nullptr ? INT64_MAX : first->due_us();
    return cron_entries_ == 0 ? due_us : std::min(due_us, look_at_wall_clock_us_);
}

Scheduler::Entry* Scheduler::find(std::int64_t id) const noexcept {
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second.get();
}

Scheduler::Host* Scheduler::join_host(const std::string& name) {
    std::unique_ptr<Host>& host = hosts_[name];
    if (host == nullptr) {
        host = std::make_unique<Host>();
        host->name = name;
    }
    ++host->members;
    return host.get();
}

// A running check may hold a claim on a host that its endpoint has left since.
void Scheduler::forget_if_unused(Host* host) {
    if (host->members == 0 && host->claims == 0 && host->queue.empty()) hosts_.erase(std::string(host->name));
}

// After its slots have changed; a retry that is planned stays.
void Scheduler::replan(Entry& entry, std::int64_t now_us) {
    if (!entry.by_slot) entry.retry_us = entry.due_us();
    plan(entry, now_us);
}

void Scheduler::plan(Entry& entry, std::int64_t now_us) {
    const std::int64_t slot_us = next_slot(entry, now_us);
    const std::int64_t retry_us = std::exchange(entry.retry_us, INT64_MAX);
    entry.state = State::planned;
    entry.by_slot = slot_us <= retry_us;
    planned_.set(entry, std::min(slot_us, retry_us));
}

void Scheduler::line_up(Entry& entry, std::int64_t due_us) {
    entry.was_due_us = due_us;
    entry.arrival = ++arrivals_;
    entry.claimed = entry.host;
    ++waiting_;
    if (entry.host->claims < limits_.max_running_per_host) {
        make_ready(entry);
    } else {
        entry.state = State::queued;
        entry.host->queue.push_back(&entry);
    }
}

void Scheduler::make_ready(Entry& entry) {
    ++entry.claimed->claims;
    entry.state = State::ready;
    ready_.emplace(entry.arrival, &entry);
}

void Scheduler::leave_line(Entry& entry) {
    --waiting_;
    if (entry.state == State::ready) {
        ready_.erase(entry.arrival);
        give_claim_back(entry);
    } else {
        std::erase(entry.claimed->queue, &entry);
        entry.claimed = nullptr;
    }
}

void Scheduler::give_claim_back(Entry& entry) {
    Host* host = std::exchange(entry.claimed, nullptr);
    --host->claims;
    promote(*host);
    forget_if_unused(host);
}

void Scheduler::promote(Host& host) {
    while (!host.queue.empty() && host.claims < limits_.max_running_per_host) {
        Entry* entry = host.queue.front();
        host.queue.pop_front();
        make_ready(*entry);
    }
}

// With cron it is the first run that is not accounted for: one that is past when the clock was set forward.
std::int64_t Scheduler::next_slot(Entry& entry, std::int64_t now_us) const {
    if (entry.cron == nullptr) return next_slot_us(entry.id, entry.interval_us, now_us);
    const std::int64_t wall_us = now_us + wall_ahead_us_;
    const bool set_far_back = entry.counted_to_us - wall_us >= entry.cron->shortest_spacing_us();
    if (set_far_back) entry.counted_to_us = wall_us;
    const auto run_us = entry.cron->next_run_us(entry.counted_to_us);
    return run_us ? *run_us - wall_ahead_us_ : INT64_MAX;
}

// A check that starts serves one of the slots that have come since; all others are left out for good.
void Scheduler::count_slots(Entry& entry, std::int64_t to_us, bool one_is_served) {
    const std::int64_t passed = slots_passed(entry, to_us);
    if (passed == 0) return;
    const std::int64_t slots = passed - (one_is_served ? 1 : 0);
    const std::int64_t room = INT32_MAX - std::int64_t{entry.skipped};
    entry.skipped += static_cast<std::int32_t>(std::min(slots, room));
    skipped_ += slots;
}

// Since they were counted last; from now on they are.
std::int64_t Scheduler::slots_passed(Entry& entry, std::int64_t to_us) const {
    if (entry.cron != nullptr) to_us += wall_ahead_us_;
    if (to_us <= entry.counted_to_us) return 0;
    const std::int64_t from_us = std::exchange(entry.counted_to_us, to_us);
    if (entry.cron != nullptr) return entry.cron->count_runs(from_us, to_us);
    const std::int64_t first = next_slot_us(entry.id, entry.interval_us, from_us);
    return first > to_us ? 0 : 1 + (to_us - first) / entry.interval_us;
}

}  // namespace pulsimo::engine
