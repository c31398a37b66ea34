// As many checks at once as a large installation runs, each with a socket of its own. Their target is a process of its
// own too, so that each side needs descriptors for its own sockets only.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "engine/file_limit.hpp"
#include "unit/support/engine_harness.hpp"
#include "unit/support/scripted_target.hpp"

namespace pulsimo::test {
namespace {

using engine::CheckResult;
using engine::EngineSettings;
using engine::ErrorClass;

constexpr int kChecks = 10'000;
constexpr int kPorts = 4;         // a fourth of the checks each: no line of connections to accept grows long
constexpr int kOtherFiles = 100;  // of this process, and of the target
constexpr int kLookMs = 10;
constexpr std::int64_t kTimeoutUs = 120'000'000;  // longer than the harness has patience

// Target servers in another process, which say when all checks hang at them at the same time and end when told to.
class TargetProcess {
  public:
    TargetProcess() {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            throw std::system_error(errno, std::generic_category(), "socketpair");
        }
        pid_ = fork();
        if (pid_ == 0) {
            close(ends[0]);
            serve(ends[1]);
        }
        close(ends[1]);
        line_ = ends[0];
        if (pid_ < 0 || recv(line_, ports_, sizeof ports_, MSG_WAITALL) != sizeof ports_) {
            end();
            throw std::runtime_error("the target has not started");
        }
    }
    ~TargetProcess() { end(); }
    TargetProcess(const TargetProcess&) = delete;
    TargetProcess& operator=(const TargetProcess&) = delete;

    std::string url(std::int64_t number) const {
        return "http://127.0.0.1:" + std::to_string(ports_[number % kPorts]) + "/hang";
    }

    // Whether all checks have been there at the same time.
    bool full() const {
        char word = 0;
        return recv(line_, &word, 1, MSG_DONTWAIT) == 1;
    }

    // All connections are closed with it.
    void end() {
        if (line_ < 0) return;
        close(line_);
        line_ = -1;
        if (pid_ > 0) waitpid(pid_, nullptr, 0);
    }

  private:
    // Until the other end of the line is closed, by whatever.
    [[noreturn]] static void serve(int line) noexcept {
        try {
            std::vector<std::unique_ptr<TestServer>> servers;
            std::uint16_t ports[kPorts];
            for (std::uint16_t& port : ports) {
                TestServer::Options options;
                options.remember = false;
                servers.push_back(std::make_unique<TestServer>(ScriptedTarget(), options));
                port = servers.back()->port();
            }
            if (write(line, ports, sizeof ports) != sizeof ports) _exit(1);
            bool said = false;
            for (pollfd other{.fd = line, .events = POLLIN, .revents = 0}; poll(&other, 1, kLookMs) == 0;) {
                int hanging = 0;
                for (const auto& server : servers) hanging += server->most_at_once();
                if (hanging == kChecks && !said) said = write(line, "f", 1) == 1;
            }
        } catch (const std::exception&) {
            _exit(1);
        }
        _exit(0);
    }

    pid_t pid_ = -1;
    int line_ = -1;
    std::uint16_t ports_[kPorts] = {};
};

// Local ports for connections to one address; 0: not known here.
int local_ports() {
    std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
    int first = 0;
    int last = 0;
    return range >> first >> last ? last - first + 1 : 0;
}

TEST(ManySocketsTest, RunsTenThousandChecksAtOnce) {
    const std::int64_t needed = kChecks + kOtherFiles;
    const std::int64_t allowed = engine::raise_open_file_limit(needed);
    if (allowed < needed) {
        GTEST_SKIP() << "the hard limit allows " << allowed << " open files, this takes " << needed;
    }
    if (local_ports() < kChecks / kPorts + kOtherFiles) {
        GTEST_SKIP() << "there are " << local_ports() << " local ports for connections, too few";
    }
    TargetProcess target;
    EngineSettings settings;
    settings.max_running = kChecks;
    settings.max_running_per_host = kChecks;
    EngineHarness harness(std::move(settings));
    for (std::int64_t id = 1; id <= kChecks; ++id) {
        harness.add(id, target.url(id), "{}", kTimeoutUs);
        harness.engine().check_now(id, 1);
    }
    harness.run_until([&] { return target.full() || !harness.results().empty(); });
    ASSERT_TRUE(harness.results().empty()) << harness.results().front().detail;
    EXPECT_EQ(harness.engine().stats().running, kChecks);

    // Half of them are given up by us, the others by the target.
    for (std::int64_t id = 1; id <= kChecks / 2; ++id) harness.engine().remove(id);
    EXPECT_EQ(harness.engine().stats().running, kChecks / 2);
    target.end();
    harness.run_until([&] { return harness.engine().stats().running == 0; });
    std::set<std::int64_t> ids;
    for (const CheckResult& result : harness.results()) {
        EXPECT_EQ(result.error, ErrorClass::reset) << result.detail;
        ids.insert(result.endpoint_id);
    }
    EXPECT_EQ(ids.size(), harness.results().size());
    EXPECT_EQ(ids.size(), std::size_t{kChecks / 2});
    EXPECT_GT(*ids.begin(), kChecks / 2);
}

}  // namespace
}  // namespace pulsimo::test
