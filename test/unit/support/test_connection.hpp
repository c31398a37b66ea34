// One connection of a TestServer: reads requests, plays the scripts that answer them.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "unit/support/test_server.hpp"

namespace pulsimo::test {

struct FreeSession {
    void operator()(SSL* session) const noexcept { SSL_free(session); }
};
using Session = std::unique_ptr<SSL, FreeSession>;

// The TLS side of a server; without a certificate it has none.
class TestTls {
  public:
    TestTls(const Certificate* certificate, int newest_version);
    Session new_session() const;

  private:
    struct FreeContext {
        void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    };
    std::unique_ptr<SSL_CTX, FreeContext> context_;
};

class TestConnection {
  public:
    using Clock = std::chrono::steady_clock;
    enum class Progress { blocked, sleeping, ended };

    TestConnection(int fd, Session session);
    ~TestConnection();
    TestConnection(const TestConnection&) = delete;
    TestConnection& operator=(const TestConnection&) = delete;

    // Does what can be done without waiting; asks `answer` for the script of each request.
    Progress go_on(const std::function<Script(const Request&)>& answer);
    bool busy() const noexcept { return !steps_.empty(); }
    bool sleeping() const noexcept { return waiting_; }
    Clock::time_point wakes_at() const noexcept { return wakes_at_; }

  private:
    bool shake_hands();
    bool read_all();
    bool take_request(Request& request);
    Progress play();
    bool write_some(std::string& bytes);
    void prepare_reset();

    int fd_;
    Session session_;
    bool shaken_ = false;
    bool gone_ = false;  // the client has closed, or the connection is broken
    bool waiting_ = false;
    std::string input_;
    std::deque<Step> steps_;
    Clock::time_point wakes_at_{};
};

}  // namespace pulsimo::test
