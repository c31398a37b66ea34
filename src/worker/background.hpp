// What launcher, keeper and prober share as background workers.
#pragma once

#include <cstdint>

#include "pg/postgres.hpp"

extern "C" {
#include "postmaster/bgworker.h"
}

namespace pulsimo::worker {

inline constexpr const char* kLauncherType = "pulsimo launcher";
inline constexpr const char* kKeeperType = "pulsimo keeper";
inline constexpr const char* kProberType = "pulsimo prober";

// A worker of this library, never restarted by the postmaster: whoever started it decides.
BackgroundWorker describe_worker(const char* type, const char* entry_point, Datum argument);

// First thing in a worker: signal handlers and wait events; the connection follows.
void prepare_worker();

// Once a turn: ends the process if it was asked to, reads the configuration again if that was asked for (then true).
// A cancelled query is nobody's business here: there is none.
bool handle_signals();

// When to try something again that keeps failing: after `first`, doubling to `longest`. What ran for a minute before it
// failed counts as new. All times in microseconds on the monotonic clock.
class Backoff {
  public:
    explicit Backoff(std::int64_t first_us = 1'000'000, std::int64_t longest_us = 60'000'000)
        : first_us_(first_us), longest_us_(longest_us) {}

    void started(std::int64_t now_us) { started_us_ = now_us; }
    void failed(std::int64_t now_us);
    void reset() { *this = Backoff(first_us_, longest_us_); }
    bool over(std::int64_t now_us) const { return now_us >= not_before_us_; }
    std::int64_t not_before_us() const { return not_before_us_; }

  private:
    std::int64_t first_us_;
    std::int64_t longest_us_;
    int failures_ = 0;
    std::int64_t started_us_ = 0;
    std::int64_t not_before_us_ = 0;
};

}  // namespace pulsimo::worker
