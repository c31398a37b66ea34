// One HTTP check of each kind against a real server on loopback: what comes out and in which words.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "unit/support/engine_harness.hpp"
#include "unit/support/scripted_target.hpp"

namespace pulsimo::test {
namespace {

using engine::CheckResult;
using engine::ErrorClass;
using engine::Phases;

class HttpCheck : public testing::Test {
  protected:
    CheckResult check(const std::string& path, const std::string& options = "{}",
                      std::int64_t timeout_us = 10'000'000) {
        return harness.check(server.url(path), options, timeout_us);
    }
    std::string peer() const { return "127.0.0.1:" + std::to_string(server.port()); }

    TestServer server{ScriptedTarget()};
    EngineHarness harness;
};

void expect_failure(const CheckResult& result, ErrorClass error, const std::string& detail) {
    EXPECT_EQ(to_string(result.error), to_string(error)) << result.detail;
    EXPECT_EQ(result.detail, detail);
}

TEST_F(HttpCheck, Passes) {
    const CheckResult result = check("/");
    expect_failure(result, ErrorClass::none, "");
    EXPECT_EQ(result.http_status, 200);
    EXPECT_EQ(result.request_id, 1u);
    EXPECT_GT(result.started_at_us, 1'600'000'000'000'000);
    EXPECT_GT(result.response_us, 0);
    EXPECT_EQ(result.phases.dns_us, Phases::kNotReached);
    EXPECT_GT(result.phases.connect_us, 0);
    EXPECT_EQ(result.phases.tls_us, Phases::kNotReached);
    EXPECT_GE(result.phases.first_byte_us, 0);
    EXPECT_GE(result.phases.transfer_us, 0);
    EXPECT_EQ(result.certificate_expires_at_s, 0);
}

TEST_F(HttpCheck, MeasuresTheFirstByteAndTheTransferApart) {
    // The phases are held to half of the server's delay: on a busy machine we may see late when one begins.
    const CheckResult late = check("/delay/120");
    EXPECT_EQ(late.error, ErrorClass::none);
    EXPECT_GE(late.phases.first_byte_us, 60'000);
    EXPECT_GE(late.response_us, 120'000);
    const CheckResult slow = check("/slow-body/120");
    EXPECT_EQ(slow.error, ErrorClass::none);
    EXPECT_GE(slow.phases.transfer_us, 60'000);
    EXPECT_GE(slow.response_us, 120'000);
}

TEST_F(HttpCheck, MeasuresTheFirstByteOfAnAnswerToAPost) {
    const CheckResult late = check("/delay/120", R"({"method": "POST", "body": "x"})");
    EXPECT_GE(late.phases.first_byte_us, 60'000);
}

TEST_F(HttpCheck, TellsAnUnexpectedStatus) {
    const CheckResult result = check("/status/503");
    expect_failure(result, ErrorClass::status, "unexpected status 503, expected 200-299");
    EXPECT_EQ(result.http_status, 503);
    EXPECT_EQ(check("/status/503", R"({"expected_status": [503]})").error, ErrorClass::none);
}

TEST_F(HttpCheck, TellsARefusedConnection) {
    const std::string port = std::to_string(refused_port());
    expect_failure(harness.check("http://127.0.0.1:" + port + "/"), ErrorClass::refused,
                   "connection refused by 127.0.0.1:" + port);
}

TEST_F(HttpCheck, TellsAResetBeforeAndInTheMiddleOfTheAnswer) {
    const CheckResult before = check("/reset");
    expect_failure(before, ErrorClass::reset, "connection reset by " + peer() + " after 0 bytes");
    EXPECT_EQ(before.http_status, 0);
    const CheckResult middle = check("/reset-middle");
    EXPECT_EQ(middle.error, ErrorClass::reset) << middle.detail;
}

TEST_F(HttpCheck, TellsAConnectionClosedTooEarly) {
    expect_failure(check("/close"), ErrorClass::reset, "connection closed by " + peer() + " without an answer");
    const CheckResult middle = check("/close-middle");
    EXPECT_EQ(middle.error, ErrorClass::reset);
    EXPECT_NE(middle.detail.find("more were announced"), std::string::npos) << middle.detail;
    EXPECT_EQ(middle.http_status, 200);
}

TEST_F(HttpCheck, TellsWhatItWaitedForWhenTheTimeWasUp) {
    expect_failure(check("/hang", "{}", 150'000), ErrorClass::timeout,
                   "no answer within 150 ms (waiting for the first byte from " + peer() + ")");
    const CheckResult body = check("/slow-body/60000", "{}", 150'000);
    EXPECT_EQ(body.error, ErrorClass::timeout);
    EXPECT_EQ(body.detail.find("no answer within 150 ms (reading from " + peer() + " after "), 0u) << body.detail;
    EXPECT_GE(body.phases.first_byte_us, 0);
    EXPECT_EQ(body.phases.transfer_us, Phases::kNotReached);
}

TEST_F(HttpCheck, TellsATimeoutWhileConnecting) {
    const SilentPort silent;
    const std::string address = "127.0.0.1:" + std::to_string(silent.port());
    const CheckResult result = harness.check("http://" + address + "/", "{}", 150'000);
    expect_failure(result, ErrorClass::timeout, "no answer within 150 ms (connecting to " + address + ")");
    EXPECT_EQ(result.phases.connect_us, Phases::kNotReached);
}

TEST_F(HttpCheck, TellsATimeoutInTheTlsHandshake) {
    const CheckResult result = harness.check("https://127.0.0.1:" + std::to_string(server.port()) + "/", "{}", 150'000);
    expect_failure(result, ErrorClass::timeout, "no answer within 150 ms (TLS handshake with " + peer() + ")");
}

TEST_F(HttpCheck, TellsAnswersThatAreNotHttp) {
    for (const char* path : {"/garbage", "/bad-chunk", "/bad-gzip"}) {
        const CheckResult result = check(path);
        EXPECT_EQ(to_string(result.error), "protocol") << path << ": " << result.detail;
        EXPECT_EQ(result.detail.find("bad answer from " + peer() + ": "), 0u) << result.detail;
    }
}

TEST_F(HttpCheck, BoundsTheBody) {
    expect_failure(check("/body/3000000"), ErrorClass::too_large, "response body exceeds 1048576 bytes");
    EXPECT_EQ(check("/body/1048576").error, ErrorClass::none);
    expect_failure(check("/body/11", R"({"max_body_bytes": 10})"), ErrorClass::too_large,
                   "response body exceeds 10 bytes");
}

TEST_F(HttpCheck, BoundsTheBodyAfterDecompression) {
    EXPECT_EQ(to_string(check("/gzip/100000000").error), "too_large");
}

TEST_F(HttpCheck, DoesNotReadTheBodyWhenItMayHaveNoBytes) {
    EXPECT_EQ(check("/slow-body/60000", R"({"max_body_bytes": 0})").error, ErrorClass::none);
}

TEST_F(HttpCheck, TellsTheStatusOfAnErrorPageThatIsTooLarge) {
    TestServer big([](const Request&) { return respond(500, std::string(2'000'000, 'x')); });
    EXPECT_EQ(harness.check(big.url()).detail, "unexpected status 500, expected 200-299");
}

TEST_F(HttpCheck, BoundsTheHeaders) {
    EXPECT_EQ(check("/headers/60000").error, ErrorClass::none);
    const CheckResult result = check("/headers/70000");
    expect_failure(result, ErrorClass::too_large, "response headers exceed 65536 bytes");
}

TEST_F(HttpCheck, ChecksTheBodyAndTheHeaders) {
    EXPECT_EQ(check("/", R"({"body_contains": "ok"})").error, ErrorClass::none);
    expect_failure(check("/", R"({"body_contains": "fine"})"), ErrorClass::assertion, "body does not contain \"fine\"");
    EXPECT_EQ(check("/json/{\"a\":[1,2]}", R"({"json": [{"path": "$.a[1]", "value": 2}]})").error, ErrorClass::none);
    const std::string is_json =
        R"({"response_headers": [{"name": "content-type", "op": "contains", "value": "json"}]})";
    EXPECT_EQ(check("/json/1", is_json).error, ErrorClass::none);
    EXPECT_EQ(to_string(check("/", is_json).error), "assertion");
}

TEST_F(HttpCheck, ChecksTheDecompressedBody) {
    TestServer compressing([](const Request& request) {
        return respond(200, request.header("Accept-Encoding").empty() ? "plain" : "offered");
    });
    EXPECT_EQ(harness.check(compressing.url(), R"({"body_contains": "offered"})").error, ErrorClass::none);
    EXPECT_EQ(harness.check(compressing.url(), R"({"body_contains": "plain", "compression": false})").error,
              ErrorClass::none);
}

TEST_F(HttpCheck, SendsMethodHeadersBodyAndCredentials) {
    check("/status/200", R"({"method": "PUT", "body": "{}", "headers": {"X-One": "1", "X-Empty": ""},
                             "auth": {"basic": {"username": "me", "password": "secret"}}})");
    check("/status/200", R"({"method": "DELETE", "auth": {"bearer": "token"}})");
    check("/status/200", R"({"method": "POST"})");
    check("/status/200", R"({"method": "HEAD"})");
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 4u);
    EXPECT_EQ(requests[0].method, "PUT");
    EXPECT_EQ(requests[0].body, "{}");
    EXPECT_EQ(requests[0].header("X-One"), "1");
    EXPECT_EQ(requests[0].header("Content-Type"), "");
    EXPECT_EQ(requests[0].header("Expect"), "");
    EXPECT_EQ(requests[0].header("Authorization"), "Basic bWU6c2VjcmV0");
    EXPECT_EQ(requests[0].header("User-Agent"), "Pulsimo");
    EXPECT_EQ(requests[1].method, "DELETE");
    EXPECT_EQ(requests[1].header("Authorization"), "Bearer token");
    EXPECT_EQ(requests[2].method, "POST");
    EXPECT_EQ(requests[2].header("Content-Length"), "0");
    EXPECT_EQ(requests[3].method, "HEAD");
}

TEST_F(HttpCheck, OpensANewConnectionUnlessAskedToReuse) {
    check("/");
    check("/");
    EXPECT_EQ(server.connections(), 2);
    const std::string reuse = R"({"reuse_connection": true})";
    check("/", reuse);
    const CheckResult again = check("/", reuse);
    EXPECT_EQ(server.connections(), 3);
    EXPECT_EQ(again.error, ErrorClass::none);
    EXPECT_EQ(again.phases.connect_us, Phases::kNotReached);
}

TEST_F(HttpCheck, ReachesIpv6) {
    std::unique_ptr<TestServer> v6;
    TestServer::Options options;
    options.ipv6 = true;
    try {
        v6 = std::make_unique<TestServer>(ScriptedTarget(), options);
    } catch (const std::system_error& error) {
        GTEST_SKIP() << "no IPv6 on this machine: " << error.what();
    }
    EXPECT_EQ(harness.check(v6->url("/")).error, ErrorClass::none);
    expect_failure(harness.check(v6->url("/"), R"({"ip_version": "4"})"), ErrorClass::dns,
                   "::1 is not an IPv4 address");
}

TEST_F(HttpCheck, TellsAServerThatDoesNotSpeakTheWantedVersion) {
    EXPECT_EQ(check("/", R"({"http_version": "1.0"})").error, ErrorClass::none);
    TestServer old([](const Request&) -> Script { return {Step::send(response_head(400)), Step::close()}; });
    EXPECT_EQ(to_string(harness.check(old.url(), R"({"http_version": "2"})").error), "protocol");
}

TEST_F(HttpCheck, TakesNothingFromTheEnvironment) {
    const std::string nobody = "http://127.0.0.1:" + std::to_string(refused_port());
    for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"}) setenv(name, nobody.c_str(), 1);
    EXPECT_EQ(check("/").error, ErrorClass::none);
    for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"}) unsetenv(name);
}

TEST_F(HttpCheck, TakesAMissingRouteAsItsOwnTrouble) {
    // No machine has a way for a TCP connection to the broadcast address.
    expect_failure(harness.check("http://255.255.255.255/"), ErrorClass::internal,
                   "no local route to 255.255.255.255:80");
}

TEST_F(HttpCheck, MakesWhatItCannotProbeAResult) {
    const CheckResult result = harness.check(server.url("/"), R"({"no_such_key": 1})");
    EXPECT_EQ(result.error, ErrorClass::internal);
    EXPECT_EQ(result.detail.find("cannot use the options: "), 0u) << result.detail;
}

}  // namespace
}  // namespace pulsimo::test
