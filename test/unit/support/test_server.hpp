// A scriptable HTTP(S) server on loopback, for tests and the demo. It knows just enough HTTP to read requests; what it
// answers, and how badly, is a list of steps that a handler returns for each request.
//
// It runs in one thread of its own. The handler is called there, one request at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unit/support/test_certificates.hpp"

namespace pulsimo::test {

struct Request {
    std::string method;
    std::string path;  // as sent, with the query
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;

    // The value of a header, whatever its case; empty when it is missing.
    std::string header(const std::string& name) const;
};

struct Step {
    enum class Kind { send, wait, reset, close, hang };
    Kind kind = Kind::send;
    std::string bytes;  // to send
    int ms = 0;         // to wait

    static Step send(std::string bytes) { return {Kind::send, std::move(bytes), 0}; }
    static Step wait(int ms) { return {Kind::wait, {}, ms}; }
    static Step reset() { return {Kind::reset, {}, 0}; }
    static Step close() { return {Kind::close, {}, 0}; }
    static Step hang() { return {Kind::hang, {}, 0}; }  // until the client goes
};
using Script = std::vector<Step>;

using Headers = std::vector<std::pair<std::string, std::string>>;

// Status line and headers without a Content-Length.
std::string response_head(int status, const Headers& headers = {});

// A whole well-formed response.
Script respond(int status, const std::string& body = {}, Headers headers = {});

class TestServer {
  public:
    using Handler = std::function<Script(const Request&)>;

    struct Options {
        std::uint16_t port = 0;  // 0: any free one
        bool ipv6 = false;
        const Certificate* certificate = nullptr;  // with one it speaks TLS
        int newest_tls = 0;                        // TLS1_1_VERSION ...; 0: the newest that OpenSSL knows
        bool remember = true;                      // keep every request for requests()
    };

    explicit TestServer(Handler handler) : TestServer(std::move(handler), Options()) {}
    // Throws std::runtime_error when the address cannot be had.
    TestServer(Handler handler, Options options);
    ~TestServer();
    TestServer(const TestServer&) = delete;
    TestServer& operator=(const TestServer&) = delete;

    std::uint16_t port() const noexcept;
    // "http://127.0.0.1:port/path"; `host` in place of the address.
    std::string url(const std::string& path = "/", const std::string& host = {}) const;

    std::vector<Request> requests() const;  // all that came so far
    int connections() const noexcept;       // accepted so far
    int most_at_once() const noexcept;      // requests in progress at the same time, at most

  private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

// A port of 127.0.0.1 where nobody listens.
std::uint16_t refused_port();

// A port of 127.0.0.1 that does not answer connection attempts: somebody listens, but the line is full.
class SilentPort {
  public:
    SilentPort();
    ~SilentPort();
    SilentPort(const SilentPort&) = delete;
    SilentPort& operator=(const SilentPort&) = delete;
    std::uint16_t port() const noexcept { return port_; }

  private:
    std::vector<int> sockets_;
    std::uint16_t port_ = 0;
};

}  // namespace pulsimo::test
