#include "engine/transfer_loop.hpp"

#include <sys/epoll.h>

namespace pulsimo::engine {

namespace {

// Connections that wait to be used again (option reuse_connection). libcurl's default depends on how many transfers
// happen to run, and would close nearly all of them in a quiet moment.
constexpr long kIdleConnections = 1000;

template <class Value>
void set_multi(CURLM* multi, CURLMoption option, Value value) {
    check(curl_multi_setopt(multi, option, value), "curl_multi_setopt");
}

}  // namespace

TransferLoop::TransferLoop(Reactor& reactor)
    : reactor_(reactor),
      timer_(reactor, [this] { due_now_ = true; }),
      multi_(check_created(curl_multi_init(), "curl_multi_init")) {
    CURLM* multi = multi_.get();
    set_multi(multi, CURLMOPT_SOCKETFUNCTION, &socket_changed);
    set_multi(multi, CURLMOPT_SOCKETDATA, this);
    set_multi(multi, CURLMOPT_TIMERFUNCTION, &timer_changed);
    set_multi(multi, CURLMOPT_TIMERDATA, this);
    set_multi(multi, CURLMOPT_MAXCONNECTS, kIdleConnections);
    // Two checks on one HTTP/2 connection would measure each other.
    set_multi(multi, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
}

void TransferLoop::add(CURL* easy, Transfer& transfer) {
    set_option(easy, CURLOPT_PRIVATE, static_cast<void*>(&transfer));
    check(curl_multi_add_handle(multi_.get(), easy), "curl_multi_add_handle");
}

void TransferLoop::remove(CURL* easy) noexcept {
    curl_multi_remove_handle(multi_.get(), easy);
}

void TransferLoop::process() {
    int running = 0;
    if (due_now_) {
        due_now_ = false;
        check(curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running), "curl_multi_socket_action");
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode code = message->data.result;  // the message dies with the handle's removal
        CURL* easy = message->easy_handle;
        auto* transfer = reinterpret_cast<Transfer*>(info<char*>(easy, CURLINFO_PRIVATE));
        remove(easy);
        transfer->transfer_ended(code);
    }
}

void TransferLoop::ready(int fd, std::uint32_t events) {
    int happened = 0;
    if ((events & EPOLLIN) != 0) happened |= CURL_CSELECT_IN;
    if ((events & EPOLLOUT) != 0) happened |= CURL_CSELECT_OUT;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) happened |= CURL_CSELECT_ERR;
    int running = 0;
    check(curl_multi_socket_action(multi_.get(), fd, happened, &running), "curl_multi_socket_action");
}

// Failure is told to the transfer, not to libcurl, which would give up on all transfers.
int TransferLoop::socket_changed(CURL* easy, curl_socket_t socket, int what, void* self, void*) noexcept {
    auto& loop = *static_cast<TransferLoop*>(self);
    if (what == CURL_POLL_REMOVE) {
        loop.reactor_.unwatch(socket);
        return 0;
    }
    try {
        const std::uint32_t events =
            ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u);
        loop.reactor_.watch(socket, events, loop);
    } catch (...) {
        char* transfer = nullptr;
        if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer) == CURLE_OK && transfer != nullptr) {
            reinterpret_cast<Transfer*>(transfer)->transfer_lost();
        }
    }
    return 0;
}

int TransferLoop::timer_changed(CURLM*, long timeout_ms, void* self) noexcept {
    auto& loop = *static_cast<TransferLoop*>(self);
    loop.timer_.cancel();
    loop.due_now_ = timeout_ms == 0;
    if (timeout_ms <= 0) return 0;
    try {
        loop.timer_.set(loop.reactor_.clock().monotonic_us() + std::int64_t{timeout_ms} * 1000);
    } catch (...) {
        loop.due_now_ = true;  // early is harmless
    }
    return 0;
}

}  // namespace pulsimo::engine
