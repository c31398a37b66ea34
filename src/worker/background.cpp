#include "worker/background.hpp"

#include <algorithm>

extern "C" {
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
}

namespace pulsimo::worker {

BackgroundWorker describe_worker(const char* type, const char* entry_point, Datum argument) {
    BackgroundWorker worker = {};
    strlcpy(worker.bgw_name, type, BGW_MAXLEN);
    strlcpy(worker.bgw_type, type, BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, "pulsimo", BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, entry_point, BGW_MAXLEN);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    worker.bgw_main_arg = argument;
    worker.bgw_notify_pid = MyProcPid;
    return worker;
}

void prepare_worker() {
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    // A reload that came before the handler was there is lost; read once to be sure.
    ConfigReloadPending = true;
    BackgroundWorkerUnblockSignals();
}

bool handle_signals() {
    QueryCancelPending = false;
    CHECK_FOR_INTERRUPTS();
    if (!ConfigReloadPending) return false;
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
    return true;
}

void Backoff::failed(std::int64_t now_us) {
    constexpr std::int64_t minute = 60'000'000;
    constexpr int most_doublings = 20;
    if (started_us_ != 0 && now_us - started_us_ > minute) failures_ = 0;
    not_before_us_ = now_us + std::min(first_us_ << std::min(failures_, most_doublings), longest_us_);
    failures_++;
    started_us_ = 0;
}

}  // namespace pulsimo::worker
