// The address policy of an endpoint: forbids more than that of the engine, never less, wherever a check may go.
#include "engine/own_policy.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <optional>

#include "engine/http_exchange.hpp"
#include "engine/http_failure.hpp"
#include "unit/support/engine_harness.hpp"
#include "unit/support/scripted_target.hpp"
#include "unit/support/test_name_server.hpp"

namespace pulsimo::test {
namespace {

using engine::CheckResult;
using engine::EndpointConfig;
using engine::ErrorClass;

// Checked only when asked for.
EndpointConfig config_of(std::int64_t id, const std::string& url, const std::string& blocked,
                         const std::string& allowed = {}) {
    return {.id = id,
            .interval_us = 86'400'000'000,
            .timeout_us = 10'000'000,
            .url = url,
            .options_json = "{}",
            .networks = engine::OwnNetworks{blocked, allowed}};
}

TEST(OwnPolicies, AreSharedByEndpointsWithTheSameTexts) {
    engine::OwnPolicies policies;
    const auto policy = policies.get(config_of(1, "http://shop.example/", "10.0.0.0/8", "10.0.0.1"));
    EXPECT_EQ(policies.get(config_of(2, "http://wiki.example/", "10.0.0.0/8", "10.0.0.1")), policy);
    EXPECT_NE(policies.get(config_of(3, "http://wiki.example/", "10.0.0.0/8")), policy);
    EXPECT_NE(policies.get(config_of(4, "http://wiki.example/", "10.0.0.1", "10.0.0.0/8")), policy);
    EXPECT_NE(policies.get(config_of(5, "http://wiki.example/", "10.0.0.0/810.0.0.1")), policy);
}

TEST(OwnPolicies, AreNoneWithoutTexts) {
    engine::OwnPolicies policies;
    EXPECT_EQ(policies.get(config_of(1, "http://shop.example/", "", "")), nullptr);
}

TEST(OwnPolicies, StayWhileTheyAreUsed) {
    engine::OwnPolicies policies;
    const auto kept = policies.get(config_of(1, "", "10.0.0.0/8"));
    std::weak_ptr<const engine::OwnPolicy> dropped;
    for (int i = 0; i < 250; ++i) dropped = policies.get(config_of(1, "", "10.0.0." + std::to_string(i)));
    EXPECT_TRUE(dropped.expired());
    EXPECT_EQ(policies.get(config_of(1, "", "10.0.0.0/8")), kept);
}

class OwnPolicyCheck : public testing::Test {
  protected:
    static engine::EngineSettings blocking(const std::string& networks) {
        engine::EngineSettings settings;
        settings.addresses.blocked = engine::parse_networks(networks);
        return settings;
    }

    CheckResult check(const EndpointConfig& config) {
        harness.engine().upsert(config);
        return check_again(config.id);
    }
    CheckResult check_again(std::int64_t id) {
        const std::size_t before = harness.results().size();
        harness.engine().check_now(id, 1);
        harness.run_until([&] { return harness.results().size() > before; });
        return harness.results().back();
    }

