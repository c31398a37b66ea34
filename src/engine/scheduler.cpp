#include "engine/scheduler.hpp"

#include <algorithm>

#include "engine/schedule.hpp"

namespace pulsimo::engine {

void Scheduler::configure(Limits limits) {
    limits_ = limits;
    for (auto& [name, host] : hosts_) promote(*host);
}

void Scheduler::upsert(std::int64_t id, std::int64_t interval_us, const std::string& host_name, std::int64_t now_us) {
    std::unique_ptr<Entry>& entry = entries_[id];
    const bool added = entry == nullptr;
    if (added) {
        entry = std::make_unique<Entry>();
        entry->id = id;
    }
    const bool interval_changed = entry->interval_us != interval_us;
    if (interval_changed) {
        if (!added) count_slots(*entry, now_us, false);
        entry->interval_us = interval_us;
        entry->counted_to_us = now_us;
    }
    Host* old_host = std::exchange(entry->host, join_host(host_name));
    if (old_host != nullptr) {
        --old_host->members;
        const bool in_line = entry->state == State::queued || entry->state == State::ready;
        if (in_line && old_host != entry->host) {
            leave_line(*entry);
            line_up(*entry, entry->was_due_us);
        }
        forget_if_unused(old_host);
    }
    if (interval_changed && entry->state == State::planned) {
        if (!entry->by_slot) entry->retry_us = entry->due_us();
        plan(*entry, now_us);
    }
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
    return first == nullptr ? INT64_MAX : first->due_us();
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

void Scheduler::plan(Entry& entry, std::int64_t now_us) {
    const std::int64_t slot_us = next_slot_us(entry.id, entry.interval_us, now_us);
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

// A check that starts serves one of the slots that have come since; all others are left out for good.
void Scheduler::count_slots(Entry& entry, std::int64_t to_us, bool one_is_served) noexcept {
    const std::int64_t first = next_slot_us(entry.id, entry.interval_us, entry.counted_to_us);
    entry.counted_to_us = std::max(entry.counted_to_us, to_us);
    if (first > to_us) return;
    const std::int64_t slots = 1 + (to_us - first) / entry.interval_us - (one_is_served ? 1 : 0);
    const std::int64_t room = INT32_MAX - std::int64_t{entry.skipped};
    entry.skipped += static_cast<std::int32_t>(std::min(slots, room));
    skipped_ += slots;
}

}  // namespace pulsimo::engine
