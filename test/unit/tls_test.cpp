// HTTPS with certificates made for the test: what is accepted, what is refused, and how a refusal reads.
#include <gtest/gtest.h>

#include <ctime>

#include "unit/support/engine_harness.hpp"
#include "unit/support/scripted_target.hpp"

namespace pulsimo::test {
namespace {

using engine::CheckResult;
using engine::ErrorClass;
using engine::Phases;

constexpr long kDay = 86400;

class Tls : public testing::Test {
  protected:
    CertificateOptions trusted() const {
        CertificateOptions options;
        options.issuer = &authority;
        return options;
    }

    // A check of a server with this certificate, trusting the authority of the test.
    CheckResult check(const Certificate& certificate, const std::string& more = "", const std::string& host = "") {
        TestServer::Options options;
        options.certificate = &certificate;
        TestServer server(ScriptedTarget(), options);
        return harness.check(server.url("/", host), "{\"ca_certificate\": " + quoted(authority.pem()) + more + "}");
    }

    static std::string quoted(const std::string& text) {
        std::string json = "\"";
        for (const char c : text) json += c == '\n' ? "\\n" : std::string(1, c);
        return json + "\"";
    }

    Certificate authority = make_authority();
    EngineHarness harness;
};

void expect_refusal(const CheckResult& result, const std::string& detail) {
    EXPECT_EQ(to_string(result.error), "certificate") << result.detail;
    EXPECT_EQ(result.detail, detail);
    EXPECT_NE(result.certificate_expires_at_s, 0);
    EXPECT_NE(result.certificate_issuer, "");
    EXPECT_EQ(result.http_status, 0);
}

TEST_F(Tls, PassesWithTheRightAuthority) {
    CertificateOptions options = trusted();
    options.valid_to_s = 60 * kDay;
    const CheckResult result = check(make_certificate(options));
    EXPECT_EQ(result.error, ErrorClass::none) << result.detail;
    EXPECT_NEAR(static_cast<double>(result.certificate_expires_at_s),
                static_cast<double>(std::time(nullptr) + 60 * kDay), 3600.0);
    EXPECT_EQ(result.certificate_issuer, "CN = Pulsimo Test Authority");
    EXPECT_GT(result.phases.tls_us, 0);
    EXPECT_GT(result.phases.connect_us, 0);
    EXPECT_GE(result.phases.first_byte_us, 0);
}

TEST_F(Tls, TellsSinceWhenACertificateIsExpired) {
    CertificateOptions options = trusted();
    options.valid_from_s = -30 * kDay;
    options.valid_to_s = -3 * kDay - 60;
    const CheckResult result = check(make_certificate(options));
    expect_refusal(result, "certificate expired 3 days ago");
    EXPECT_GE(result.phases.connect_us, 0);
    EXPECT_EQ(result.phases.tls_us, Phases::kNotReached);
}

TEST_F(Tls, TellsACertificateOfTheFuture) {
    CertificateOptions options = trusted();
    options.valid_from_s = 2 * kDay + 600;
    expect_refusal(check(make_certificate(options)), "certificate becomes valid in 2 days");
}

TEST_F(Tls, TellsASelfSignedCertificate) {
    expect_refusal(check(make_certificate({})), "certificate is self-signed");
}

TEST_F(Tls, TellsAnIssuerThatIsNotTrusted) {
    const Certificate stranger = make_authority("Somebody Else");
    CertificateOptions options;
    options.issuer = &stranger;
    expect_refusal(check(make_certificate(options)), "certificate issuer is not trusted: CN = Somebody Else");
}

TEST_F(Tls, DoesNotTrustTheAuthorityOfTheTestByItself) {
    const Certificate certificate = make_certificate(trusted());
    TestServer::Options options;
    options.certificate = &certificate;
    TestServer server(ScriptedTarget(), options);
    EXPECT_EQ(to_string(harness.check(server.url("/")).error), "certificate");
}

TEST_F(Tls, TellsWhichNamesACertificateIsFor) {
    CertificateOptions options = trusted();
    options.names = {"DNS:other.example", "DNS:*.more.example"};
    expect_refusal(check(make_certificate(options)),
                   "certificate is for other.example, *.more.example, not for 127.0.0.1");
    expect_refusal(check(make_certificate(options), "", "localhost"),
                   "certificate is for other.example, *.more.example, not for localhost");
}

TEST_F(Tls, AsksForTheConfiguredServerName) {
    CertificateOptions options = trusted();
    options.names = {"DNS:other.example"};
    const Certificate certificate = make_certificate(options);
    TestServer::Options server_options;
    server_options.certificate = &certificate;
    TestServer server(ScriptedTarget(), server_options);
    const CheckResult result = harness.check(
        server.url("/"), "{\"server_name\": \"other.example\", \"ca_certificate\": " + quoted(authority.pem()) + "}");
    EXPECT_EQ(result.error, ErrorClass::none) << result.detail;
    EXPECT_EQ(server.requests().back().header("Host"), "127.0.0.1:" + std::to_string(server.port()));
}

// libcurl would keep the connection as one to the host of that name, and give it to checks of the real one.
TEST_F(Tls, KeepsNoConnectionUnderAServerName) {
    CertificateOptions options = trusted();
    options.names = {"DNS:other.example"};
    const Certificate certificate = make_certificate(options);
    TestServer::Options server_options;
    server_options.certificate = &certificate;
    TestServer server(ScriptedTarget(), server_options);
    const std::string reuse = "{\"reuse_connection\": true, \"server_name\": \"other.example\", \"ca_certificate\": " +
                              quoted(authority.pem()) + "}";
    EXPECT_EQ(harness.check(server.url("/"), reuse).error, ErrorClass::none);
    EXPECT_EQ(harness.check(server.url("/"), reuse).error, ErrorClass::none);
    EXPECT_EQ(server.connections(), 2);
}

TEST_F(Tls, OnlyReportsWhenInsecure) {
    CertificateOptions options;
    options.names = {"DNS:other.example"};
    options.valid_from_s = -30 * kDay;
    options.valid_to_s = -3 * kDay;
    const Certificate certificate = make_certificate(options);
    TestServer::Options server_options;
    server_options.certificate = &certificate;
    TestServer server(ScriptedTarget(), server_options);
    const CheckResult result = harness.check(server.url("/"), R"({"insecure": true})");
    EXPECT_EQ(result.error, ErrorClass::none) << result.detail;
    EXPECT_LT(result.certificate_expires_at_s, std::time(nullptr));
    EXPECT_NE(result.certificate_issuer, "");
}

TEST_F(Tls, SeesTheCertificateOfAConnectionThatIsUsedAgain) {
    const Certificate certificate = make_certificate(trusted());
    TestServer::Options options;
    options.certificate = &certificate;
    TestServer server(ScriptedTarget(), options);
    const std::string reuse = "{\"reuse_connection\": true, \"ca_certificate\": " + quoted(authority.pem()) + "}";
    const CheckResult first = harness.check(server.url("/"), reuse);
    const CheckResult second = harness.check(server.url("/"), reuse);
    EXPECT_EQ(server.connections(), 1);
    EXPECT_NE(first.certificate_expires_at_s, 0);
    EXPECT_EQ(second.certificate_expires_at_s, first.certificate_expires_at_s);
    EXPECT_EQ(second.certificate_issuer, first.certificate_issuer);
    EXPECT_EQ(second.phases.tls_us, Phases::kNotReached);
}

TEST_F(Tls, TellsAHandshakeThatFails) {
    TestServer::Options options;
    const Certificate certificate = make_certificate(trusted());
    options.certificate = &certificate;
    options.newest_tls = TLS1_1_VERSION;  // refused by both sides' defaults
    TestServer old(ScriptedTarget(), options);
    const CheckResult result = harness.check(old.url("/"));
    EXPECT_EQ(to_string(result.error), "tls");
    EXPECT_EQ(result.detail.find("TLS handshake with 127.0.0.1:" + std::to_string(old.port()) + " failed: "), 0u)
        << result.detail;
    EXPECT_EQ(result.certificate_expires_at_s, 0);
}

}  // namespace
}  // namespace pulsimo::test
