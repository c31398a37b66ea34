// The launcher: one per cluster, connected to no database. Its only job is that every monitored database has a keeper.
//
// Life of a slot (DatabaseSlot, shared.hpp), as the launcher sees it:
//
//            claim_slot()                register                  postmaster: started
//   free ----------------> wanted ----------------> keeper_exists ----------------.
//    ^  session: start()     ^                            | ended                 |
//    |  launcher: scouting   |  backoff                   v                       |
//    |                       +------- still wanted -------+ <---------------------'
//    +------------------------------- not wanted ---------+
//
//  - After a start of the server the launcher does not know which databases have the extension, so it scouts: it starts
//    a keeper in every database, one after the other, and the keeper leaves again where there is nothing to do.
//  - A keeper that leaves by itself clears `wanted` first. One that ends otherwise is started again, later each time.
//  - suspensions: some session's DDL needs the database to itself. No keeper starts, and one that does not leave
//    by itself within a second is terminated.

#include <algorithm>
#include <csignal>
#include <vector>

#include "engine/clock.hpp"
#include "worker/background.hpp"
#include "worker/launcher.hpp"
#include "worker/shared.hpp"

#include "pg/compat.hpp"
#include "pg/guard.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/procarray.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace pulsimo::worker {

namespace {

constexpr std::int64_t kSuspendGraceUs = 1'000'000;
constexpr int kMaxScouts = 4;  // databases visited at the same time after a start

// What only the launcher knows about a slot.
struct Child {
    BackgroundWorkerHandle* handle = nullptr;
    Backoff backoff;
    std::int64_t suspended_since_us = 0;
};

struct Database {
    Oid oid;
    bool connectable;
};

// All databases but half-dropped ones. Nobody is monitored in a template: its copies would be born with a keeper in it.
std::vector<Database> list_databases() {
    Database* found = nullptr;
    int count = 0;
    pg::call([&] {
        MemoryContext caller = CurrentMemoryContext;
        int room = 64;
        found = static_cast<Database*>(palloc(room * sizeof(Database)));
        StartTransactionCommand();
        (void)GetTransactionSnapshot();
        Relation relation = table_open(DatabaseRelationId, AccessShareLock);
        TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
        while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
            auto* row = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
            const bool half_dropped = row->datconnlimit == -2;
            if (half_dropped) continue;
            if (count == room) found = static_cast<Database*>(repalloc(found, (room *= 2) * sizeof(Database)));
            found[count++] = {row->oid, row->datallowconn && !row->datistemplate};
        }
        table_endscan(scan);
        table_close(relation, AccessShareLock);
        CommitTransactionCommand();
        MemoryContextSwitchTo(caller);
    });
    std::vector<Database> databases(found, found + count);
    pfree(found);
    return databases;
}

class Launcher {
  public:
    Launcher() : children_(shared()->slot_count) {
        wait_event_ = pg::wait_event("PulsimoLauncherMain");
        for (const Database& database : list_databases()) {
            if (database.connectable) unvisited_.push_back(database.oid);
        }
    }

    void run() {
        for (;;) {
            pg::call([] { (void)handle_signals(); });
            const std::int64_t now = clock_.monotonic_us();
            send_scouts();
            for (int i = 0; i < shared()->slot_count; i++) attend(i, now);
            wait(now);
        }
    }

  private:
    // Claims slots for the databases that nobody has looked at since the server started.
    void send_scouts() {
        bool no_room = false;
        {
            SharedLock lock;
            int scouting = 0;
            for (int i = 0; i < shared()->slot_count; i++) scouting += shared()->slots[i].scouted ? 1 : 0;
            while (!unvisited_.empty() && scouting < kMaxScouts) {
                DatabaseSlot* slot = claim_slot(unvisited_.back());
                no_room = slot == nullptr && scouting == 0;
                if (slot == nullptr) break;
                unvisited_.pop_back();
                if (slot->wanted) continue;
                slot->wanted = slot->scouted = true;
                scouting++;
            }
        }
        if (no_room) complain_about_room_once();
    }

