#include "unit/support/test_server.hpp"

#include <netinet/in.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <map>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "unit/support/test_connection.hpp"

namespace pulsimo::test {

namespace {

constexpr int kBacklog = 4096;

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

int listen_on(bool ipv6, std::uint16_t port, int backlog) {
    const int fd = checked(socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = in6addr_loopback;
    const int bound = ipv6 ? bind(fd, reinterpret_cast<sockaddr*>(&v6), sizeof v6)
                           : bind(fd, reinterpret_cast<sockaddr*>(&v4), sizeof v4);
    if (bound < 0 || (backlog >= 0 && listen(fd, backlog) < 0)) {
        const int error = errno;
        close(fd);
        throw std::system_error(error, std::generic_category(), "cannot listen");
    }
    return fd;
}

std::uint16_t port_of(int fd) {
    sockaddr_in6 address{};
    socklen_t length = sizeof address;
    checked(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    return ntohs(address.sin6_port);  // at the same place in sockaddr_in
}

}  // namespace

std::string Request::header(const std::string& name) const {
    const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
        return strcasecmp(header.first.c_str(), name.c_str()) == 0;
    });
    return found == headers.end() ? std::string() : found->second;
}

std::string response_head(int status, const Headers& headers) {
    std::string head = "HTTP/1.1 " + std::to_string(status) + " Answer\r\n";
    for (const auto& [name, value] : headers) head += name + ": " + value + "\r\n";
    return head + "\r\n";
}

Script respond(int status, const std::string& body, Headers headers) {
    headers.emplace_back("Content-Length", std::to_string(body.size()));
    return {Step::send(response_head(status, headers) + body)};
}

// Accepts, and drives its connections by epoll; connections that wait are woken by their time.
class TestServer::Loop {
  public:
    Loop(Handler handler, Options options)
        : handler_(std::move(handler)),
          options_(options),
          tls_(options.certificate, options.newest_tls),
          listener_(listen_on(options.ipv6, options.port, kBacklog)),
          epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
          stop_(checked(eventfd(0, EFD_CLOEXEC), "eventfd")),
          port_(port_of(listener_)) {
        watch(listener_, EPOLLIN);
        watch(stop_, EPOLLIN);
        thread_ = std::thread([this] { run(); });
    }

    ~Loop() {
        eventfd_write(stop_, 1);
        thread_.join();
        connections_.clear();
        for (const int fd : {listener_, epoll_, stop_}) close(fd);
    }

    std::uint16_t port() const noexcept { return port_; }
    const Options& options() const noexcept { return options_; }
    int accepted() const noexcept { return accepted_; }
    int most_at_once() const noexcept { return most_at_once_; }

    std::vector<Request> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

  private:
    using Clock = TestConnection::Clock;

    void watch(int fd, std::uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.fd = fd;
        checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }

    void run() {
        std::vector<epoll_event> events(256);
        for (;;) {
            const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms());
            for (int i = 0; i < count; ++i) {
                const int fd = events[static_cast<std::size_t>(i)].data.fd;
                if (fd == stop_) return;
                if (fd == listener_) {
                    accept_all();
                } else {
                    drive(fd);
                }
            }
            wake_sleepers();
        }
    }

    int timeout_ms() const {
        if (sleepers_.empty()) return -1;
        const auto left = sleepers_.begin()->first - Clock::now();
        return std::max<int>(0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    }

    void wake_sleepers() {
        while (!sleepers_.empty() && sleepers_.begin()->first <= Clock::now()) {
            const int fd = sleepers_.begin()->second;
            sleepers_.erase(sleepers_.begin());
            drive(fd);
        }
    }

    void accept_all() {
        for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
            ++accepted_;
            connections_.emplace(fd, std::make_unique<TestConnection>(fd, tls_.new_session()));
            watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
            drive(fd);
        }
    }

    // Goes on with a connection as far as it gets.
    void drive(int fd) {
        const auto found = connections_.find(fd);
        if (found == connections_.end()) return;
        TestConnection& connection = *found->second;
        const bool was_busy = connection.busy();
        const auto progress = connection.go_on([this](const Request& request) { return answer(request); });
        busy_ += (connection.busy() && progress != TestConnection::Progress::ended ? 1 : 0) - (was_busy ? 1 : 0);
        most_at_once_ = std::max<int>(most_at_once_, busy_);
        if (progress == TestConnection::Progress::ended) {
            if (connection.sleeping()) {
                std::erase_if(sleepers_, [fd](const auto& sleeper) { return sleeper.second == fd; });
            }
            connections_.erase(found);
        } else if (progress == TestConnection::Progress::sleeping) {
            sleepers_.emplace(connection.wakes_at(), fd);
        }
    }

    Script answer(const Request& request) {
        if (options_.remember) {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
        }
        return handler_(request);
    }

    Handler handler_;
    Options options_;
    TestTls tls_;
    int listener_;
    int epoll_;
    int stop_;
    std::uint16_t port_;
    std::unordered_map<int, std::unique_ptr<TestConnection>> connections_;
    std::multimap<Clock::time_point, int> sleepers_;
    int busy_ = 0;
    std::atomic<int> accepted_ = 0;
    std::atomic<int> most_at_once_ = 0;
    mutable std::mutex mutex_;
    std::vector<Request> requests_;
    std::thread thread_;
};

TestServer::TestServer(Handler handler, Options options) : loop_(std::make_unique<Loop>(std::move(handler), options)) {}
TestServer::~TestServer() = default;

std::uint16_t TestServer::port() const noexcept {
    return loop_->port();
}
std::vector<Request> TestServer::requests() const {
    return loop_->requests();
}
int TestServer::connections() const noexcept {
    return loop_->accepted();
}
int TestServer::most_at_once() const noexcept {
    return loop_->most_at_once();
}

std::string TestServer::url(const std::string& path, const std::string& host) const {
    const std::string scheme = loop_->options().certificate != nullptr ? "https://" : "http://";
    const std::string address = loop_->options().ipv6 ? "[::1]" : "127.0.0.1";
    return scheme + (host.empty() ? address : host) + ":" + std::to_string(port()) + path;
}

std::uint16_t refused_port() {
    const int fd = listen_on(false, 0, -1);
    const std::uint16_t port = port_of(fd);
    close(fd);
    return port;
}

// The shortest backlog is filled with connections that nobody accepts; the kernel then drops further attempts.
SilentPort::SilentPort() {
    const int listener = listen_on(false, 0, 0);
    sockets_.push_back(listener);
    port_ = port_of(listener);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 4; ++i) {
        const int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
        sockets_.push_back(fd);
        if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 && errno != EINPROGRESS) {
            throw std::runtime_error("cannot fill the line of a silent port");
        }
    }
}

SilentPort::~SilentPort() {
    for (const int fd : sockets_) close(fd);
}

}  // namespace pulsimo::test
