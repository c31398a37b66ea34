// Cron in time zones whose clocks are changed: the documented cases one by one, and all kinds of zones against an
// oracle that looks at the clock every minute.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/cron.hpp"
#include "unit/support/cron_oracle.hpp"

namespace pulsimo::test {
namespace {

using engine::Cron;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDayS = 86'400;

std::int64_t at(const std::string& text) {
    std::tm time{};
    strptime(text.c_str(), "%Y-%m-%d %H:%M", &time);
    return timegm(&time);
}

std::string written(std::int64_t unix_s) {
    const auto seconds = static_cast<std::time_t>(unix_s);
    std::tm time{};
    gmtime_r(&seconds, &time);
    char text[40];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M", &time);
    return text;
}

const LibcZone& zone(const std::string& name) {
    static std::map<std::string, LibcZone> zones;
    return zones.try_emplace(name, name, at("1990-01-01 00:00"), at("2032-01-01 00:00")).first->second;
}

std::vector<std::int64_t> runs(const Cron& cron, const engine::TimeZone& in, std::int64_t from_s, std::int64_t to_s) {
    std::vector<std::int64_t> found;
    for (auto run = next_run_us(cron, in, from_s * kSecond - 1); run && *run < to_s * kSecond;
         run = next_run_us(cron, in, *run)) {
        EXPECT_EQ(*run % kSecond, 0);
        found.push_back(*run / kSecond);
    }
    return found;
}

// The runs of the UTC day, as hours and minutes of UTC.
std::vector<std::string> runs_on(const char* cron, const char* zone_name, const std::string& day) {
    std::vector<std::string> found;
    const std::int64_t from_s = at(day + " 00:00");
    for (const std::int64_t run : runs(Cron(cron), zone(zone_name), from_s, from_s + kDayS)) {
        found.push_back(written(run).substr(11));
    }
    return found;
}

using Times = std::vector<std::string>;

TEST(CronInZones, RunsOnceWhatDoesNotExistAtTheEndOfTheGap) {
    EXPECT_EQ(runs_on("30 2 * * *", "Europe/Berlin", "2025-03-29"), Times{"01:30"});
    EXPECT_EQ(runs_on("30 2 * * *", "Europe/Berlin", "2025-03-30"), Times{"01:00"});
    EXPECT_EQ(runs_on("30 2 * * *", "Europe/Berlin", "2025-03-31"), Times{"00:30"});
    EXPECT_EQ(runs_on("*/20 2 * * *", "Europe/Berlin", "2025-03-30"), Times{"01:00"});
    EXPECT_EQ(runs_on("0,30 2-3 * * *", "Europe/Berlin", "2025-03-30"), (Times{"01:00", "01:30"}));
    EXPECT_EQ(runs_on("0 3 * * *", "Europe/Berlin", "2025-03-30"), Times{"01:00"});
    EXPECT_EQ(runs_on("15 2 * * *", "America/New_York", "2025-03-09"), Times{"07:00"});
}

TEST(CronInZones, RunsTheFirstTimeWhatExistsTwice) {
    EXPECT_EQ(runs_on("30 2 * * *", "Europe/Berlin", "2025-10-26"), Times{"00:30"});
    EXPECT_EQ(runs_on("0,30 1-3 * * *", "Europe/Berlin", "2025-10-26"), (Times{"00:00", "00:30", "02:00", "02:30"}));
    EXPECT_EQ(runs_on("30 1 * * *", "America/New_York", "2025-11-02"), Times{"05:30"});
}

TEST(CronInZones, FollowsTheRealClockWhenEveryHourMatches) {
    EXPECT_EQ(runs_on("*/30 * * * *", "Europe/Berlin", "2025-03-30").size(), 48u);
    EXPECT_EQ(runs_on("*/30 0-23 * * *", "Europe/Berlin", "2025-10-26").size(), 48u);
    EXPECT_EQ(runs_on("17 * * * *", "America/New_York", "2025-11-02").size(), 24u);
    EXPECT_EQ(runs_on("17 * * * *", "America/New_York", "2025-03-09").size(), 24u);
}

// At 15:30 UTC the clocks of Lord Howe Island go from 2:00 to 2:30, at 15:00 from 2:00 to 1:30.
TEST(CronInZones, LeavesNoHourOutWhenClocksChangeByHalfAnHour) {
    EXPECT_EQ(runs_on("0 2 * * *", "Australia/Lord_Howe", "2025-10-04"), Times{"15:30"});
    const Times hourly = runs_on("0 * * * *", "Australia/Lord_Howe", "2025-10-04");
    EXPECT_EQ(Times(hourly.begin() + 13, hourly.begin() + 18), (Times{"13:30", "14:30", "15:30", "16:00", "17:00"}));
    EXPECT_EQ(runs_on("*/10 2 * * *", "Australia/Lord_Howe", "2025-10-04"), (Times{"15:30", "15:40", "15:50"}));
    EXPECT_EQ(runs_on("0 2 * * *", "Australia/Lord_Howe", "2025-04-05"), Times{"15:30"});
    EXPECT_EQ(runs_on("45 1 * * *", "Australia/Lord_Howe", "2025-04-05"), Times{"14:45"});
    const Times twice = runs_on("45 * * * *", "Australia/Lord_Howe", "2025-04-05");
    EXPECT_EQ(Times(twice.begin() + 14, twice.begin() + 17), (Times{"14:45", "15:15", "16:15"}));
}

// Samoa went from the end of December 29, 2011, UTC-10, to the beginning of December 31, UTC+14.
TEST(CronInZones, MakesUpOnceForADayThatIsLeftOut) {
    const auto around = [](const char* cron) {
        return runs(Cron(cron), zone("Pacific/Apia"), at("2011-12-29 00:00"), at("2012-01-01 00:00"));
    };
    EXPECT_EQ(around("0 12 30 12 *"), std::vector{at("2011-12-30 10:00")});
    EXPECT_EQ(around("0 12 * * *"), (std::vector{at("2011-12-29 22:00"), at("2011-12-30 10:00"), at("2011-12-30 22:00"),
                                                 at("2011-12-31 22:00")}));
    EXPECT_EQ(around("0 * * * *").size(), 72u);
}

// Clocks in Istanbul stayed where they were in October 2016, and those of Pyongyang went half an hour back in 2015
// (at 15:00 UTC of August 14) and forward in 2018 (at 15:00 UTC of May 4).
TEST(CronInZones, FollowsRulesThatHaveChanged) {
    EXPECT_EQ(runs_on("0 9 * * *", "Europe/Istanbul", "2015-12-01"), Times{"07:00"});
    EXPECT_EQ(runs_on("0 9 * * *", "Europe/Istanbul", "2016-12-01"), Times{"06:00"});
    EXPECT_EQ(runs_on("45 23 * * *", "Asia/Pyongyang", "2015-08-14"), Times{"14:45"});
    EXPECT_EQ(runs_on("45 23 * * *", "Asia/Pyongyang", "2018-05-04"), Times{"15:00"});
    EXPECT_EQ(runs_on("0 0 * * *", "Asia/Pyongyang", "2018-05-04"), Times{"15:00"});
}

struct Window {
    const char* zone;
    const char* from;  // UTC
    int days;
};

const std::vector<Window> kWindows = {
    {"Europe/Berlin", "2025-03-29 00:00", 3},
    {"Europe/Berlin", "2025-10-25 00:00", 3},
    {"America/New_York", "2025-03-08 00:00", 3},
    {"America/New_York", "2025-11-01 00:00", 3},
    {"Australia/Lord_Howe", "2025-10-03 00:00", 3},
    {"Australia/Lord_Howe", "2025-04-04 00:00", 3},
    {"Pacific/Apia", "2011-12-28 00:00", 5},
    {"Pacific/Apia", "2010-09-25 00:00", 3},
    {"Europe/Istanbul", "2016-10-29 00:00", 3},
    {"Europe/Istanbul", "2015-11-07 00:00", 3},
    {"Asia/Pyongyang", "2015-08-13 00:00", 4},
    {"Asia/Pyongyang", "2018-05-03 00:00", 4},
    {"Antarctica/Troll", "2025-03-29 00:00", 3},
    {"Antarctica/Troll", "2025-10-25 00:00", 3},
    {"America/Caracas", "2007-12-08 00:00", 3},
    {"America/Caracas", "2016-04-30 00:00", 3},
    {"Africa/Cairo", "2024-04-25 00:00", 3},
    {"America/Sao_Paulo", "2018-11-03 00:00", 3},
    {"Asia/Kathmandu", "2024-02-27 00:00", 4},
    {"Pacific/Kwajalein", "1993-08-19 00:00", 4},
    {"Etc/UTC", "2023-12-30 00:00", 3},
    {"Asia/Kolkata", "2023-12-30 00:00", 3},
};

// From every eleventh minute on, so that it is asked in the middle of hours that come twice too; and the numbers
// between.
void expect_same(const Cron& cron, const engine::TimeZone& in, const std::vector<std::int64_t>& expected,
                 std::int64_t from_s, std::int64_t to_s) {
    for (std::int64_t moment = from_s; moment < to_s; moment += 11 * 60) {
        const auto first = std::upper_bound(expected.begin(), expected.end(), moment);
        const auto next = next_run_us(cron, in, moment * kSecond);
        if (first != expected.end()) {
            ASSERT_EQ(written(next.value_or(0) / kSecond), written(*first)) << "after " << written(moment);
        } else if (next) {
            ASSERT_GE(*next, to_s * kSecond) << "after " << written(moment);
        }
        const std::int64_t before = count_runs(cron, in, (from_s - 1) * kSecond, moment * kSecond);
        ASSERT_EQ(before, first - expected.begin()) << "before " << written(moment);
        const std::int64_t after = count_runs(cron, in, moment * kSecond, (to_s - 1) * kSecond);
        ASSERT_EQ(after, expected.end() - first) << "after " << written(moment);
    }
}

TEST(CronInZones, AgreesWithAClockThatIsLookedAtEveryMinute) {
    const unsigned seed = 20'250'330;
    std::mt19937 random(seed);
    int with_runs = 0;
    for (const Window& window : kWindows) {
        const std::int64_t from_s = at(window.from);
        const std::int64_t to_s = from_s + window.days * kDayS;
        for (int round = 0; round < 24; ++round) {
            CronMeaning cron = random_cron(random);
            if (round % 2 == 0) cron.month = {"*", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
            if (round % 3 == 0)
                cron.day = {"*", {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                                  17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}};
            SCOPED_TRACE(cron.text() + " in " + window.zone + ", seed " + std::to_string(seed));
            std::optional<Cron> parsed;
            try {
                parsed.emplace(cron.text());
            } catch (const std::exception& error) {
                ASSERT_NE(std::string(error.what()).find("never runs"), std::string::npos) << error.what();
                continue;
            }
            const std::vector<std::int64_t> expected = naive_runs(cron, zone(window.zone), from_s, to_s);
            if (!expected.empty()) ++with_runs;
            ASSERT_EQ(runs(*parsed, zone(window.zone), from_s, to_s), expected);
            expect_same(*parsed, zone(window.zone), expected, from_s, to_s);
            if (HasFatalFailure()) return;
        }
    }
    EXPECT_GT(with_runs, static_cast<int>(kWindows.size()) * 10);
}

// Rare expressions over years, months and leap days.
TEST(CronInZones, AgreesWithTheClockOverYears) {
    const CronMeaning::Field every_month{"*", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
    const CronMeaning::Field every_weekday{"*", {0, 1, 2, 3, 4, 5, 6}};
    const std::vector<CronMeaning> crons = {
        {{"30", {30}}, {"2", {2}}, {"L", {}}, every_month, every_weekday, true},
        {{"0", {0}}, {"0", {0}}, {"29", {29}}, {"2", {2}}, every_weekday},
        {{"59", {59}}, {"23", {23}}, {"31", {31}}, {"12", {12}}, every_weekday},
        {{"15", {15}}, {"1-3", {1, 2, 3}}, {"25-31", {25, 26, 27, 28, 29, 30, 31}}, {"3,10", {3, 10}}, {"7", {7}}},
    };
    const std::int64_t from_s = at("2023-12-15 00:00");
    const std::int64_t to_s = at("2025-01-05 00:00");
    for (const CronMeaning& cron : crons) {
        for (const char* name : {"Europe/Berlin", "Australia/Lord_Howe"}) {
            SCOPED_TRACE(cron.text() + " in " + name);
            const std::vector<std::int64_t> expected = naive_runs(cron, zone(name), from_s, to_s);
            EXPECT_FALSE(expected.empty());
            EXPECT_EQ(runs(Cron(cron.text()), zone(name), from_s, to_s), expected);
            EXPECT_EQ(count_runs(Cron(cron.text()), zone(name), (from_s - 1) * kSecond, (to_s - 1) * kSecond),
                      static_cast<std::int64_t>(expected.size()));
        }
    }
}

}  // namespace
}  // namespace pulsimo::test
