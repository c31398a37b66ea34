// The engine as a whole: when checks start, how many at once, what happens to a running check when its endpoint
// changes.
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <thread>

#include "engine/file_limit.hpp"
#include "unit/support/engine_harness.hpp"
#include "unit/support/scripted_target.hpp"

namespace pulsimo::test {
namespace {

using engine::CheckResult;
using engine::EngineSettings;
using engine::ErrorClass;

class EngineTest : public testing::Test {
  protected:
    // Lets a check run on and on: it has reached the server when this returns.
    void start_hanging_check(EngineHarness& harness, std::int64_t id, const std::string& path = "/hang") {
        const std::size_t before = server.requests().size();
        harness.add(id, server.url(path));
        harness.engine().check_now(id, 1);
        harness.run_until([&] { return server.requests().size() > before; });
    }

    TestServer server{ScriptedTarget()};
};

TEST_F(EngineTest, ChecksBySchedule) {
    EngineHarness harness;
    harness.engine().upsert(
        {.id = 1, .interval_us = 50'000, .timeout_us = 40'000, .url = server.url("/"), .options_json = "{}"});
    harness.run_until([&] { return harness.results().size() >= 3; });
    for (const CheckResult& result : harness.results()) {
        EXPECT_EQ(result.endpoint_id, 1);
        EXPECT_EQ(result.request_id, 0u);
        EXPECT_GE(result.lateness_us, 0);
    }
    EXPECT_GE(harness.engine().stats().checks, 3);
    EXPECT_EQ(harness.engine().stats().failures, 0);
    EXPECT_EQ(harness.engine().stats().endpoints, 1);
}

TEST_F(EngineTest, RunsAThousandChecksAtOnce) {
    ASSERT_GE(engine::raise_open_file_limit(2200), 2200);
    EngineSettings settings;
    settings.max_running = 1000;
    settings.max_running_per_host = 1000;
    EngineHarness harness(std::move(settings));
    for (std::int64_t id = 1; id <= 1000; ++id) {
        harness.add(id, server.url("/hang"));
        harness.engine().check_now(id, 1);
    }
    harness.run_until([&] { return server.most_at_once() == 1000; });
    EXPECT_EQ(harness.engine().stats().running, 1000);
    for (std::int64_t id = 1; id <= 1000; ++id) harness.engine().remove(id);
    harness.run_until([&] { return harness.engine().stats().running == 0; });
    EXPECT_TRUE(harness.results().empty());
}

TEST_F(EngineTest, ChecksAThousandEndpointsWithoutAMistake) {
    EngineHarness harness;
    for (std::int64_t id = 1; id <= 1000; ++id) {
        harness.add(id, server.url("/"), R"({"body_contains": "ok"})");
        harness.engine().check_now(id, static_cast<std::uint64_t>(id));
    }
    harness.run_until([&] { return harness.results().size() == 1000; });
    std::set<std::int64_t> ids;
    for (const CheckResult& result : harness.results()) {
        EXPECT_EQ(result.error, ErrorClass::none) << result.detail;
        EXPECT_EQ(result.request_id, static_cast<std::uint64_t>(result.endpoint_id));
        ids.insert(result.endpoint_id);
    }
    EXPECT_EQ(ids.size(), 1000u);
    EXPECT_LE(server.most_at_once(), 50);
}

TEST_F(EngineTest, KeepsTheLimitOfEachHost) {
    TestServer other{ScriptedTarget()};
    EngineSettings settings;
    settings.max_running_per_host = 3;
    EngineHarness harness(std::move(settings));
    for (std::int64_t id = 1; id <= 10; ++id) {
        harness.add(id, server.url("/hang"));
        harness.engine().check_now(id, 1);
    }
    harness.add(11, other.url("/hang"));
    harness.engine().check_now(11, 1);
    harness.run_until([&] { return server.most_at_once() == 3 && other.most_at_once() == 1; });
    EXPECT_EQ(harness.engine().stats().running, 4);
    EXPECT_EQ(harness.engine().stats().waiting, 7);
    harness.engine().remove(1);
    harness.run_until([&] { return server.requests().size() == 4; });
    EXPECT_EQ(harness.engine().stats().waiting, 6);
}

TEST_F(EngineTest, SaysNothingOfARemovedEndpoint) {
    EngineHarness harness;
    start_hanging_check(harness, 1, "/delay/200");
    harness.engine().remove(1);
    EXPECT_EQ(harness.engine().stats().running, 0);
    EXPECT_FALSE(harness.engine().check_now(1, 2));
    harness.add(2, server.url("/delay/400"));
    harness.engine().check_now(2, 2);
    harness.run_until([&] { return !harness.results().empty(); });
    EXPECT_EQ(harness.results().size(), 1u);
    EXPECT_EQ(harness.results().front().endpoint_id, 2);
}

TEST_F(EngineTest, EndsARunningCheckWithItsOldConfiguration) {
    EngineHarness harness;
    start_hanging_check(harness, 1, "/delay/200");
    harness.add(1, server.url("/status/503"));
    harness.run_until([&] { return harness.results().size() == 1; });
    EXPECT_EQ(harness.results().front().http_status, 200);
    harness.engine().check_now(1, 2);
    harness.run_until([&] { return harness.results().size() == 2; });
    EXPECT_EQ(harness.results().back().http_status, 503);
}

TEST_F(EngineTest, LetsARequestJoinARunningCheck) {
    EngineHarness harness;
    start_hanging_check(harness, 1, "/delay/200");
    EXPECT_TRUE(harness.engine().check_now(1, 7));
    harness.run_until([&] { return !harness.results().empty(); });
    EXPECT_EQ(harness.results().front().request_id, 7u);
    EXPECT_EQ(server.requests().size(), 1u);
    EXPECT_EQ(harness.engine().stats().waiting + harness.engine().stats().running, 0);
}

TEST_F(EngineTest, StartsNothingWhileResultsAreNotTaken) {
    EngineHarness harness;
    harness.engine().set_accepting(false);
    harness.engine().upsert(
        {.id = 1, .interval_us = 20'000, .timeout_us = 10'000, .url = server.url("/"), .options_json = "{}"});
    harness.run_until([&] { return harness.engine().stats().skipped >= 3; });
    EXPECT_EQ(server.requests().size(), 0u);
    harness.engine().set_accepting(true);
    harness.run_until([&] { return !harness.results().empty(); });
    EXPECT_GE(harness.results().front().skipped_slots, 3);
}

TEST_F(EngineTest, RetriesSoonerThanTheNextSlot) {
    EngineHarness harness;
    harness.add(1, server.url("/status/500"));
    harness.engine().retry_after(1, 10'000);
    harness.run_until([&] { return !harness.results().empty(); });
    EXPECT_EQ(harness.results().front().request_id, 0u);
    EXPECT_EQ(harness.engine().stats().failures, 1);
}

TEST_F(EngineTest, BlocksAddressesOfThePolicy) {
    EngineSettings settings;
    settings.addresses.blocked = engine::parse_networks("127.0.0.0/8");
    EngineHarness harness(std::move(settings));
    const CheckResult literal = harness.check(server.url("/"));
    EXPECT_EQ(literal.error, ErrorClass::policy);
    EXPECT_EQ(literal.detail, "address 127.0.0.1 is in a blocked network");
    const CheckResult named = harness.check(server.url("/", "localhost"), R"({"ip_version": "4"})");
    EXPECT_EQ(named.error, ErrorClass::policy);
    EXPECT_EQ(named.detail, "address 127.0.0.1 of localhost is in a blocked network");
    EXPECT_EQ(server.connections(), 0);
}

TEST_F(EngineTest, TakesANewPolicyForChecksToCome) {
    EngineHarness harness;
    EXPECT_EQ(harness.check(server.url("/")).error, ErrorClass::none);
    EngineSettings settings;
    settings.addresses.blocked = engine::parse_networks("127.0.0.1");
    harness.engine().configure(std::move(settings));
    EXPECT_EQ(harness.check(server.url("/")).error, ErrorClass::policy);
}

TEST_F(EngineTest, ResolvesNamesFromTheHostsFile) {
    EngineHarness harness;
    const CheckResult result = harness.check(server.url("/", "localhost"), R"({"ip_version": "4"})");
    EXPECT_EQ(result.error, ErrorClass::none) << result.detail;
    EXPECT_GE(result.phases.dns_us, 0);
    EXPECT_EQ(server.requests().back().header("Host"), "localhost:" + std::to_string(server.port()));
}

TEST_F(EngineTest, NotesHowLateItsOwnLoopWas) {
    EngineHarness harness;
    start_hanging_check(harness, 1, "/delay/300");
    std::this_thread::sleep_for(std::chrono::milliseconds(400));  // the loop stands still: that is what is tested
    harness.run_until([&] { return !harness.results().empty(); });
    EXPECT_GE(harness.results().front().stall_us, 200'000);
}

TEST_F(EngineTest, CountsSlotsThatPassWhileACheckRuns) {
    EngineHarness harness;
    harness.engine().upsert(
        {.id = 1, .interval_us = 30'000, .timeout_us = 200'000, .url = server.url("/hang"), .options_json = "{}"});
    harness.run_until([&] { return !harness.results().empty(); });
    EXPECT_GE(harness.results().front().skipped_slots, 5);
    EXPECT_EQ(harness.results().front().error, ErrorClass::timeout);
}

}  // namespace
}  // namespace pulsimo::test
