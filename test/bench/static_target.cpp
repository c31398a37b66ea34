// The web server that the benches probe: static_target [--tls CERTIFICATE KEY] [--log FILE]. Listens on a free port of
// 127.0.0.1, prints it, serves one request a connection in one thread, and ends on SIGTERM, writing the log.
//
//   /             200
//   /hold/US/N    200, US microseconds after the request was read
//   /flip/N       200 and 503 in turns
//
// The log has a line for each answer to the last two: N, when it was sent (microseconds since 1970), how long the
// connection had been open by then (microseconds), and the status. It is what a check is compared with.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

std::int64_t monotonic_us() {
    using namespace std::chrono;
    return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

std::int64_t wall_us() {
    using namespace std::chrono;
    return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

int checked(int result, const char* what) {
    if (result < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
    return result;
}

struct Options {
    const char* certificate = nullptr;
    const char* key = nullptr;
    const char* log = nullptr;
};

struct Connection {
    std::int64_t opened_us = 0;
    SSL* ssl = nullptr;
    std::string request;
    int number = 0;  // N of the path
    bool logged = false;
};

struct Answer {
    int number = 0, status = 0;
    std::int64_t sent_us = 0, open_us = 0;
};

class Target {
  public:
    explicit Target(const Options& options);
    int port() const;
    void run();

  private:
    void watch(int fd, std::uint32_t events);
    void accept_all();
    void serve(int fd);
    void answer(int fd, Connection& connection);
    void send(int fd, Connection& connection, int status);
    void send_due();
    void close(int fd);
    void write_log() const;

    Options options_;
    SSL_CTX* tls_ = nullptr;
    int epoll_, listener_, timer_, signals_;
    std::unordered_map<int, Connection> connections_;
    std::multimap<std::int64_t, int> held_;  // due, connection
    std::unordered_map<int, int> flips_;
    std::vector<Answer> answers_;
};

Target::Target(const Options& options) : options_(options) {
    if (options.certificate != nullptr) {
        tls_ = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_num_tickets(tls_, 0);  // every handshake is a full one
        SSL_CTX_set_session_cache_mode(tls_, SSL_SESS_CACHE_OFF);
        if (SSL_CTX_use_certificate_chain_file(tls_, options.certificate) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls_, options.key, SSL_FILETYPE_PEM) != 1) {
            throw std::runtime_error("cannot use the certificate");
        }
    }
    epoll_ = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    listener_ = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    checked(listen(listener_, 4096), "listen");
    timer_ = checked(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create");
    std::signal(SIGPIPE, SIG_IGN);  // of clients that hang up
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, nullptr);
    signals_ = checked(signalfd(-1, &ends, SFD_CLOEXEC), "signalfd");
    for (int fd : {listener_, timer_, signals_}) watch(fd, EPOLLIN);
}

int Target::port() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    checked(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
    return ntohs(address.sin_port);
}

void Target::watch(int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void Target::run() {
    epoll_event events[256];
    for (;;) {
        const int count = epoll_wait(epoll_, events, 256, -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[i].data.fd;
            if (fd == signals_) return write_log();
            if (fd == listener_) accept_all();
            if (fd == timer_) send_due();
            if (connections_.contains(fd)) serve(fd);
        }
    }
}

void Target::accept_all() {
    for (;;) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        Connection& connection = connections_[fd];
        connection = {};
        connection.opened_us = monotonic_us();
        if (tls_ != nullptr) {
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            connection.ssl = SSL_new(tls_);
            SSL_set_fd(connection.ssl, fd);
            SSL_set_accept_state(connection.ssl);
        }
        watch(fd, EPOLLIN);
    }
}

void Target::serve(int fd) {
    Connection& connection = connections_.at(fd);
    char bytes[4096];
    if (connection.ssl == nullptr) {
        const ssize_t length = recv(fd, bytes, sizeof bytes, 0);
        if (length <= 0) return close(fd);
        connection.request.append(bytes, static_cast<std::size_t>(length));
    } else {
        const int length = SSL_read(connection.ssl, bytes, sizeof bytes);
        if (length <= 0) {
            if (SSL_get_error(connection.ssl, length) != SSL_ERROR_WANT_READ) close(fd);
            return;
        }
        connection.request.append(bytes, static_cast<std::size_t>(length));
    }
    if (connection.request.ends_with("\r\n\r\n")) answer(fd, connection);
}

void Target::answer(int fd, Connection& connection) {
    int hold_us = 0;
    if (std::sscanf(connection.request.c_str(), "GET /hold/%d/%d", &hold_us, &connection.number) == 2) {
        connection.logged = true;
        const std::int64_t due = monotonic_us() + hold_us;
        if (held_.empty() || due < held_.begin()->first) {
            const itimerspec when{{}, {due / 1'000'000, due % 1'000'000 * 1000}};
            timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
        }
        held_.emplace(due, fd);
    } else if (std::sscanf(connection.request.c_str(), "GET /flip/%d", &connection.number) == 1) {
        connection.logged = true;
        send(fd, connection, ++flips_[connection.number] % 2 == 0 ? 503 : 200);
    } else {
        send(fd, connection, 200);
    }
}

void Target::send_due() {
    std::uint64_t ignored;
    (void)!read(timer_, &ignored, sizeof ignored);
    while (!held_.empty() && held_.begin()->first <= monotonic_us()) {
        const int fd = held_.begin()->second;
        held_.erase(held_.begin());
        const auto connection = connections_.find(fd);
        if (connection != connections_.end()) send(fd, connection->second, 200);
    }
    if (held_.empty()) return;
    const std::int64_t due = held_.begin()->first;
    const itimerspec when{{}, {due / 1'000'000, due % 1'000'000 * 1000}};
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void Target::send(int fd, Connection& connection, int status) {
    const std::string bytes = "HTTP/1.1 " + std::to_string(status) +
                              " -\r\nContent-Length: 3\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nok\n";
    if (connection.logged && options_.log != nullptr) {
        answers_.push_back({connection.number, status, wall_us(), monotonic_us() - connection.opened_us});
    }
    if (connection.ssl == nullptr) {
        (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    } else {
        SSL_write(connection.ssl, bytes.data(), static_cast<int>(bytes.size()));
        SSL_shutdown(connection.ssl);
    }
    close(fd);
}

void Target::close(int fd) {
    const auto connection = connections_.find(fd);
    if (connection->second.ssl != nullptr) SSL_free(connection->second.ssl);
    connections_.erase(connection);
    std::erase_if(held_, [fd](const auto& held) { return held.second == fd; });
    ::close(fd);
}

void Target::write_log() const {
    if (options_.log == nullptr) return;
    std::ofstream file(options_.log);
    for (const Answer& answer : answers_) {
        file << answer.number << '\t' << answer.sent_us << '\t' << answer.open_us << '\t' << answer.status << '\n';
    }
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--tls" && i + 2 < argc) {
            options.certificate = argv[++i];
            options.key = argv[++i];
        } else if (name == "--log" && i + 1 < argc) {
            options.log = argv[++i];
        } else {
            throw std::runtime_error("usage: static_target [--tls CERTIFICATE KEY] [--log FILE]");
        }
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        Target target(parse(argc, argv));
        std::cout << target.port() << std::endl;
        target.run();
    } catch (const std::exception& error) {
        std::cerr << "static_target: " << error.what() << '\n';
        return 1;
    }
}