    TestNameServer names;
    TestServer server{ScriptedTarget()};
    EngineHarness harness{[this] {
        engine::EngineSettings settings;
        settings.name_servers = names.address();
        return settings;
    }()};
};

TEST_F(OwnPolicyCheck, BlocksWhatTheEngineWouldPermit) {
    const CheckResult literal = check(config_of(1, server.url("/"), "127.0.0.0/8"));
    EXPECT_EQ(literal.error, ErrorClass::policy);
    EXPECT_EQ(literal.detail, "address 127.0.0.1 is in a blocked network");
    names.set("target.example", {.addresses = {"127.0.0.1"}});
    const CheckResult named = check(config_of(2, server.url("/", "target.example"), "127.0.0.0/8"));
    EXPECT_EQ(named.error, ErrorClass::policy);
    EXPECT_EQ(named.detail, "address 127.0.0.1 of target.example is in a blocked network");
    EXPECT_EQ(server.connections(), 0);
}

TEST_F(OwnPolicyCheck, DoesNotPermitWhatTheEngineBlocks) {
    harness.engine().configure(blocking("127.0.0.0/8"));
    EXPECT_EQ(check(config_of(1, server.url("/"), "", "127.0.0.1")).error, ErrorClass::policy);
    EXPECT_EQ(check(config_of(1, server.url("/"), "0.0.0.0/0", "127.0.0.1")).error, ErrorClass::policy);
    EXPECT_EQ(server.connections(), 0);
}

TEST_F(OwnPolicyCheck, MakesExceptionsToItself) {
    EXPECT_EQ(check(config_of(1, server.url("/"), "127.0.0.0/8", "127.0.0.1")).error, ErrorClass::none);
    EXPECT_EQ(check(config_of(1, server.url("/"), "127.0.0.0/8", "127.0.0.2")).error, ErrorClass::policy);
}

TEST_F(OwnPolicyCheck, ChoosesAmongTheAddressesOfAName) {
    names.set("mixed.example", {.addresses = {"127.0.0.2", "127.0.0.1"}});
    const CheckResult result = check(config_of(1, server.url("/", "mixed.example"), "127.0.0.1"));
    EXPECT_EQ(result.error, ErrorClass::refused);  // by 127.0.0.2, where nobody listens
    EXPECT_EQ(check(config_of(1, server.url("/", "mixed.example"), "127.0.0.2")).error, ErrorClass::none);
}

TEST_F(OwnPolicyCheck, HoldsForEveryRedirect) {
    const std::string elsewhere = "http://127.0.0.2:" + std::to_string(server.port()) + "/";
    const std::string url = server.url("/redirect-to/302/" + elsewhere);
    const CheckResult result = check(config_of(1, url, "127.0.0.2"));
    EXPECT_EQ(result.error, ErrorClass::policy);
    EXPECT_EQ(result.detail, "address 127.0.0.2 is in a blocked network");
    EXPECT_EQ(check(config_of(1, url, "")).error, ErrorClass::refused);
}

TEST_F(OwnPolicyCheck, IsThatOfItsEndpointAlone) {
    harness.engine().upsert(config_of(1, server.url("/"), "127.0.0.0/8"));
    harness.engine().upsert(config_of(2, server.url("/"), "10.0.0.0/8"));
    harness.engine().upsert(config_of(3, server.url("/"), ""));
    EXPECT_EQ(check_again(1).error, ErrorClass::policy);
    EXPECT_EQ(check_again(2).error, ErrorClass::none);
    EXPECT_EQ(check_again(3).error, ErrorClass::none);
}

TEST_F(OwnPolicyCheck, ChangesWithTheNextCheck) {
    EXPECT_EQ(check(config_of(1, server.url("/"), "")).error, ErrorClass::none);
    EXPECT_EQ(check(config_of(1, server.url("/"), "127.0.0.1")).error, ErrorClass::policy);
    EXPECT_EQ(check(config_of(1, server.url("/"), "10.0.0.1")).error, ErrorClass::none);
}

TEST_F(OwnPolicyCheck, IsOurTroubleWhenItCannotBeRead) {
    const CheckResult blocked = check(config_of(1, server.url("/"), "10.0.0.0/8, nonsense"));
    EXPECT_EQ(blocked.error, ErrorClass::internal);
    EXPECT_EQ(blocked.detail, "cannot use the address policy: \"nonsense\" is not a network");
    EXPECT_EQ(check(config_of(1, server.url("/"), "", "nonsense")).error, ErrorClass::internal);
    EXPECT_EQ(server.connections(), 0);
}

// libcurl finds a connection of before by the name of the host, wherever it leads.
TEST_F(OwnPolicyCheck, DoesNotUseAConnectionOfAnEndpointThatMayDoMore) {
    names.set("target.example", {.addresses = {"127.0.0.1"}});
    EndpointConfig free = config_of(1, server.url("/", "target.example"), "");
    free.options_json = R"({"reuse_connection": true})";
    EXPECT_EQ(check(free).error, ErrorClass::none);
    names.set("target.example", {.addresses = {"127.0.0.1", "127.0.0.2"}});
    EXPECT_EQ(check_again(1).error, ErrorClass::none);
    EXPECT_EQ(server.connections(), 1);
    EndpointConfig guarded = free;
    guarded.id = 2;
    guarded.networks = engine::OwnNetworks{.blocked = "127.0.0.1"};
    const CheckResult result = check(guarded);
    EXPECT_EQ(result.error, ErrorClass::refused) << result.detail;  // by 127.0.0.2, where it may go
    EXPECT_EQ(server.requests().size(), 2u);
}

// What a name stood for once is not where its checks, and their credentials, go now.
TEST_F(OwnPolicyCheck, LetsGoOfAConnectionWhenTheNameHasOtherAddresses) {
    names.set("target.example", {.addresses = {"127.0.0.1"}});
    EndpointConfig config = config_of(1, server.url("/", "target.example"), "");
    config.options_json = R"({"reuse_connection": true})";
    EXPECT_EQ(check(config).error, ErrorClass::none);
    names.set("target.example", {.addresses = {"127.0.0.2"}});
    EXPECT_EQ(check_again(1).error, ErrorClass::refused);
    EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(OwnPolicyCheck, ReusesConnectionsWhereItMayGo) {
    EndpointConfig config = config_of(1, server.url("/"), "10.0.0.0/8");
    config.options_json = R"({"reuse_connection": true})";
    EXPECT_EQ(check(config).error, ErrorClass::none);
    EXPECT_EQ(check_again(1).error, ErrorClass::none);
    EXPECT_EQ(server.connections(), 1);
}

// The engine's policy has changed since the connection was made.
TEST_F(OwnPolicyCheck, OfTheEngineCountsForConnectionsOfBeforeToo) {
    names.set("target.example", {.addresses = {"127.0.0.1"}});
    EndpointConfig config = config_of(1, server.url("/", "target.example"), "");
    config.options_json = R"({"reuse_connection": true})";
    EXPECT_EQ(check(config).error, ErrorClass::none);
    names.set("target.example", {.addresses = {"127.0.0.2"}});
    harness.engine().configure(blocking("127.0.0.1"));
    EXPECT_EQ(check_again(1).error, ErrorClass::refused);
    EXPECT_EQ(server.requests().size(), 1u);
}

class Ending final : public engine::HttpExchange::Listener {
  public:
    void exchange_ended(CURLcode ended) override { code = ended; }
    std::optional<CURLcode> code;
};

// Addresses are filtered before an exchange begins; here they are not.
TEST_F(OwnPolicyCheck, HasTheLastWordWhenASocketIsOpened) {
    const engine::SystemClock clock;
    engine::Reactor reactor(clock);
    engine::TransferLoop transfers(reactor);
    engine::EasyPool handles;
    engine::HttpProfiles profiles;
    engine::OwnPolicies policies;
    const engine::HttpPlan plan(config_of(1, server.url("/"), "127.0.0.1"), profiles, policies);
    const engine::AddressPolicy everywhere;
    Ending ending;
    engine::HttpExchange exchange(transfers, handles, clock, plan, everywhere, ending);
    exchange.begin({.target = plan.target,
                    .addresses = {*engine::SocketAddress::parse("127.0.0.1", server.port())},
                    .method = "GET"});
    for (int turns = 0; !ending.code && turns < 100; ++turns) {
        pollfd ready{.fd = reactor.fd(), .events = POLLIN, .revents = 0};
        poll(&ready, 1, 5);
        reactor.turn();
        transfers.process();
    }
    ASSERT_TRUE(ending.code);
    EXPECT_EQ(engine::failure_of(exchange, *ending.code).error, ErrorClass::policy);
    EXPECT_EQ(server.connections(), 0);
}

}  // namespace
}  // namespace pulsimo::test
