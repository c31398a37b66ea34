#include "engine/wire.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

namespace pulsimo::engine {
namespace {

constexpr auto kLowest = std::numeric_limits<std::int64_t>::min();
constexpr auto kHighest = std::numeric_limits<std::int64_t>::max();
constexpr auto kHighestId = std::numeric_limits<std::uint64_t>::max();

std::vector<Command> some_commands() {
    return {
        Upsert{{42, 60'000'000, 10'000'000, "https://example.com/health", R"({"method": "GET"})"}},
        Remove{kHighest},
        CheckNow{-1, kHighestId},
        RetryAfter{7, kLowest},
        SetAccepting{false},
        SetAccepting{true},
        Upsert{{0, 0, 0, "", std::string("with\0zero", 9)}},
        Upsert{{1, 2, 3, "http://10.0.0.1/", "{}", OwnNetworks{"10.0.0.0/8, fe80::/10", "10.0.0.1"},
                CronText{"*/5 * * * *", "Europe/Berlin"}}},
    };
}

CheckResult some_result() {
    CheckResult result;
    result.endpoint_id = 42;
    result.request_id = kHighestId;
    result.started_at_us = 1'700'000'000'123'456;
    result.lateness_us = 17;
    result.skipped_slots = 3;
    result.stall_us = 99;
    result.error = ErrorClass::certificate;
    result.detail = "certificate expired 3 days ago — Grüße";
    result.response_us = std::numeric_limits<std::int32_t>::max();
    result.phases = {1, 2, 3, Phases::kNotReached, 5};
    result.http_status = 503;
    result.certificate_expires_at_s = 1'800'000'000;
    result.certificate_issuer = "CN=Some Authority";
    result.excerpt = R"({"url":"https://example.com/","body":"a \"\n"})";
    return result;
}

std::string encoded(const std::vector<Command>& commands) {
    std::string message;
    for (const Command& command : commands) append(message, command);
    return message;
}

std::string encoded(const CheckResult& result) {
    std::string message;
    append(message, result);
    return message;
}

TEST(Wire, BringsCommandsOverUnchanged) {
    const auto commands = some_commands();
    const std::string message = encoded(commands);
    const auto decoded = decode_commands(message);
    ASSERT_EQ(decoded.size(), commands.size());
    EXPECT_EQ(encoded(decoded), message);
    EXPECT_EQ(std::get<Upsert>(decoded[0]).config, std::get<Upsert>(commands[0]).config);
    EXPECT_EQ(std::get<Remove>(decoded[1]).endpoint_id, kHighest);
    EXPECT_EQ(std::get<CheckNow>(decoded[2]).endpoint_id, -1);
    EXPECT_EQ(std::get<CheckNow>(decoded[2]).request_id, kHighestId);
    EXPECT_EQ(std::get<RetryAfter>(decoded[3]).endpoint_id, 7);
    EXPECT_EQ(std::get<RetryAfter>(decoded[3]).delay_us, kLowest);
    EXPECT_FALSE(std::get<SetAccepting>(decoded[4]).accepting);
    EXPECT_TRUE(std::get<SetAccepting>(decoded[5]).accepting);
    EXPECT_EQ(std::get<Upsert>(decoded[6]).config, std::get<Upsert>(commands[6]).config);
    EXPECT_EQ(std::get<Upsert>(decoded[7]).config, std::get<Upsert>(commands[7]).config);
    EXPECT_EQ(std::get<Upsert>(decoded[7]).config.networks->blocked, "10.0.0.0/8, fe80::/10");
    EXPECT_EQ(std::get<Upsert>(decoded[7]).config.networks->allowed, "10.0.0.1");
    EXPECT_EQ(std::get<Upsert>(decoded[7]).config.cron->expression, "*/5 * * * *");
    EXPECT_EQ(std::get<Upsert>(decoded[7]).config.cron->timezone, "Europe/Berlin");
}

TEST(Wire, BringsResultsOverUnchanged) {
    const CheckResult sent = some_result();
    const auto decoded = decode_results(encoded(CheckResult{}) + encoded(sent));
    ASSERT_EQ(decoded.size(), 2U);
    EXPECT_EQ(encoded(decoded[0]), encoded(CheckResult{}));
    const CheckResult& got = decoded[1];
    EXPECT_EQ(got.endpoint_id, sent.endpoint_id);
    EXPECT_EQ(got.request_id, sent.request_id);
    EXPECT_EQ(got.started_at_us, sent.started_at_us);
    EXPECT_EQ(got.lateness_us, sent.lateness_us);
    EXPECT_EQ(got.skipped_slots, sent.skipped_slots);
    EXPECT_EQ(got.stall_us, sent.stall_us);
    EXPECT_EQ(got.error, sent.error);
    EXPECT_EQ(got.detail, sent.detail);
    EXPECT_EQ(got.response_us, sent.response_us);
    EXPECT_EQ(got.phases.dns_us, 1);
    EXPECT_EQ(got.phases.connect_us, 2);
    EXPECT_EQ(got.phases.tls_us, 3);
    EXPECT_EQ(got.phases.first_byte_us, Phases::kNotReached);
    EXPECT_EQ(got.phases.transfer_us, 5);
    EXPECT_EQ(got.http_status, sent.http_status);
    EXPECT_EQ(got.certificate_expires_at_s, sent.certificate_expires_at_s);
    EXPECT_EQ(got.certificate_issuer, sent.certificate_issuer);
    EXPECT_EQ(got.excerpt, sent.excerpt);
}

TEST(Wire, TakesAnEmptyMessageForNothing) {
    EXPECT_TRUE(decode_commands({}).empty());
    EXPECT_TRUE(decode_results({}).empty());
}

TEST(Wire, MakesTextsSafeOnArrival) {
    CheckResult result;
    result.detail = "bad \xFF\n" + std::string(500, 'x');
    result.certificate_issuer = std::string(500, 'y') + "ä";
    const auto decoded = decode_results(encoded(result));
    EXPECT_EQ(decoded[0].detail, "bad ? " + std::string(294, 'x'));
    EXPECT_EQ(decoded[0].certificate_issuer, std::string(300, 'y'));
}

TEST(Wire, DropsAnExcerptThatNoDatabaseCouldStore) {
    CheckResult result;
    for (const char* bad : {"text", "[]", R"({"body":"\u0000"})", "{\"body\":\"\xFF\"}"}) {
        result.excerpt = bad;
        EXPECT_EQ(decode_results(encoded(result))[0].excerpt, "") << bad;
    }
    result.excerpt = "{\"body\":\"" + std::string(CheckResult::kMaxExcerpt, 'x') + "\"}";
    EXPECT_EQ(decode_results(encoded(result))[0].excerpt, "");
}

// Where a record ends a shorter message is complete; everywhere else it must be refused.
TEST(Wire, RefusesAMessageCutAnywhereElse) {
    std::string message;
    std::vector<std::size_t> ends = {0};
    for (const Command& command : some_commands()) {
        append(message, command);
        ends.push_back(message.size());
    }
    for (std::size_t size = 0; size < message.size(); ++size) {
        const std::span<const char> cut(message.data(), size);
        if (std::find(ends.begin(), ends.end(), size) != ends.end()) {
            EXPECT_NO_THROW(decode_commands(cut)) << size;
        } else {
            EXPECT_THROW(decode_commands(cut), WireError) << size;
        }
    }
    const std::string result = encoded(some_result());
    for (std::size_t size = 1; size < result.size(); ++size) {
        EXPECT_THROW(decode_results(std::span(result.data(), size)), WireError) << size;
    }
}

TEST(Wire, RefusesWhatItDoesNotKnow) {
    EXPECT_THROW(decode_commands(encoded(some_result())), WireError);
    EXPECT_THROW(decode_results(encoded({Remove{1}})), WireError);
    EXPECT_THROW(decode_commands(std::string("\x7F")), WireError);
    std::string truth = encoded({SetAccepting{true}});
    truth.back() = 2;
    EXPECT_THROW(decode_commands(truth), WireError);
    std::string message = encoded(CheckResult{});
    const std::size_t error_byte = 1 + 8 + 8 + 8 + 4 + 4 + 4;
    message[error_byte] = 14;
    EXPECT_THROW(decode_results(message), WireError);
}

// Decodes to something that encodes to the same bytes, or throws WireError; never anything else.
template <class Decode>
void expect_bounded(const std::string& message, Decode decode) {
    try {
        std::string again;
        for (const auto& record : decode(std::span<const char>(message))) append(again, record);
        EXPECT_LE(again.size(), message.size());
    } catch (const WireError&) {
    }
}

TEST(Wire, SurvivesRandomBytes) {
    std::mt19937 random(7);
    for (int round = 0; round < 3000; ++round) {
        std::string message(random() % 200, '\0');
        for (char& c : message) c = static_cast<char>(random() % 4 == 0 ? random() % 256 : random() % 6);
        if (!message.empty() && random() % 2 == 0) message[0] = '\xFF';
        expect_bounded(message, decode_commands);
        expect_bounded(message, decode_results);
    }
}

TEST(Wire, SurvivesChangedBytes) {
    std::mt19937 random(8);
    const std::string commands = encoded(some_commands());
    const std::string results = encoded(some_result()) + encoded(CheckResult{});
    for (int round = 0; round < 3000; ++round) {
        for (std::string message : {commands, results}) {
            message[random() % message.size()] = static_cast<char>(random());
            message[random() % message.size()] = static_cast<char>(random());
            expect_bounded(message, decode_commands);
            expect_bounded(message, decode_results);
        }
    }
}

}  // namespace
}  // namespace pulsimo::engine
