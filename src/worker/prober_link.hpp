// A keeper's end of one prober: its process, its queues, and starting it again when it ends.
#pragma once

#include <memory>

#include "worker/background.hpp"
#include "worker/channel.hpp"
#include "worker/prober.hpp"

namespace pulsimo::worker {

class ProberLink {
  public:
    ProberLink(int slot, int number) : slot_(slot), number_(number) {}
    ~ProberLink() { stop(); }
    ProberLink(ProberLink&&) noexcept = default;

    // Starts the prober if none runs and the backoff is over. True when a new one was started: it knows no endpoint.
    bool ensure_running(std::int64_t now_us);

    // Leaves the queues; a prober without its keeper ends by itself, and nobody needs to wait for it.
    void stop();

    bool running() const { return channel_ != nullptr; }
    Channel& channel() { return *channel_; }
    std::int64_t next_start_us() const { return backoff_.not_before_us(); }

  private:
    bool start(std::int64_t now_us);
    bool ended() const;

    int slot_;
    int number_;
    std::unique_ptr<Channel> channel_;
    BackgroundWorkerHandle* handle_ = nullptr;
    Backoff backoff_;
    bool complained_ = false;
};

}  // namespace pulsimo::worker
