// A name server on loopback that knows only what a test tells it. Runs in one thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace pulsimo::test {

class TestNameServer {
  public:
    enum class Manner { answer, no_such_name, fail, silent };
    struct Entry {
        Manner manner = Manner::answer;
        std::vector<std::string> addresses{};  // IPv4 and IPv6, each kind for its own question
    };

    TestNameServer();
    ~TestNameServer();
    TestNameServer(const TestNameServer&) = delete;
    TestNameServer& operator=(const TestNameServer&) = delete;

    void set(const std::string& name, Entry entry);  // lower-case; other names do not exist
    std::string address() const;                     // "127.0.0.1:port"
    int questions() const noexcept { return questions_; }

  private:
    void serve();
    std::string answer(const std::string& question);

    int socket_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<bool> stop_ = false;
    std::atomic<int> questions_ = 0;
    std::mutex mutex_;
    std::map<std::string, Entry> entries_;
    std::thread thread_;
};

}  // namespace pulsimo::test
