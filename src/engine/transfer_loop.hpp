// libcurl's multi interface on our reactor: it tells which sockets and which time it waits for, we tell it what
// happened.
//
// Its callbacks only note things. Whoever waits for a transfer is called from process(), outside of libcurl, and may
// there add and remove transfers as it likes.
#pragma once

#include <memory>

#include "engine/curl_check.hpp"
#include "engine/reactor.hpp"

namespace pulsimo::engine {

// Who waits for a transfer; CURLOPT_PRIVATE of its handle.
class Transfer {
  public:
    virtual void transfer_ended(CURLcode code) = 0;
    // The kernel refused to watch its socket, so it will never end by itself. Called inside libcurl: only note it.
    virtual void transfer_lost() noexcept = 0;

  protected:
    ~Transfer() = default;
};

class TransferLoop final : public ReadyHandler {
  public:
    explicit TransferLoop(Reactor& reactor);

    void add(CURL* easy, Transfer& transfer);
    void remove(CURL* easy) noexcept;  // no call follows

    // Lets libcurl do what is due and calls those whose transfers ended.
    void process();
    bool has_work() const noexcept { return due_now_; }

    void ready(int fd, std::uint32_t events) override;

  private:
    struct Cleanup {
        void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
    };

    static int socket_changed(CURL* easy, curl_socket_t socket, int what, void* self, void* unused) noexcept;
    static int timer_changed(CURLM* multi, long timeout_ms, void* self) noexcept;

    Reactor& reactor_;
    Timer timer_;
    bool due_now_ = false;
    std::unique_ptr<CURLM, Cleanup> multi_;  // dies first, it still calls back then
};

}  // namespace pulsimo::engine
