// Redirects: how far, with which method, who sees the credentials, and that every hop is under the address policy.
#include <gtest/gtest.h>

#include "unit/support/engine_harness.hpp"
#include "unit/support/scripted_target.hpp"

namespace pulsimo::test {
namespace {

using engine::CheckResult;
using engine::ErrorClass;

class Redirect : public testing::Test {
  protected:
    // A path that redirects to `url` with `status`.
    static std::string to(int status, const std::string& url) {
        return "/redirect-to/" + std::to_string(status) + "/" + url;
    }

    TestServer server{ScriptedTarget()};
    EngineHarness harness;
};

TEST_F(Redirect, IsFollowedToItsEnd) {
    const CheckResult result = harness.check(server.url("/redirect/5"), R"({"body_contains": "arrived"})");
    EXPECT_EQ(result.error, ErrorClass::none) << result.detail;
    EXPECT_EQ(result.http_status, 200);
    EXPECT_EQ(server.requests().size(), 6u);
}

TEST_F(Redirect, IsNotFollowedBeyondTheLimit) {
    const CheckResult result = harness.check(server.url("/redirect-loop"));
    EXPECT_EQ(result.error, ErrorClass::protocol);
    EXPECT_EQ(result.detail, "more than 5 redirects");
    EXPECT_EQ(result.http_status, 302);
    EXPECT_EQ(server.requests().size(), 6u);
    EXPECT_EQ(harness.check(server.url("/redirect/1"), R"({"max_redirects": 0})").detail, "more than 0 redirects");
    EXPECT_EQ(harness.check(server.url("/redirect/6"), R"({"max_redirects": 6})").error, ErrorClass::none);
}

TEST_F(Redirect, IsAnAnswerWhenItIsNotToBeFollowed) {
    const CheckResult result = harness.check(server.url("/redirect/3"), R"({"follow_redirects": false})");
    EXPECT_EQ(result.detail, "unexpected status 302, expected 200-299");
    EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(Redirect, DoesNotWaitForItsBody) {
    TestServer slow([](const Request& request) -> Script {
        if (request.path == "/end") return respond(200);
        return {Step::send(response_head(302, {{"Location", "/end"}, {"Content-Length", "100"}})), Step::hang()};
    });
    EXPECT_EQ(harness.check(slow.url()).error, ErrorClass::none);
}

TEST_F(Redirect, TurnsAPostIntoAGetAsBrowsersDo) {
    const std::string post = R"({"method": "POST", "body": "x"})";
    for (const int status : {301, 302, 303, 307, 308}) {
        harness.check(server.url(to(status, "/status/200")), post);
        const Request last = server.requests().back();
        EXPECT_EQ(last.method, status < 307 ? "GET" : "POST") << status;
        EXPECT_EQ(last.body, status < 307 ? "" : "x") << status;
    }
    harness.check(server.url(to(302, "/status/200")), R"({"method": "PUT", "body": "x"})");
    EXPECT_EQ(server.requests().back().method, "PUT");
    harness.check(server.url(to(303, "/status/200")), R"({"method": "HEAD"})");
    EXPECT_EQ(server.requests().back().method, "HEAD");
}

TEST_F(Redirect, KeepsTheCredentialsAtHome) {
    TestServer elsewhere{ScriptedTarget()};
    const std::string options = R"({"headers": {"X-Api-Key": "secret", "Cookie": "id=1", "Accept": "text/plain"},
                                    "auth": {"bearer": "token"}})";
    harness.check(server.url(to(302, elsewhere.url("/status/200"))), options);
    ASSERT_EQ(elsewhere.requests().size(), 1u);
    const Request foreign = elsewhere.requests().front();
    EXPECT_EQ(foreign.header("X-Api-Key"), "");
    EXPECT_EQ(foreign.header("Cookie"), "");
    EXPECT_EQ(foreign.header("Authorization"), "");
    EXPECT_EQ(foreign.header("Accept"), "text/plain");
    harness.check(server.url(to(302, "/status/200")), options);
    EXPECT_EQ(server.requests().back().header("X-Api-Key"), "secret");
    EXPECT_EQ(server.requests().back().header("Authorization"), "Bearer token");
    const std::string basic = R"({"auth": {"basic": {"username": "me", "password": "secret"}}})";
    harness.check(server.url(to(302, elsewhere.url("/status/200"))), basic);
    EXPECT_EQ(elsewhere.requests().back().header("Authorization"), "");
}

TEST_F(Redirect, GivesTheCredentialsBackWhenItReturnsHome) {
    TestServer elsewhere([&](const Request&) { return respond(302, "", {{"Location", server.url("/status/200")}}); });
    harness.check(server.url(to(302, elsewhere.url("/"))), R"({"auth": {"bearer": "token"}})");
    EXPECT_EQ(elsewhere.requests().back().header("Authorization"), "");
    EXPECT_EQ(server.requests().back().header("Authorization"), "Bearer token");
}

TEST_F(Redirect, DoesNotSendTheUserOfItsLocation) {
    const std::string home = "http://user:word@127.0.0.1:" + std::to_string(server.port()) + "/status/200";
    EXPECT_EQ(harness.check(server.url(to(302, home))).error, ErrorClass::none);
    EXPECT_EQ(server.requests().back().header("Authorization"), "");
}

TEST_F(Redirect, IsUnderTheAddressPolicy) {
    engine::EngineSettings settings;
    settings.addresses.blocked = engine::parse_networks("169.254.0.0/16");
    EngineHarness guarded(std::move(settings));
    const CheckResult result = guarded.check(server.url(to(302, "http://169.254.169.254/latest/meta-data")));
    EXPECT_EQ(result.error, ErrorClass::policy);
    EXPECT_EQ(result.detail, "address 169.254.169.254 is in a blocked network");
}

TEST_F(Redirect, LeadsToHttpOnly) {
    for (const char* location : {"file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:70/x"}) {
        const CheckResult result = harness.check(server.url(to(302, location)));
        EXPECT_EQ(result.error, ErrorClass::protocol);
        EXPECT_EQ(result.detail, std::string("redirect to what is no http or https URL: ") + location);
    }
}

TEST_F(Redirect, TellsTheFailureOfItsLastHop) {
    const std::string port = std::to_string(refused_port());
    const CheckResult result = harness.check(server.url(to(302, "http://127.0.0.1:" + port + "/")));
    EXPECT_EQ(result.detail, "connection refused by 127.0.0.1:" + port);
    EXPECT_EQ(result.http_status, 302);
}

TEST_F(Redirect, SharesTheTimeoutOfTheCheck) {
    const CheckResult result = harness.check(server.url(to(302, "/hang")), "{}", 200'000);
    EXPECT_EQ(result.error, ErrorClass::timeout);
    EXPECT_GE(result.response_us, 200'000);
}

}  // namespace
}  // namespace pulsimo::test
