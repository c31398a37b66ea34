// The keeper: one per monitored database, the only process that touches its tables.
//
// It holds every endpoint in memory, tells the probers what to probe, turns results into verdicts and writes them in
// batches. One loop does all of it; each turn handles what has come in and waits for the latch or the next deadline.
//
// When the tables cannot be written (a lock, a full disk, a read-only database) results wait in memory and are tried
// again, later each time. At pulsimo.max_pending_results the probers are told to start nothing until there is room: slots are skipped
// and counted, nothing is thrown away, and health makes the gap "unknown". A result that the tables refuse for what it
// contains is the exception: it is dropped with a log line, so that it cannot block the others.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/clock.hpp"
#include "engine/wire.hpp"
#include "worker/check_requests.hpp"
#include "worker/prober_link.hpp"
#include "worker/shared.hpp"
#include "worker/store.hpp"

namespace pulsimo::worker {

// How long a statement of the keeper waits for a lock.
inline constexpr const char* kLockTimeout = "500ms";

// SQLSTATE classes 22 and 23, and P0 of a trigger that says no: what is being written is at fault, and trying again
// will not help.
bool is_refusal_of_data(int sqlstate);

bool opens_incident(std::span<const health::Change> changes);

class Keeper {
  public:
    explicit Keeper(int slot);

    // Until there is nothing to keep: stopped, dropped, another version, or the database is needed by somebody's DDL.
    void run();

  private:
    // What keeps an endpoint that fails from being told of.
    struct Restraint {
        health::Hold hold = health::Hold::nothing;
        std::int64_t cause = 0;  // the upstream that is down; 0: none, or not known yet

        bool operator==(const Restraint&) const = default;
    };

    // What sessions have asked for.
    struct Wishes {
        bool leave = false;
        bool reread_state = false;
        bool reread_maintenance = false;
        bool reload_all = false;
        std::vector<std::int64_t> changed;

        bool reload() const { return reload_all || !changed.empty(); }
    };

    // keeper.cpp: the loop, and what it reacts to
    void look_for_prepared_transactions();
    void settle();
    void turn();
    void reconfigure();
    void take_wishes();
    bool should_stay();
    bool leave_unless_asked_again();
    void keep_probers_running();
    void take_requests();
    void forward_requests();
    void refuse_asked_of(const ProberLink& prober);
    bool has_notes() const;
    void write_notes();
    void keep_house();
    void wait();
    std::optional<pg::Failure> attempt(const std::function<void()>& work);
    void complain(const char* what, const pg::Failure& failure);

    // keeper_reload.cpp: from the tables into memory
    void reload();
    void complain_of_secrets();
    std::vector<std::int64_t> missing_from(const std::vector<Watched>& fresh) const;
    std::unordered_set<std::int64_t> with_incident_to_write() const;
    bool watch(Watched fresh, bool incident_waits);
    static bool keep_ours(const Watched& known, Watched& fresh, bool incident_waits);
    void check_soon(std::int64_t endpoint_id, std::int64_t delay_us);
    void forget(std::int64_t endpoint_id);
    void give_memory_back();

    // keeper_results.cpp: from results to verdicts
    void take_results();
    void take(engine::CheckResult&& result);
    std::vector<health::Change> judge(Watched& watched, engine::CheckResult& result, health::Status& verdict);
    void note_outcome(Watched& watched, const health::Observation& observation);
    std::vector<std::uint64_t> take_answered(const engine::CheckResult& result);
    void throttle_probers();

    // keeper_holds.cpp: dependencies, our own connectivity, maintenance
    const Watched* find(std::int64_t endpoint_id) const;
    bool waits_for(const Watched& other, std::int64_t since_us) const;
    Restraint upstream_restraint(const Watched& watched, std::int64_t checked_at_us) const;
    Restraint reference_restraint(const Watched& watched) const;
    Restraint restraint_on(const Watched& watched, std::int64_t checked_at_us) const;
    Restraint restraint_on(const Watched& watched) const;
    bool is_our_connectivity(const Watched& watched) const;
    void ask_others(const Watched& watched, std::int64_t since_us);
    void follow_up(Watched& watched, const Restraint& restraint);
    void restrain_as_before(const Watched& watched);
    void reconsider_restrained();
    void apply_maintenance();
    void tell(Watched& watched, std::vector<health::Change> changes);

    // keeper_writes.cpp: into the tables
    void write_batches();
    bool batch_is_due() const;
    std::vector<Pending> take_batch();
    std::vector<Pending> write(std::vector<Pending> batch);
    std::optional<pg::Failure> write_whole(std::span<const Pending> batch);
    std::vector<Pending> write_halves(std::vector<Pending> batch);
    std::vector<Pending> write_or_drop(std::vector<Pending> single);
    std::vector<Pending> write_around_locks(std::vector<Pending> batch);
    std::vector<Pending> write_changes(std::vector<Pending> changes);
    void hold(Pending&& pending);
    void release_held();
    void write_what_is_left();
    void drop(const Pending& pending, const pg::Failure& failure);
    void note_stored(std::span<const Pending> batch);
    void forget_changes_of_replaced();

    ProberLink& prober_of(std::int64_t endpoint_id);
    void send(ProberLink& prober, const engine::Command& command);

    const int slot_index_;
    DatabaseSlot& slot_;
    engine::SystemClock clock_;
    Store store_;
    std::vector<ProberLink> probers_;
    std::unordered_map<std::int64_t, Watched> watched_;

    std::vector<PostedRequest> requests_;  // of check_now(), not passed on yet

    // Requests of check_now() that were passed on to a prober, in their order. A check answers all that came before it
    // ended; its result names the last of them.
    std::unordered_map<std::int64_t, std::vector<std::uint64_t>> asked_;

    std::deque<Pending> pending_;
    Backoff write_backoff_{100'000, 5'000'000};
    bool throttled_ = false;
    std::vector<Pending> held_;           // changes of endpoints that somebody has locked
    std::int64_t held_until_us_ = 0;
    std::unordered_set<std::int64_t> locked_;    // endpoints of held_; not all of them were tried
    std::unordered_set<std::int64_t> suspects_;  // endpoints that were found locked and have not been written since
    std::unordered_set<std::int64_t> refused_;  // endpoints whose last result was dropped, each logged once

    // Endpoints that fail and are restrained, with what restrained them when we looked last.
    std::unordered_map<std::int64_t, Restraint> restrained_;
    bool look_at_restrained_ = false;     // an endpoint has begun or ceased to fail
    std::int64_t look_again_us_ = 0;      // at the restrained, in any case
    std::int64_t next_maintenance_us_ = 0;  // when windows begin or end next, wall clock

    std::unordered_set<std::int64_t> replaced_;  // endpoints whose waiting changes are void, while they are read

    Wishes wishes_;                       // not yet met
    Backoff reload_backoff_{100'000, 5'000'000};
    std::map<std::string, std::string, std::less<>> complaints_;  // the last of each work, so that it is logged once
    std::int64_t next_housekeeping_us_ = 0;
    std::int64_t next_notes_us_ = 0;
    bool lacks_secrets_ = false;          // since the configuration was read
    uint32 wait_event_ = 0;
    bool memory_lies_idle_ = false;       // since many endpoints were read
    bool leaving_ = false;
};

}  // namespace pulsimo::worker
