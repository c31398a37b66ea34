// Cron expressions: what they mean, what is refused, and how far apart their runs are. Local time is UTC here.
#include "engine/cron.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

#include "engine/invalid_option.hpp"
#include "unit/support/utc.hpp"

namespace pulsimo::engine {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kDay = 1440 * kMinute;

using test::Utc;

std::int64_t at(const char* text) {
    std::tm time{};
    strptime(text, "%Y-%m-%d %H:%M", &time);
    return timegm(&time) * kSecond;
}

std::string written(std::optional<std::int64_t> us) {
    if (!us) return "never";
    const auto seconds = static_cast<std::time_t>(*us / kSecond);
    std::tm time{};
    gmtime_r(&seconds, &time);
    char text[40];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M", &time);
    return text;
}

std::string next(const char* cron, const char* after) {
    return written(next_run_us(Cron(cron), Utc(), at(after)));
}

struct Expected {
    const char* cron;
    const char* after;
    std::vector<std::string> runs;
};

const std::vector<Expected> kExpected = {
    {"* * * * *", "2025-01-01 00:00", {"2025-01-01 00:01", "2025-01-01 00:02"}},
    {"*/15 * * * *", "2025-12-31 23:40", {"2025-12-31 23:45", "2026-01-01 00:00", "2026-01-01 00:15"}},
    {"*/5 9-17 * * 1-5", "2025-01-03 17:50", {"2025-01-03 17:55", "2025-01-06 09:00", "2025-01-06 09:05"}},
    {"0 9-17/2 * * *", "2025-01-01 14:00", {"2025-01-01 15:00", "2025-01-01 17:00", "2025-01-02 09:00"}},
    {"5,10-12,55-59/4 3 * * *",
     "2025-01-01 03:05",
     {"2025-01-01 03:10", "2025-01-01 03:11", "2025-01-01 03:12", "2025-01-01 03:55", "2025-01-01 03:59"}},
    {"  0\t0   1 jan,JUL\t* ", "2025-01-01 00:00", {"2025-07-01 00:00", "2026-01-01 00:00"}},
    {"0 12 * * MON", "2025-01-01 00:00", {"2025-01-06 12:00", "2025-01-13 12:00"}},
    {"0 12 * * 0", "2025-01-01 00:00", {"2025-01-05 12:00", "2025-01-12 12:00"}},
    {"0 12 * * 7", "2025-01-01 00:00", {"2025-01-05 12:00", "2025-01-12 12:00"}},
    {"0 12 * * sat-sun", "2025-01-01 00:00", {"2025-01-04 12:00", "2025-01-05 12:00", "2025-01-11 12:00"}},
    {"0 12 * * 6-7", "2025-01-01 00:00", {"2025-01-04 12:00", "2025-01-05 12:00", "2025-01-11 12:00"}},
    // Both day fields: one of them will do, unless one begins with *.
    {"0 0 13 * fri", "2025-06-07 00:00", {"2025-06-13 00:00", "2025-06-20 00:00", "2025-06-27 00:00"}},
    {"0 0 13 * fri", "2025-07-04 00:00", {"2025-07-11 00:00", "2025-07-13 00:00", "2025-07-18 00:00"}},
    {"0 0 */10 * mon", "2025-08-31 12:00", {"2025-09-01 00:00", "2025-12-01 00:00"}},
    {"0 0 L * *", "2025-01-31 00:00", {"2025-02-28 00:00", "2025-03-31 00:00", "2025-04-30 00:00"}},
    {"0 0 l 2 *", "2023-03-01 00:00", {"2024-02-29 00:00", "2025-02-28 00:00"}},
    {"0 0 15,L * *", "2025-01-31 00:00", {"2025-02-15 00:00", "2025-02-28 00:00", "2025-03-15 00:00"}},
    {"0 0 29 2 *", "2024-02-29 00:00", {"2028-02-29 00:00", "2032-02-29 00:00"}},
    {"0 0 29 2 *", "2096-02-29 00:00", {"2104-02-29 00:00"}},
    {"0 0 29 2 */7", "2088-03-01 00:00", {"2128-02-29 00:00"}},  // on a Sunday
    {"0 0 29 2 1", "2025-01-01 00:00", {"2025-02-03 00:00", "2025-02-10 00:00"}},
    {"0 0 31 2 1", "2025-01-01 00:00", {"2025-02-03 00:00", "2025-02-10 00:00"}},
    {"0 0 30,L 2 *", "2025-01-01 00:00", {"2025-02-28 00:00", "2026-02-28 00:00"}},
    {"0 0 31 * *", "2025-01-31 00:00", {"2025-03-31 00:00", "2025-05-31 00:00"}},
    {"59 23 31 12 *", "2025-01-01 00:00", {"2025-12-31 23:59", "2026-12-31 23:59"}},
    {"@hourly", "2025-01-01 00:00", {"2025-01-01 01:00", "2025-01-01 02:00"}},
    {"@daily", "2025-01-01 00:00", {"2025-01-02 00:00", "2025-01-03 00:00"}},
    {"@midnight", "2025-01-01 00:00", {"2025-01-02 00:00", "2025-01-03 00:00"}},
    {"@annually", "2025-01-01 00:00", {"2026-01-01 00:00", "2027-01-01 00:00"}},
    {"@Weekly", "2025-01-01 00:00", {"2025-01-05 00:00", "2025-01-12 00:00"}},
    {"@monthly", "2025-01-01 00:00", {"2025-02-01 00:00", "2025-03-01 00:00"}},
    {" @YEARLY ", "2025-01-01 00:00", {"2026-01-01 00:00", "2027-01-01 00:00"}},
};

TEST(Cron, RunsWhenItSays) {
    for (const Expected& expected : kExpected) {
        std::string after = expected.after;
        for (const std::string& run : expected.runs) {
            EXPECT_EQ(next(expected.cron, after.c_str()), run) << expected.cron << " after " << after;
            after = run;
        }
        EXPECT_EQ(count_runs(Cron(expected.cron), Utc(), at(expected.after), at(after.c_str())),
                  static_cast<std::int64_t>(expected.runs.size()))
            << expected.cron;
    }
}

TEST(Cron, RunsStrictlyAfterTheMoment) {
    const Cron cron("0 12 * * *");
    const std::int64_t noon = at("2025-01-01 12:00");
    EXPECT_EQ(next_run_us(cron, Utc(), noon - 1), noon);
    EXPECT_EQ(next_run_us(cron, Utc(), noon - kSecond), noon);
    EXPECT_EQ(next_run_us(cron, Utc(), noon), noon + kDay);
    EXPECT_EQ(next_run_us(cron, Utc(), noon + 1), noon + kDay);
    EXPECT_EQ(count_runs(cron, Utc(), noon - 1, noon), 1);
    EXPECT_EQ(count_runs(cron, Utc(), noon - 1, noon - 1), 0);
    EXPECT_EQ(count_runs(cron, Utc(), noon, noon + kDay - 1), 0);
    EXPECT_EQ(count_runs(cron, Utc(), noon, noon + kDay), 1);
    EXPECT_EQ(count_runs(cron, Utc(), noon, noon - 5 * kDay), 0);
}

TEST(Cron, RunsBefore1970AndUpToTheYear9999) {
    EXPECT_EQ(written(next_run_us(Cron("@yearly"), Utc(), at("1963-05-05 00:00"))), "1964-01-01 00:00");
    EXPECT_EQ(written(next_run_us(Cron("30 6 * * *"), Utc(), at("1969-12-31 06:30") - 1)), "1969-12-31 06:30");
    EXPECT_EQ(written(next_run_us(Cron("@daily"), Utc(), INT64_MIN)), "1-01-02 00:00");
    EXPECT_EQ(written(next_run_us(Cron("@daily"), Utc(), at("9999-12-30 00:00"))), "9999-12-31 00:00");
    EXPECT_EQ(next_run_us(Cron("@daily"), Utc(), at("9999-12-31 00:00")), std::nullopt);
    EXPECT_EQ(next_run_us(Cron("@daily"), Utc(), INT64_MAX), std::nullopt);
    EXPECT_EQ(count_runs(Cron("@daily"), Utc(), at("9999-12-30 00:00"), INT64_MAX), 1);
}

TEST(Cron, TellsItsShortestSpacing) {
    const std::vector<std::pair<const char*, std::int64_t>> expected = {
        {"* * * * *", 1},        {"*/5 9-17 * * 1-5", 5}, {"0 0 29 2 *", 1440},   {"*/7 * * * *", 4},
        {"0,50 * * * *", 10},    {"59 23 * * *", 1440},   {"0,59 0,23 * * *", 1}, {"0 6,18 * * *", 720},
        {"30 0,1,22 * * *", 60}, {"@hourly", 60},         {"0 9,17 1 * *", 480},
    };
    for (const auto& [cron, minutes] : expected) EXPECT_EQ(Cron(cron).shortest_spacing_us(), minutes * kMinute) << cron;
}

TEST(Cron, IsRefusedWithItsFieldAndWhatIsWrongInIt) {
    const std::vector<std::pair<std::string, std::string>> refused = {
        {"", "cron must have 5 fields, not 0"},
        {"   ", "cron must have 5 fields, not 0"},
        {"* * * *", "cron must have 5 fields, not 4"},
        {"0 0 12 * * ?", "cron must have 5 fields, not 6"},
        {"@reboot", "cron: \"@reboot\" is not known"},
        {"@daily 5", "cron must have 5 fields, not 2"},
        {"60 * * * *", "cron: minute \"60\" must be from 0 to 59"},
        {"-1 * * * *", "cron: minute \"\" must be from 0 to 59"},
        {"1.5 * * * *", "cron: minute \"1.5\" must be from 0 to 59"},
        {"1, * * * *", "cron: minute \"\" must be from 0 to 59"},
        {"5- * * * *", "cron: minute \"\" must be from 0 to 59"},
        {"1-2-3 * * * *", "cron: minute \"2-3\" must be from 0 to 59"},
        {"99999999999 * * * *", "cron: minute \"99999999999\" must be from 0 to 59"},
        {"+5 * * * *", "cron: minute \"+5\" must be from 0 to 59"},
        {"** * * * *", "cron: minute \"**\" must be from 0 to 59"},
        {"*-5 * * * *", "cron: minute \"*\" must be from 0 to 59"},
        {"* 24 * * *", "cron: hour \"24\" must be from 0 to 23"},
        {"* 17-9 * * *", "cron: hour \"17-9\" must have the smaller end of the range first"},
        {"*/0 * * * *", "cron: minute \"*/0\" must have a step from 1 to 59"},
        {"*/60 * * * *", "cron: minute \"*/60\" must have a step from 1 to 59"},
        {"*/ * * * *", "cron: minute \"*/\" must have a step from 1 to 59"},
        {"*/5/2 * * * *", "cron: minute \"*/5/2\" must have a step from 1 to 59"},
        {"5/10 * * * *", "cron: minute \"5/10\" must have a range before the step"},
        {"* * 0 * *", "cron: day of month \"0\" must be from 1 to 31"},
        {"* * 32 * *", "cron: day of month \"32\" must be from 1 to 31"},
        {"* * L-3 * *", "cron: day of month \"L\" must be from 1 to 31"},
        {"L * * * *", "cron: minute \"L\" must be from 0 to 59"},
        {"* * * 13 *", "cron: month \"13\" must be from 1 to 12 or a name like feb"},
        {"* * * january *", "cron: month \"january\" must be from 1 to 12 or a name like feb"},
        {"* * * * 8", "cron: day of week \"8\" must be from 0 to 7 or a name like mon"},
        {"* * * * L", "cron: day of week \"L\" must be from 0 to 7 or a name like mon"},
        {"* * * * fri-mon", "cron: day of week \"fri-mon\" must have the smaller end of the range first"},
        {"* mon * * *", "cron: hour \"mon\" must be from 0 to 23"},
        {"30 2 31 2 *", "cron: \"30 2 31 2 *\" never runs"},
        {"0 0 31 4,6,9,11 *", "cron: \"0 0 31 4,6,9,11 *\" never runs"},
        {"0 0 30,31 2 */2", "cron: \"0 0 30,31 2 */2\" never runs"},
        {std::string(201, '*'), "cron must have at most 200 bytes"},
    };
    for (const auto& [cron, message] : refused) {
        try {
            Cron parsed(cron);
            ADD_FAILURE() << cron << " is taken";
        } catch (const InvalidOption& error) {
            EXPECT_EQ(error.what(), message);
            EXPECT_FALSE(error.hint().empty());
        }
    }
}

TEST(Cron, IsTakenAtItsGreatestLength) {
    const std::string tail = " * * * *";
    std::string minutes = "0";
    while (minutes.size() + tail.size() + 2 <= Cron::kMaxLength) minutes += ",5";
    minutes.append(Cron::kMaxLength - tail.size() - minutes.size(), ' ');
    EXPECT_EQ((minutes + tail).size(), Cron::kMaxLength);
    EXPECT_EQ(Cron(minutes + tail).shortest_spacing_us(), 5 * kMinute);
}

TEST(Cron, SaysNothingDangerousInAMessage) {
    try {
        Cron("\x1b[31m\xff * * * *");
        ADD_FAILURE();
    } catch (const InvalidOption& error) {
        EXPECT_EQ(std::string(error.what()).find_first_of("\x1b\xff"), std::string::npos);
    }
}

}  // namespace
}  // namespace pulsimo::engine
