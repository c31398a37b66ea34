#include "engine/stall_log.hpp"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

namespace pulsimo::engine {
namespace {

TEST(StallLog, KnowsTheLongestSinceAMoment) {
    StallLog log;
    EXPECT_EQ(log.longest_since(0), 0);
    log.add(100, 50);
    log.add(200, 70);
    log.add(300, 20);
    EXPECT_EQ(log.longest_since(0), 70);
    EXPECT_EQ(log.longest_since(200), 20);  // what was noticed then was over
    EXPECT_EQ(log.longest_since(300), 0);
}

TEST(StallLog, AgreesWithASearchThroughAllOfThem) {
    std::mt19937 random(1);
    StallLog log;
    std::vector<std::pair<std::int64_t, std::int64_t>> all;
    for (int i = 0; i < 500; ++i) {
        all.emplace_back((all.empty() ? 0 : all.back().first) + static_cast<std::int64_t>(random() % 3),
                         random() % 100);
        log.add(all.back().first, all.back().second);
        const auto moment = static_cast<std::int64_t>(random() % 600);
        std::int64_t longest = 0;
        for (const auto& [at, late] : all) longest = at > moment ? std::max(longest, late) : longest;
        ASSERT_EQ(log.longest_since(moment), longest) << i;
    }
}

TEST(StallLog, ForgetsWhatNoCheckCanHaveSeen) {
    StallLog log;
    log.add(0, 70);
    log.add(StallLog::kMemoryUs + 1, 20);
    EXPECT_EQ(log.longest_since(-1), 20);
}

}  // namespace
}  // namespace pulsimo::engine
