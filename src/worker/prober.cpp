// The prober: all sockets, no tables. Started by a keeper, ends with it.
//
// It is connected to the shared catalogs only, so that pg_stat_activity shows it; it never opens a transaction. One
// wait covers everything: the latch (commands, signals) and the engine's descriptor (sockets, timers).
//
// Results leave together, for each message wakes the keeper and becomes a transaction, which costs as much as many rows.
// What somebody may be waiting for leaves at once: a failure, the first success after one, the answer to a check_now().
// The rest leaves with it, or after pulsimo.batch_delay.

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>

#include "engine/clock.hpp"
#include "engine/engine.hpp"
#include "engine/file_limit.hpp"
#include "engine/wire.hpp"
#include "worker/background.hpp"
#include "worker/channel.hpp"
#include "worker/prober.hpp"
#include "worker/shared.hpp"

#include "pg/compat.hpp"
#include "pg/encoding.hpp"
#include "pg/guard.hpp"
#include "pg/time_zone.hpp"

extern "C" {
#include "libpq/pqsignal.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/dsm.h"
#include "utils/backend_status.h"
}

namespace pulsimo::worker {

namespace {

// Files that a prober needs besides the sockets of its checks.
constexpr int kOtherFiles = 64;
// Messages taken in one turn, so that a flood of commands does not delay running checks.
constexpr int kMessagesPerTurn = 16;

class Prober {
  public:
    explicit Prober(const ProberStart& start)
        : number_(start.number),
          slot_(shared()->slots[start.slot]),
          counters_(slot_.probers[start.number]),
          channel_(start.channel),
          engine_(
              clock_, settings::for_engine(), [this](engine::CheckResult&& result) { take(std::move(result)); },
              pg::find_time_zone) {
        check_file_limit();
        events_ = pg::call([] { return pg::create_wait_event_set(3); });
        pg::call([this] {
            AddWaitEventToSet(events_, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
            AddWaitEventToSet(events_, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
            AddWaitEventToSet(events_, WL_SOCKET_READABLE, engine_.fd(), nullptr, nullptr);
        });
        wait_event_ = pg::wait_event("PulsimoProberMain");
    }

    // Until the keeper is gone.
    void run() {
        while (!channel_.broken()) {
            if (pg::call([] { return handle_signals(); })) configure();
            take_commands();
            engine_.set_accepting(may_accept_ && !channel_.crowded());
            engine_.run();
            send_results();
            publish();
            if (!more_commands_ && !channel_.broken()) wait();
        }
    }

  private:
    void take(engine::CheckResult&& result) {
        if (send_at_us_ == INT64_MAX) {
            send_at_us_ = clock_.monotonic_us() + std::int64_t{settings::batch_delay_ms} * 1000;
        }
        const bool failed = result.error != engine::ErrorClass::none;
        if (failed) failing_.insert(result.endpoint_id);
        const bool recovered = !failed && failing_.erase(result.endpoint_id) > 0;
        if (failed || recovered || result.request_id != 0) send_at_us_ = 0;
        // Thousands may fail in one moment. What a check saw is worth less than that it failed.
        if (channel_.loaded()) result.excerpt.clear();
        engine::append(channel_.message(), result);
        channel_.next_message();
        // Read in any database, so only what every encoding has.
        if (result.error == engine::ErrorClass::internal) {
            remember_error(slot_.prober_errors[number_], pg::from_utf8(result.detail).c_str());
        }
    }

    void send_results() {
        if (send_at_us_ > clock_.monotonic_us() && !channel_.waiting()) return;
        send_at_us_ = INT64_MAX;
        channel_.flush();
    }

    void take_commands() {
        more_commands_ = true;
        for (int i = 0; i < kMessagesPerTurn && more_commands_; i++) {
            std::span<const char> message = channel_.receive();
            more_commands_ = !message.empty();
            if (!more_commands_) break;
            for (const engine::Command& command : engine::decode_commands(message)) {
                std::visit([this](const auto& each) { obey(each); }, command);
            }
        }
    }

    void obey(const engine::Upsert& command) { engine_.upsert(command.config); }
    void obey(const engine::Remove& command) {
        engine_.remove(command.endpoint_id);
        failing_.erase(command.endpoint_id);
    }
    void obey(const engine::RetryAfter& command) { engine_.retry_after(command.endpoint_id, command.delay_us); }
    void obey(const engine::SetAccepting& command) { may_accept_ = command.accepting; }
    void obey(const engine::CheckNow& command) { engine_.check_now(command.endpoint_id, command.request_id); }

    void configure() {
        engine_.configure(settings::for_engine());
        check_file_limit();
    }

    void check_file_limit() {
        const auto needed = std::int64_t{settings::max_running_probes} + kOtherFiles;
        const std::int64_t available = engine::raise_open_file_limit(needed);
        if (std::exchange(files_needed_, needed) == needed || available >= needed) return;
        pg::call([&] {
            ereport(LOG, (errmsg("pulsimo prober may open %lld files, pulsimo.max_running_probes needs %lld",
                                 static_cast<long long>(available), static_cast<long long>(needed)),
                          errhint("Raise the limit of open files of the server, or lower pulsimo.max_running_probes.")));
        });
    }

    void publish() {
        const engine::EngineStats& stats = engine_.stats();
        counters_.endpoints = stats.endpoints;
        counters_.running = stats.running;
        counters_.queued = stats.waiting;
        counters_.checks = stats.checks;
        counters_.failures = stats.failures;
        counters_.skipped = stats.skipped;
        counters_.last_lateness_us = stats.last_lateness_us;
        counters_.max_lateness_us = stats.max_lateness_us;
    }

    void wait() {
        long timeout_ms = -1;
        if (send_at_us_ != INT64_MAX) {
            const std::int64_t left_us = std::max<std::int64_t>(send_at_us_ - clock_.monotonic_us(), 0);
            timeout_ms = static_cast<long>(left_us / 1000 + 1);
        }
        pg::call([&] {
            WaitEvent occurred[3];
            int count = WaitEventSetWait(events_, timeout_ms, occurred, 3, wait_event_);
            for (int i = 0; i < count; i++) {
                if ((occurred[i].events & WL_LATCH_SET) != 0) ResetLatch(MyLatch);
            }
        });
    }

    const int number_;
    DatabaseSlot& slot_;
    ProcessCounters& counters_;
    Channel channel_;
    engine::SystemClock clock_;
    engine::Engine engine_;
    WaitEventSet* events_ = nullptr;
    uint32 wait_event_ = 0;
    bool more_commands_ = false;
    std::int64_t send_at_us_ = INT64_MAX;  // when the results that are held back leave
    std::unordered_set<std::int64_t> failing_;  // endpoints whose last check failed
    std::int64_t files_needed_ = 0;  // when that was looked at last, so that each shortage is told once
    bool may_accept_ = true;  // as far as the keeper is concerned
};

// Another prober may have taken over the number already.
void clear_pid(int /*code*/, Datum counters) {
    int own_pid = MyProcPid;
    reinterpret_cast<ProcessCounters*>(DatumGetPointer(counters))->pid.compare_exchange_strong(own_pid, 0);
}

}  // namespace

}  // namespace pulsimo::worker

PULSIMO_EXPORT void pulsimo_prober_main(Datum /*argument*/) {
    using namespace pulsimo;
    using namespace pulsimo::worker;

    prepare_worker();
    ProberStart start;
    memcpy(&start, MyBgworkerEntry->bgw_extra, sizeof start);
    ProcessCounters& counters = shared()->slots[start.slot].probers[start.number];
    counters.pid = MyProcPid;
    before_shmem_exit(clear_pid, PointerGetDatum(&counters));
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pgstat_report_appname(kProberType);
    pgstat_report_activity(STATE_IDLE, nullptr);

    pg::entry([&] {
        Prober(start).run();
        return Datum(0);
    });
}
