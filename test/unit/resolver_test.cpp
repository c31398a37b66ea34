// The resolver against a name server of the test: answers, failures, and who is to blame for them.
#include "engine/resolver.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "unit/support/engine_harness.hpp"
#include "unit/support/test_name_server.hpp"
#include "unit/support/test_server.hpp"

namespace pulsimo::test {
namespace {

using engine::Resolution;
using Manner = TestNameServer::Manner;
using Outcome = Resolution::Outcome;

class Question final : public engine::Resolver::Lookup {
  public:
    std::optional<Resolution> answer;

  private:
    void resolved(Resolution&& resolution) override { answer = std::move(resolution); }
};

class ResolverTest : public testing::Test {
  protected:
    void run_until_answered(const Question& question) {
        const std::int64_t end = clock.monotonic_us() + 30'000'000;
        while (!question.answer && clock.monotonic_us() < end) {
            resolver.deliver();
            reactor.arm(false);
            pollfd ready{.fd = reactor.fd(), .events = POLLIN, .revents = 0};
            if (!question.answer && poll(&ready, 1, 1000) > 0) reactor.turn();
        }
    }

    Resolution resolve(const std::string& name, int family = AF_UNSPEC) {
        Question question;
        resolver.start(question, name, 80, family);
        run_until_answered(question);
        return question.answer.value_or(Resolution{.outcome = Outcome::own_trouble, .addresses = {}, .detail = "lost"});
    }

    static std::vector<std::string> texts(const Resolution& resolution) {
        std::vector<std::string> found;
        for (const auto& address : resolution.addresses) found.push_back(address.text());
        std::sort(found.begin(), found.end());
        return found;
    }

    engine::SystemClock clock;
    engine::Reactor reactor{clock};
    TestNameServer names;
    engine::Resolver resolver{reactor, names.address()};
};

TEST_F(ResolverTest, FindsAddressesOfBothKinds) {
    names.set("both.example", {.addresses = {"192.0.2.1", "192.0.2.2", "2001:db8::1"}});
    const Resolution any = resolve("both.example");
    EXPECT_EQ(any.outcome, Outcome::found) << any.detail;
    EXPECT_EQ(texts(any), (std::vector<std::string>{"192.0.2.1:80", "192.0.2.2:80", "[2001:db8::1]:80"}));
    EXPECT_EQ(texts(resolve("both.example", AF_INET)), (std::vector<std::string>{"192.0.2.1:80", "192.0.2.2:80"}));
    EXPECT_EQ(texts(resolve("both.example", AF_INET6)), (std::vector<std::string>{"[2001:db8::1]:80"}));
}

TEST_F(ResolverTest, FindsANameThatHasOnlyIpv6) {
    names.set("six.example", {.addresses = {"2001:db8::6"}});
    EXPECT_EQ(texts(resolve("six.example")), (std::vector<std::string>{"[2001:db8::6]:80"}));
    const Resolution four = resolve("six.example", AF_INET);
    EXPECT_EQ(four.outcome, Outcome::name_failed);
    EXPECT_EQ(four.detail, "name has no IPv4 address: six.example");
}

TEST_F(ResolverTest, ReadsTheHostsFile) {
    const Resolution local = resolve("localhost", AF_INET);
    EXPECT_EQ(local.outcome, Outcome::found);
    EXPECT_EQ(texts(local), (std::vector<std::string>{"127.0.0.1:80"}));
    EXPECT_EQ(names.questions(), 0);
    EXPECT_FALSE(resolver.proved_alive_since(0));  // the file tells nothing about the network
}

TEST_F(ResolverTest, BlamesANameThatDoesNotExist) {
    const Resolution missing = resolve("missing.example");
    EXPECT_EQ(missing.outcome, Outcome::name_failed);
    EXPECT_EQ(missing.detail, "name does not exist: missing.example");
    EXPECT_TRUE(resolver.proved_alive_since(0));
}

TEST_F(ResolverTest, BlamesAnUnfitName) {
    EXPECT_EQ(resolve(std::string(70, 'a') + ".example").outcome, Outcome::name_failed);
}

TEST_F(ResolverTest, BlamesItselfWhenTheServerFailsForEverything) {
    names.set("broken.example", {.manner = Manner::fail});
    const Resolution broken = resolve("broken.example");
    EXPECT_EQ(broken.outcome, Outcome::own_trouble);
    EXPECT_EQ(broken.detail, "our resolver fails for broken.example");
}

TEST_F(ResolverTest, BlamesTheNameWhenTheServerFailsForItAlone) {
    names.set("broken.example", {.manner = Manner::fail});
    names.set("good.example", {.addresses = {"192.0.2.1"}});
    EXPECT_EQ(resolve("good.example").outcome, Outcome::found);
    const Resolution broken = resolve("broken.example");
    EXPECT_EQ(broken.outcome, Outcome::name_failed);
    EXPECT_EQ(broken.detail, "name servers fail for broken.example");
}

TEST_F(ResolverTest, BlamesItselfWhenNobodyAnswers) {
    names.set("silent.example", {.manner = Manner::silent});
    const Resolution silent = resolve("silent.example", AF_INET);
    EXPECT_EQ(silent.outcome, Outcome::own_trouble);
    EXPECT_EQ(silent.detail, "our resolver does not answer (asked for silent.example)");
}

TEST_F(ResolverTest, BlamesTheNameWhenOthersAreAnsweredMeanwhile) {
    names.set("silent.example", {.manner = Manner::silent});
    names.set("good.example", {.addresses = {"192.0.2.1"}});
    Question silent;
    resolver.start(silent, "silent.example", 80, AF_INET);
    EXPECT_EQ(resolve("good.example").outcome, Outcome::found);
    run_until_answered(silent);
    ASSERT_TRUE(silent.answer);
    EXPECT_EQ(silent.answer->outcome, Outcome::name_failed);
    EXPECT_EQ(silent.answer->detail, "name servers do not answer for silent.example");
}

TEST_F(ResolverTest, BlamesItselfWhenThereIsNoServer) {
    engine::Resolver lonely(reactor, "127.0.0.1:" + std::to_string(refused_port()));
    Question question;
    lonely.start(question, "good.example", 80, AF_INET);
    run_until_answered(question);
    ASSERT_TRUE(question.answer);
    EXPECT_EQ(question.answer->outcome, Outcome::own_trouble);
}

TEST_F(ResolverTest, ForgetsACancelledQuestion) {
    names.set("silent.example", {.manner = Manner::silent});
    {
        Question gone;
        resolver.start(gone, "silent.example", 80, AF_INET);
    }
    Question cancelled;
    resolver.start(cancelled, "missing.example", 80, AF_INET);
    resolver.cancel(cancelled);
    EXPECT_EQ(resolve("other.example").outcome, Outcome::name_failed);
    EXPECT_FALSE(cancelled.answer);
}

TEST_F(ResolverTest, AnswersManyQuestionsAtOnce) {
    names.set("good.example", {.addresses = {"192.0.2.1"}});
    std::vector<std::unique_ptr<Question>> questions;
    for (int i = 0; i < 100; ++i) {
        questions.push_back(std::make_unique<Question>());
        resolver.start(*questions.back(), "good.example", 80, AF_INET);
    }
    for (const auto& question : questions) {
        run_until_answered(*question);
        ASSERT_TRUE(question->answer);
        EXPECT_EQ(question->answer->outcome, Outcome::found) << question->answer->detail;
    }
}

TEST_F(ResolverTest, RefusesServersThatAreNone) {
    EXPECT_THROW(engine::Resolver(reactor, "not a server"), std::runtime_error);
}

// The same, as checks tell it.
class NamedCheck : public testing::Test {
  protected:
    engine::EngineSettings settings() const {
        engine::EngineSettings made;
        made.name_servers = names.address();
        return made;
    }

