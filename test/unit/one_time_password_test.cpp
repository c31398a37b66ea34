#include "secrets/one_time_password.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace pulsimo::secrets {
namespace {

constexpr std::string_view kSecret = "12345678901234567890";  // of both RFCs
constexpr std::int64_t kNow = 1'700'000'000;
constexpr std::int64_t kNeverUsed = -1;

TEST(OneTimePassword, IsThatOfRfc4226AppendixD) {
    const char* expected[] = {"755224", "287082", "359152", "969429", "338314",
                              "254676", "287922", "162583", "399871", "520489"};
    for (int step = 0; step < 10; ++step) EXPECT_EQ(one_time_password(kSecret, step), expected[step]) << step;
}

TEST(OneTimePassword, IsThatOfRfc6238AppendixB) {
    const struct {
        std::int64_t unix_s;
        const char* password;
    } cases[] = {
        {59, "94287082"},
        {1'111'111'109, "07081804"},
        {1'111'111'111, "14050471"},
        {1'234'567'890, "89005924"},
        {2'000'000'000, "69279037"},
        {20'000'000'000, "65353130"},
    };
    for (const auto& [unix_s, password] : cases) {
        EXPECT_EQ(one_time_password(kSecret, step_at(unix_s), 8), password) << unix_s;
    }
}

TEST(OneTimePassword, TakesSecretsOfAnyLength) {
    for (const std::size_t length : {1U, 16U, 64U, 65U, 1000U}) {
        EXPECT_EQ(one_time_password(std::string(length, '\xff'), 1).size(), 6U) << length;
    }
    EXPECT_NE(one_time_password(std::string(65, 'a'), 1), one_time_password(std::string(66, 'a'), 1));
}

TEST(OneTimePassword, RefusesWhatIsNotSafe) {
    EXPECT_THROW(one_time_password("", 1), std::invalid_argument);
    EXPECT_THROW(matching_step("", "123456", kNow, kNeverUsed), std::invalid_argument);
    EXPECT_THROW(one_time_password(kSecret, 1, 5), std::invalid_argument);
    EXPECT_THROW(one_time_password(kSecret, 1, 10), std::invalid_argument);
    EXPECT_EQ(one_time_password(kSecret, 1, 9).size(), 9U);
}

TEST(StepAt, ChangesEveryThirtySeconds) {
    EXPECT_EQ(step_at(0), 0);
    EXPECT_EQ(step_at(29), 0);
    EXPECT_EQ(step_at(30), 1);
    EXPECT_EQ(step_at(20'000'000'000), 0x27BC86AA);
}

TEST(MatchingStep, IsWithinOneStepOfNow) {
    const std::int64_t now = step_at(kNow);
    for (int distance = -3; distance <= 3; ++distance) {
        const auto found = matching_step(kSecret, one_time_password(kSecret, now + distance), kNow, kNeverUsed);
        if (distance >= -1 && distance <= 1) {
            EXPECT_EQ(found, now + distance) << distance;
        } else {
            EXPECT_EQ(found, std::nullopt) << distance;
        }
    }
}

TEST(MatchingStep, MovesAtTheEdgeOfAStep) {
    const std::int64_t begin = step_at(kNow) * 30;
    const std::string code = one_time_password(kSecret, step_at(kNow));
    EXPECT_FALSE(matching_step(kSecret, code, begin - 31, kNeverUsed));
    EXPECT_TRUE(matching_step(kSecret, code, begin - 30, kNeverUsed));
    EXPECT_TRUE(matching_step(kSecret, code, begin + 59, kNeverUsed));
    EXPECT_FALSE(matching_step(kSecret, code, begin + 60, kNeverUsed));
}

TEST(MatchingStep, TakesACodeOnce) {
    const std::int64_t now = step_at(kNow);
    const std::string code = one_time_password(kSecret, now);
    ASSERT_EQ(matching_step(kSecret, code, kNow, now - 1), now);
    EXPECT_FALSE(matching_step(kSecret, code, kNow, now));
    EXPECT_FALSE(matching_step(kSecret, code, kNow + 30, now));
    EXPECT_EQ(matching_step(kSecret, one_time_password(kSecret, now + 1), kNow, now), now + 1);
}

TEST(MatchingStep, TakesNoOlderCodeThanTheLast) {
    const std::int64_t now = step_at(kNow);
    EXPECT_FALSE(matching_step(kSecret, one_time_password(kSecret, now - 1), kNow, now));
    EXPECT_FALSE(matching_step(kSecret, one_time_password(kSecret, now + 1), kNow, now + 5));
}

// One step in a million has the same password as the next; this is the first of this secret.
TEST(MatchingStep, IsTheLaterOfTwoWithTheSameCode) {
    constexpr std::int64_t kStep = 910'737;
    const std::string code = one_time_password(kSecret, kStep);
    ASSERT_EQ(one_time_password(kSecret, kStep + 1), code);
    EXPECT_EQ(matching_step(kSecret, code, kStep * 30, kNeverUsed), kStep + 1);
    EXPECT_FALSE(matching_step(kSecret, code, kStep * 30, kStep + 1));
}

TEST(MatchingStep, IgnoresSpacesOnly) {
    const std::int64_t now = step_at(kNow);
    const std::string code = one_time_password(kSecret, now);
    EXPECT_EQ(matching_step(kSecret, " " + code.substr(0, 3) + " " + code.substr(3) + " ", kNow, kNeverUsed), now);
    for (const std::string& other :
         {std::string(), std::string("      "), code.substr(1), code + "0", "0" + code, code.substr(0, 5) + "x",
          code.substr(0, 3) + "-" + code.substr(3), code + std::string(1, '\0'), std::string(6, '\0')}) {
        EXPECT_EQ(matching_step(kSecret, other, kNow, kNeverUsed), std::nullopt) << other;
    }
}

TEST(MatchingStep, RefusesTheCodeOfAnotherSecret) {
    const std::int64_t now = step_at(kNow);
    EXPECT_FALSE(matching_step("another secret......", one_time_password(kSecret, now), kNow, kNeverUsed));
}

TEST(MatchingStep, KnowsNoEndOfTime) {
    constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(matching_step(kSecret, one_time_password(kSecret, step_at(kEnd)), kEnd, kNeverUsed), step_at(kEnd));
    EXPECT_EQ(matching_step(kSecret, one_time_password(kSecret, 0), 0, kNeverUsed), 0);
    EXPECT_FALSE(matching_step(kSecret, one_time_password(kSecret, -1), 0, kNeverUsed));
}

TEST(Base32, IsThatOfRfc4648WithoutPadding) {
    EXPECT_EQ(base32(""), "");
    EXPECT_EQ(base32("f"), "MY");
    EXPECT_EQ(base32("fo"), "MZXQ");
    EXPECT_EQ(base32("foo"), "MZXW6");
    EXPECT_EQ(base32("foob"), "MZXW6YQ");
    EXPECT_EQ(base32("fooba"), "MZXW6YTB");
    EXPECT_EQ(base32("foobar"), "MZXW6YTBOI");
    EXPECT_EQ(base32(kSecret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    EXPECT_EQ(base32(std::string("\xff\xff\xff\xff\xff\0\0\0\0\0", 10)), "77777777AAAAAAAA");
}

TEST(OtpauthUri, IsWhatAuthenticatorAppsRead) {
    EXPECT_EQ(otpauth_uri("Pulsimo", "ann@example.com", kSecret),
              "otpauth://totp/Pulsimo:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Pulsimo");
}

TEST(OtpauthUri, EncodesWhatWouldMeanSomethingElse) {
    EXPECT_EQ(otpauth_uri("A & B/ü?", "x#y=z%+~", "f"),
              "otpauth://totp/A%20%26%20B%2F%C3%BC%3F:x%23y%3Dz%25%2B~?secret=MY&issuer=A%20%26%20B%2F%C3%BC%3F");
    EXPECT_EQ(otpauth_uri("host:8080", "a:b", "f"), "otpauth://totp/host-8080:a-b?secret=MY&issuer=host-8080");
}

}  // namespace
}  // namespace pulsimo::secrets