    void complain_about_room_once() {
        if (complained_about_room_) return;
        complained_about_room_ = true;
        pg::call([] {
            ereport(LOG, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                          errmsg("pulsimo has no room to look at all databases"),
                          errhint("Consider increasing pulsimo.max_databases.")));
        });
    }

    void attend(int index, std::int64_t now) {
        Child& child = children_[index];
        if (child.handle != nullptr) watch_keeper(index, now);
        if (child.handle == nullptr && shared()->slots[index].keeper_exists) watch_orphan(index, now);
        if (child.handle == nullptr && !shared()->slots[index].keeper_exists) consider_start(index, now);
    }

    void watch_keeper(int index, std::int64_t now) {
        Child& child = children_[index];
        pid_t pid = 0;
        if (GetBackgroundWorkerPid(child.handle, &pid) == BGWH_STOPPED) {
            keeper_ended(index, now);
        } else {
            hurry_if_suspended(index, now);
        }
    }

    // A keeper that an earlier launcher started.
    void watch_orphan(int index, std::int64_t now) {
        if (shared()->slots[index].keeper.pid == 0) {
            keeper_ended(index, now);
        } else {
            hurry_if_suspended(index, now);
        }
    }

    void keeper_ended(int index, std::int64_t now) {
        Child& child = children_[index];
        DatabaseSlot& slot = shared()->slots[index];
        if (child.handle != nullptr) pfree(child.handle);
        child.handle = nullptr;
        bool failed = false;
        {
            SharedLock lock;
            slot.keeper_exists = slot.scouted = false;
            failed = slot.wanted && slot.suspensions == 0;
            if (slot.wanted) slot.keeper.restarts++;
            if (!slot.wanted && !slot.has_prepared) slot.database = InvalidOid;
            if (!slot.wanted) child.backoff.reset();
        }
        if (failed) child.backoff.failed(now);
        SetLatch(MyLatch);  // somebody who is still unvisited may have waited for this place
        ConditionVariableBroadcast(&slot.moved);
    }

    void hurry_if_suspended(int index, std::int64_t now) {
        Child& child = children_[index];
        if (shared()->slots[index].suspensions == 0) {
            child.suspended_since_us = 0;
        } else if (child.suspended_since_us == 0) {
            child.suspended_since_us = now;
        } else if (now - child.suspended_since_us > kSuspendGraceUs) {
            terminate_keeper(index);
        }
    }

    void terminate_keeper(int index) {
        const int pid = shared()->slots[index].keeper.pid;
        if (children_[index].handle != nullptr) {
            TerminateBackgroundWorker(children_[index].handle);
        } else if (pid != 0) {
            kill(pid, SIGTERM);  // of an earlier launcher
        }
    }

    void consider_start(int index, std::int64_t now) {
        DatabaseSlot& slot = shared()->slots[index];
        Oid database = InvalidOid;
        {
            SharedLock lock;
            if (!OidIsValid(slot.database) || !slot.wanted || slot.suspensions > 0) return;
            database = slot.database;
        }
        if (!children_[index].backoff.over(now)) return;
        start_where_possible(index, database, now);
    }

    // A database that is gone gives its slot back. One that does not allow connections for now is asked again later.
    void start_where_possible(int index, Oid database, std::int64_t now) {
        std::vector<Database> databases = list_databases();
        auto found = std::find_if(databases.begin(), databases.end(), [&](const Database& d) { return d.oid == database; });
        if (found != databases.end() && found->connectable) {
            start_keeper(index, now);
        } else if (found != databases.end()) {
            children_[index].backoff.failed(now);
        } else {
            children_[index].backoff.reset();
            SharedLock lock;
            shared()->slots[index].database = InvalidOid;
            shared()->slots[index].scouted = false;
            SetLatch(MyLatch);
        }
    }

    void start_keeper(int index, std::int64_t now) {
        Child& child = children_[index];
        BackgroundWorker worker =
            describe_worker(kKeeperType, kKeeperEntryPoint, Int32GetDatum(index));
        bool started = pg::call([&] { return RegisterDynamicBackgroundWorker(&worker, &child.handle); });
        if (!started) {
            child.handle = nullptr;
            child.backoff.failed(now);
            complain_once();
            return;
        }
        complained_ = false;
        child.backoff.started(now);
        SharedLock lock;
        shared()->slots[index].keeper_exists = true;
    }

    void complain_once() {
        if (complained_) return;
        complained_ = true;
        remember_error(shared()->launcher_error, "out of background worker slots");
        pg::call([] {
            ereport(LOG, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                          errmsg("pulsimo cannot start a keeper: out of background worker slots"),
                          errhint("Consider increasing max_worker_processes.")));
        });
    }

    // Until something is due or somebody sets the latch.
    void wait(std::int64_t now) {
        long timeout_ms = -1;
        for (int i = 0; i < shared()->slot_count; i++) {
            std::int64_t due = next_turn_us(i, now);
            if (due == 0) continue;
            long ms = static_cast<long>((due - now) / 1000) + 1;
            if (timeout_ms < 0 || ms < timeout_ms) timeout_ms = ms < 1 ? 1 : ms;
        }
        pg::call([&] {
            int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout_ms >= 0 ? WL_TIMEOUT : 0);
            (void)WaitLatch(MyLatch, events, timeout_ms, wait_event_);
            ResetLatch(MyLatch);
        });
    }

    // When slot `index` needs a look without anybody asking for it; 0: never.
    std::int64_t next_turn_us(int index, std::int64_t now) const {
        const Child& child = children_[index];
        const DatabaseSlot& slot = shared()->slots[index];
        if (slot.keeper_exists) return slot.suspensions == 0 ? 0 : now + kSuspendGraceUs / 2;
        const bool to_start = OidIsValid(slot.database) && slot.wanted && slot.suspensions == 0;
        if (!to_start) return 0;
        return child.backoff.not_before_us() > now ? child.backoff.not_before_us() : now + 1;
    }

    std::vector<Child> children_;
    std::vector<Oid> unvisited_;
    engine::SystemClock clock_;
    uint32 wait_event_ = 0;
    bool complained_ = false;
    bool complained_about_room_ = false;
};

void leave_shared_memory(int /*code*/, Datum /*unused*/) {
    SharedLock lock;
    shared()->launcher_latch = nullptr;
    shared()->launcher.pid = 0;
}

void enter_shared_memory() {
    SharedLock lock;
    shared()->launcher_latch = MyLatch;
    shared()->launcher.pid = MyProcPid;
}

}  // namespace

void register_launcher() {
    BackgroundWorker worker = describe_worker(kLauncherType, "pulsimo_launcher_main", Datum(0));
    worker.bgw_restart_time = 10;
    worker.bgw_notify_pid = 0;
    RegisterBackgroundWorker(&worker);
}

}  // namespace pulsimo::worker

PULSIMO_EXPORT void pulsimo_launcher_main(Datum /*argument*/) {
    using namespace pulsimo;
    using namespace pulsimo::worker;

    prepare_worker();
    before_shmem_exit(leave_shared_memory, Datum(0));
    enter_shared_memory();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pgstat_report_appname(kLauncherType);
    pgstat_report_activity(STATE_IDLE, nullptr);

    MemoryContextSwitchTo(TopMemoryContext);
    pg::entry([] {
        Launcher().run();
        return Datum(0);
    });
}