    TestNameServer names;
    TestServer server{[](const Request&) { return respond(200, "ok"); }};
    EngineHarness harness{settings()};
};

TEST_F(NamedCheck, ReachesANamedServer) {
    names.set("target.example", {.addresses = {"127.0.0.1"}});
    const auto result = harness.check(server.url("/", "target.example"));
    EXPECT_EQ(result.error, engine::ErrorClass::none) << result.detail;
    EXPECT_GT(result.phases.dns_us, 0);
}

TEST_F(NamedCheck, ReachesANamedServerHoweverItIsSpelled) {
    names.set("target.example", {.addresses = {"127.0.0.1"}});
    for (const char* name : {"TARGET.Example", "target.example.", "t%61rget.example"}) {
        const auto result = harness.check(server.url("/", name));
        EXPECT_EQ(result.error, engine::ErrorClass::none) << name << ": " << result.detail;
    }
}

TEST_F(NamedCheck, FallsBackToTheNextAddress) {
    names.set("target.example", {.addresses = {"127.0.0.2", "127.0.0.1"}});  // nobody listens at the first
    EXPECT_EQ(harness.check(server.url("/", "target.example")).error, engine::ErrorClass::none);
}

TEST_F(NamedCheck, FollowsANameThatMoves) {
    names.set("target.example", {.addresses = {"127.0.0.1"}});
    EXPECT_EQ(harness.check(server.url("/", "target.example")).error, engine::ErrorClass::none);
    names.set("target.example", {.addresses = {"127.0.0.2"}});
    EXPECT_EQ(harness.check(server.url("/", "target.example")).error, engine::ErrorClass::refused);
}

TEST_F(NamedCheck, TellsANameThatDoesNotExist) {
    const auto result = harness.check("http://missing.example/");
    EXPECT_EQ(to_string(result.error), "dns");
    EXPECT_EQ(result.detail, "name does not exist: missing.example");
}

TEST_F(NamedCheck, DoesNotBlameTheTargetForASilentResolver) {
    names.set("silent.example", {.manner = Manner::silent});
    const auto result = harness.check("http://silent.example/", "{}", 150'000);
    EXPECT_EQ(to_string(result.error), "internal");
    EXPECT_EQ(result.detail, "no answer within 150 ms from our resolver (resolving silent.example)");
}

TEST_F(NamedCheck, ChecksThePolicyOfEveryAddress) {
    names.set("mixed.example", {.addresses = {"169.254.169.254", "127.0.0.1"}});
    names.set("inside.example", {.addresses = {"169.254.169.254"}});
    engine::EngineSettings guarded = settings();
    guarded.addresses.blocked = engine::parse_networks(engine::kDefaultBlockedNetworks);
    harness.engine().configure(guarded);
    EXPECT_EQ(harness.check(server.url("/", "mixed.example")).error, engine::ErrorClass::none);
    const auto result = harness.check("http://inside.example/");
    EXPECT_EQ(to_string(result.error), "policy");
    EXPECT_EQ(result.detail, "address 169.254.169.254 of inside.example is in a blocked network");
}

TEST_F(NamedCheck, LooksUpTheNameOfEveryRedirect) {
    names.set("target.example", {.addresses = {"127.0.0.1"}});
    TestServer redirecting([&](const Request&) {
        return respond(302, "", {{"Location", server.url("/", "target.example")}});
    });
    EXPECT_EQ(harness.check(redirecting.url()).error, engine::ErrorClass::none);
    EXPECT_EQ(server.requests().back().header("Host"), "target.example:" + std::to_string(server.port()));
}

}  // namespace
}  // namespace pulsimo::test
