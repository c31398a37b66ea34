// Random but repeatable sequences of checks: rows of the same outcome, own troubles in between, gaps, and a wall clock
// that is set back now and then.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "health/health.hpp"

namespace pulsimo::health {

class RandomChecks {
  public:
    // far_back: the clock is also set back by more than a gap, so that time begins anew. With all rules the policy may
    // have a failure window, flapping, and incidents that no recovery resolves.
    explicit RandomChecks(unsigned seed, bool far_back = false, bool all_rules = false)
        : random_(seed), policy_(random_policy()), far_back_(far_back) {
        if (all_rules) add_rules();
    }

    const Policy& policy() const { return policy_; }

    Observation next() {
        if (below(row_) == 0) outcome_ = random_outcome();
        Observation observation{advance_clock(), outcome_, below(policy_.degraded_after_us * 2 + 2), 0};
        if (below(trouble_) == 0) observation.outcome = Outcome::own_trouble;
        if (below(8) == 0) observation.stall_us = below(policy_.stall_limit_us * 2);
        return observation;
    }

    int below(std::int64_t limit) { return static_cast<int>(random_() % static_cast<std::uint64_t>(limit)); }

  private:
    Policy random_policy() {
        Policy policy;
        policy.failure_threshold = 1 + below(below(2) == 0 ? 3 : 10);
        policy.success_threshold = 1 + below(below(2) == 0 ? 3 : 10);
        policy.retry_interval_us = below(2) == 0 ? 10'000'000 : policy.interval_us;
        policy.degraded_after_us = below(3) == 0 ? 0 : 1000;
        return policy;
    }

    void add_rules() {
        policy_.failure_window = below(2) == 0 ? 0 : 1 + below(20);
        policy_.flap_start = below(3) == 0 ? 0 : 15 + below(60);
        policy_.flap_stop = policy_.flap_start / 2;
        policy_.auto_resolve = below(4) != 0;
    }

    Outcome random_outcome() { return static_cast<Outcome>(below(4)); }

    std::int64_t advance_clock() {
        const int luck = below(60);
        if (luck == 0) {
            now_us_ += policy_.interval_us * (2 + below(4));
        } else if (luck == 1) {
            now_us_ -= policy_.interval_us * below(5);
            if (!far_back_) now_us_ = std::max(now_us_, latest_us_ - 2 * policy_.interval_us);
        } else {
            now_us_ += below(4) == 0 ? policy_.retry_interval_us : policy_.interval_us;
        }
        latest_us_ = std::max(latest_us_, now_us_);
        return now_us_;
    }

    std::mt19937_64 random_;
    Policy policy_;
    bool far_back_;
    int row_ = 1 + below(12);      // how long a row of one outcome lasts, on average
    int trouble_ = 1 + below(12);  // one in so many checks is our own trouble
    Outcome outcome_ = Outcome::pass;
    std::int64_t now_us_ = 1'700'000'000'000'000;
    std::int64_t latest_us_ = now_us_;
};

}  // namespace pulsimo::health
