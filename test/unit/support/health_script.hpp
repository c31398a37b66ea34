// Scripts of checks for the tests of health, a letter each, one check an interval:
//   P pass, S slow pass, F failure, X timeout, T our own trouble; lower case x and s are a timeout and a slow pass
//   while our loop stalled; a blank leaves a check out.
// Between two checks, half an interval before the next one:
//   [ ] maintenance begins, ends; ( { ) Hold::incident, Hold::verdict, Hold::nothing, each reconsidered;
//   c o a person resolves the incident, opens it.
#pragma once

#include <string>

#include "health/health.hpp"

namespace pulsimo::health {

inline constexpr std::int64_t kSecond = 1'000'000;
inline constexpr std::int64_t kStart = 1'700'000'000 * kSecond;
inline constexpr std::int64_t kInterval = 60 * kSecond;

Policy policy(int failures, int successes);

Observation observation(char letter, std::int64_t at_us);

// Runs a script and lists the changes, each with the number of the check that made it, or comes next, and the number of
// the interval it is dated at: "3: down@1 open". What the incident is dated at follows where that is another time:
// "5: down@4.5 open (1)". Changes before check `from` are left out.
std::string changes_of(const std::string& script, const Policy& policy, std::size_t from = 0);

}  // namespace pulsimo::health
