// The baseline: what libcurl and the kernel alone take for the same requests. bare_loop URL SECONDS RUNNING [CA_FILE]
// keeps that many transfers going, each over a new connection, in a plain loop of curl_multi_socket_action() on epoll,
// with nothing scheduled, judged or stored. RUNNING may be @RATE instead: so many requests a second, one after the
// other. The requests are those of a prober to the byte: libcurl takes its time for each header. Prints: requests,
// failures, seconds, CPU microseconds.
#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::int64_t cpu_us() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000LL + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

class Loop {
  public:
    explicit Loop(const char* url, const std::string& ca) : url_(url), ca_(ca) {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        multi_ = curl_multi_init();
        curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
        curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    }

    void start(CURL* easy) {
        curl_easy_setopt(easy, CURLOPT_URL, url_);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
        if (!ca_.empty()) {
            curl_blob blob{const_cast<char*>(ca_.data()), ca_.size(), CURL_BLOB_NOCOPY};
            curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
            curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
        }
        curl_multi_add_handle(multi_, easy);
    }

    // Waits at most so long.
    void turn(int longest_ms) {
        epoll_event events[256];
        const int wait_ms = timeout_ms_ < 0 ? longest_ms : std::min(static_cast<int>(timeout_ms_), longest_ms);
        const int count = epoll_wait(epoll_, events, 256, wait_ms);
        int running = 0;
        if (count == 0 && timeout_ms_ >= 0 && wait_ms == timeout_ms_) {
            timeout_ms_ = -1;
            curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        for (int i = 0; i < count; ++i) {
            int what = 0;
            if ((events[i].events & EPOLLIN) != 0) what |= CURL_CSELECT_IN;
            if ((events[i].events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
            if ((events[i].events & (EPOLLERR | EPOLLHUP)) != 0) what |= CURL_CSELECT_ERR;
            curl_multi_socket_action(multi_, events[i].data.fd, what, &running);
        }
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
            ++requests;
            if (message->data.result != CURLE_OK) ++failures;
            CURL* easy = message->easy_handle;
            curl_multi_remove_handle(multi_, easy);
            idle.push_back(easy);
        }
    }

    std::int64_t requests = 0, failures = 0;
    std::vector<CURL*> idle;

  private:
    static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void* known) {
        auto* loop = static_cast<Loop*>(self);
        if (what == CURL_POLL_REMOVE) return epoll_ctl(loop->epoll_, EPOLL_CTL_DEL, fd, nullptr), 0;
        epoll_event event{};
        event.data.fd = fd;
        if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
        if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
        epoll_ctl(loop->epoll_, known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
        if (known == nullptr) curl_multi_assign(loop->multi_, fd, loop);
        return 0;
    }

    static int on_timer(CURLM*, long timeout_ms, void* self) {
        static_cast<Loop*>(self)->timeout_ms_ = timeout_ms;
        return 0;
    }

    static std::size_t ignore(char*, std::size_t size, std::size_t count, void*) { return size * count; }

    const char* url_;
    const std::string& ca_;
    int epoll_ = -1;
    CURLM* multi_ = nullptr;
    curl_slist* headers_ = curl_slist_append(nullptr, "User-Agent: Pulsimo");
    long timeout_ms_ = -1;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        std::fprintf(stderr, "usage: bare_loop URL SECONDS RUNNING [CA_FILE]\n");
        return 2;
    }
    std::string ca;
    if (argc > 4) {
        std::ifstream file(argv[4]);
        ca.assign(std::istreambuf_iterator<char>(file), {});
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    Loop loop(argv[1], ca);
    const double end = seconds_now() + std::atof(argv[2]);
    const double begin = seconds_now();
    const std::int64_t cpu_before_us = cpu_us();
    const bool at_rate = argv[3][0] == '@';
    const double apart = at_rate ? 1 / std::atof(argv[3] + 1) : 0;
    for (int i = 0; i < (at_rate ? 1 : std::atoi(argv[3])); ++i) loop.idle.push_back(curl_easy_init());
    for (double due = begin, now = begin; now < end; now = seconds_now()) {
        for (; !loop.idle.empty() && due <= now; due += apart) {
            loop.start(loop.idle.back());
            loop.idle.pop_back();
        }
        loop.turn(loop.idle.empty() ? 100 : static_cast<int>((due - now) * 1000) + 1);
    }
    std::printf("%lld %lld %.3f %lld\n", static_cast<long long>(loop.requests), static_cast<long long>(loop.failures),
                seconds_now() - begin, static_cast<long long>(cpu_us() - cpu_before_us));
    std::fflush(stdout);
    std::_Exit(0);  // nothing is worth being tidied up
}
