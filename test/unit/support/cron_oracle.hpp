// When a cron expression runs, found out in the most naive way: by looking at the clock on the wall every minute.
// Shares nothing with the code under test, neither parser nor calendar nor arithmetic of time zones.
#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "unit/support/libc_zone.hpp"

namespace pulsimo::test {

// An expression as text and as what it means.
struct CronMeaning {
    struct Field {
        std::string text;
        std::set<int> values;
    };
    Field minute, hour, day, month, weekday;
    bool last_day = false;

    std::string text() const;
    bool matches(std::int64_t local_s) const;
};

CronMeaning random_cron(std::mt19937& random);

// The runs in [from_s, to_s), full minutes of Unix time.
std::vector<std::int64_t> naive_runs(const CronMeaning& cron, const LibcZone& zone, std::int64_t from_s,
                                     std::int64_t to_s);

}  // namespace pulsimo::test
