#include "worker/prober_link.hpp"

#include "worker/shared.hpp"

#include "pg/guard.hpp"

namespace pulsimo::worker {

bool ProberLink::ensure_running(std::int64_t now_us) {
    if (running() && ended()) {
        pg::call([] { ereport(LOG, (errmsg("pulsimo prober ended, starting another"))); });
        shared()->slots[slot_].probers[number_].restarts++;
        stop();
        backoff_.failed(now_us);
    }
    return !running() && backoff_.over(now_us) && start(now_us);
}

bool ProberLink::ended() const {
    pid_t pid = 0;
    return channel_->broken() || GetBackgroundWorkerPid(handle_, &pid) == BGWH_STOPPED;
}

bool ProberLink::start(std::int64_t now_us) {
    channel_ = std::make_unique<Channel>();
    ProberStart start = {slot_, number_, channel_->handle()};
    BackgroundWorker worker = describe_worker(kProberType, kProberEntryPoint, Datum(0));
    memcpy(worker.bgw_extra, &start, sizeof start);
    bool started = pg::call([&] { return RegisterDynamicBackgroundWorker(&worker, &handle_); });
    if (started) {
        channel_->expect(handle_);
        backoff_.started(now_us);
        complained_ = false;
        return true;
    }
    channel_.reset();
    backoff_.failed(now_us);
    remember_error(shared()->slots[slot_].keeper_error, "cannot start a prober: out of background worker slots");
    if (!complained_) {
        pg::call([] {
            ereport(LOG, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                          errmsg("pulsimo cannot start a prober: out of background worker slots"),
                          errhint("Consider increasing max_worker_processes.")));
        });
    }
    complained_ = true;
    return false;
}

void ProberLink::stop() {
    if (!running()) return;
    channel_.reset();
    pfree(handle_);
    handle_ = nullptr;
}

}  // namespace pulsimo::worker
