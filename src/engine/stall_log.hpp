// The longest time our loop was late since some moment, for any number of running checks. A stall is forgotten once a
// later one was as long, because then nobody can have seen the earlier alone: so lengths fall from front to back, and
// the first one since a moment is the longest.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

namespace pulsimo::engine {

class StallLog {
  public:
    static constexpr std::int64_t kMemoryUs = 3'600'000'000;  // no check runs that long

    // Times are monotonic and do not go back from call to call.
    void add(std::int64_t at_us, std::int64_t late_us) {
        while (!stalls_.empty() && stalls_.back().late_us <= late_us) stalls_.pop_back();
        while (!stalls_.empty() && stalls_.front().at_us < at_us - kMemoryUs) stalls_.pop_front();
        stalls_.push_back({at_us, late_us});
    }

    // 0 if there was none later than that.
    std::int64_t longest_since(std::int64_t moment_us) const {
        const auto stall = std::upper_bound(stalls_.begin(), stalls_.end(), moment_us,
                                            [](std::int64_t moment, const Stall& s) { return moment < s.at_us; });
        return stall == stalls_.end() ? 0 : stall->late_us;
    }

  private:
    struct Stall {
        std::int64_t at_us = 0;  // when it was noticed
        std::int64_t late_us = 0;
    };
    std::deque<Stall> stalls_;
};

}  // namespace pulsimo::engine
