// Decides which endpoint is checked when. Knows time only as numbers handed in (CLOCK_MONOTONIC where nothing else is
// said), does no I/O.
//
//            slot comes                  both limits allow it            finished()
//   planned ------------> waiting --------------------------> running ------------> planned
//      ^                     |  started later than late_limit allows
//      +---------------------+  (or nobody takes results): the slot is skipped and counted
//
//  - An endpoint has one state, so its checks never overlap. Slots that pass while it runs are skipped and counted.
//  - A skipped slot is never made up for: the next check is at the next slot after now. After an hour of suspension
//    every endpoint therefore has at most one check before its regular rhythm, spread by its phase.
//  - Waiting is first come, first served. Whoever gets one of the claims of its host (max_running_per_host) stands in
//    the common line; whoever does not queues at the host, so a slow host never holds up the others.
//  - Retries and requests are no slots: they start as soon as the limits allow, are never skipped for being late, and
//    do not move the slots.
//  - The runs of a cron schedule are slots too, by the wall clock. It is looked at once a minute at least; when it has
//    been set, they are planned anew. No run comes twice then, and what the clock was set past is late like any slot.
//    Only when it goes back by the shortest distance between two runs or more, they begin again: nothing would be
//    checked for all that time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/cron_schedule.hpp"
#include "engine/due_heap.hpp"

namespace pulsimo::engine {

class Scheduler {
  public:
    struct Limits {
        int max_running = 1000;
        int max_running_per_host = 50;
        std::int64_t late_limit_us = 1'000'000;
    };
    struct Start {
        std::int64_t endpoint_id = 0;
        std::int64_t due_us = 0;
    };
    struct Finished {
        std::int32_t skipped = 0;      // slots left out since the last finished()
        std::uint64_t request_id = 0;  // the newest request this check answers; 0: none
    };

    explicit Scheduler(Limits limits) : limits_(limits) {}

    void configure(Limits limits);
    void set_accepting(bool accepting) noexcept { accepting_ = accepting; }
    bool accepting() const noexcept { return accepting_; }

    // What the wall clock shows at this moment; to be told before the first endpoint with a cron schedule and whenever
    // next_due_us() has come.
    void set_wall_clock(std::int64_t wall_us, std::int64_t now_us);

    // Adds the endpoint or changes it; its next check is at its next slot. `host` names whose limit it shares. The
    // interval does not count when there is a cron schedule.
    void upsert(std::int64_t id, std::int64_t interval_us, const std::string& host, std::int64_t now_us,
                std::shared_ptr<const CronSchedule> cron = nullptr);
    void remove(std::int64_t id);
    // A check as soon as possible; one that waits or runs answers the request too. False: no such endpoint.
    bool request(std::int64_t id, std::uint64_t request_id, std::int64_t now_us);
    // The next check not later than `due_us`.
    void retry(std::int64_t id, std::int64_t due_us);

    // Lines up what is due, at most `budget` endpoints; false when there may be more.
    bool collect(std::int64_t now_us, int budget);
    // The next endpoint to start; it counts as running until finished() or remove(). Every endpoint that is looked
    // at, skipped ones too, takes one from `budget`.
    std::optional<Start> start_next(std::int64_t now_us, int& budget);
    Finished finished(std::int64_t id, std::int64_t now_us);

    // When collect() or set_wall_clock() has something to do; INT64_MAX: nothing planned.
    std::int64_t next_due_us() const noexcept;
    bool can_start() const noexcept { return accepting_ && !ready_.empty() && running_ < limits_.max_running; }

    std::int64_t endpoints() const noexcept { return static_cast<std::int64_t>(entries_.size()); }
    std::int64_t running() const noexcept { return running_; }
    std::int64_t waiting() const noexcept { return waiting_; }
    std::int64_t skipped() const noexcept { return skipped_; }

  private:
    enum class State : std::uint8_t { planned, queued, ready, running };
    struct Entry;
    struct Host {
        std::string name;
        int members = 0;           // entries whose configuration names it
        int claims = 0;            // entries that are ready or running
        std::deque<Entry*> queue;  // entries that wait for a claim
    };
    struct Entry : DueItem {
        std::int64_t id = 0;
        std::int64_t interval_us = 0;
        State state = State::planned;
        bool by_slot = true;                // due because of its slot, not because of a retry or request
        std::int64_t was_due_us = 0;        // since it left the plan
        std::int64_t retry_us = INT64_MAX;  // a retry asked for while it runs
        std::int64_t counted_to_us = 0;     // the slots up to here are accounted for; wall clock with cron
        std::int32_t skipped = 0;           // slots left out since the last finished()
        std::uint64_t request_id = 0;
        std::uint64_t arrival = 0;                 // its place in the line
        Host* host = nullptr;                      // of its configuration
        Host* claimed = nullptr;                   // where it queues or holds its claim
        std::shared_ptr<const CronSchedule> cron;  // nullptr: by interval

        bool in_line() const noexcept { return state == State::queued || state == State::ready; }
    };

    Entry* find(std::int64_t id) const noexcept;
    Host* join_host(const std::string& name);
    void forget_if_unused(Host* host);
    void replan(Entry& entry, std::int64_t now_us);
    void plan(Entry& entry, std::int64_t now_us);
    void line_up(Entry& entry, std::int64_t due_us);
    void make_ready(Entry& entry);
    void leave_line(Entry& entry);
    void give_claim_back(Entry& entry);
    void promote(Host& host);
    std::int64_t next_slot(Entry& entry, std::int64_t now_us) const;
    void count_slots(Entry& entry, std::int64_t to_us, bool one_is_served);
    std::int64_t slots_passed(Entry& entry, std::int64_t to_us) const;

    Limits limits_;
    bool accepting_ = true;
    std::unordered_map<std::int64_t, std::unique_ptr<Entry>> entries_;
    std::unordered_map<std::string, std::unique_ptr<Host>> hosts_;
    DueHeap<Entry> planned_;
    std::map<std::uint64_t, Entry*> ready_;  // by arrival; each has a claim on its host
    std::uint64_t arrivals_ = 0;
    std::int64_t running_ = 0;
    std::int64_t waiting_ = 0;
    std::int64_t skipped_ = 0;
    std::int64_t cron_entries_ = 0;
    std::int64_t wall_ahead_us_ = 0;          // of the monotonic clock
    std::int64_t look_at_wall_clock_us_ = 0;  // not later than this, if there are cron entries
};

}  // namespace pulsimo::engine
