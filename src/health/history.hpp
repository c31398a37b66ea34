// What of the last verdicts health looks at, besides rows of the same: as bits, the newest in bit 0.
#pragma once

#include <cstdint>
#include <vector>

namespace pulsimo::health {

// How restless an endpoint is.
class FlapHistory {
  public:
    static constexpr int kLength = 20;

    void add(bool failed) noexcept;

    bool complete() const noexcept { return bits_ >> kLength != 0; }

    // How many of the neighbours among the last kLength verdicts differ: 100 * differing / (kLength - 1), not rounded,
    // is at least, or at most, so many percent. Only of a complete history.
    bool at_least(int percent) const noexcept { return 100 * differing() >= percent * (kLength - 1); }
    bool at_most(int percent) const noexcept { return 100 * differing() <= percent * (kLength - 1); }

    bool operator==(const FlapHistory&) const = default;

  private:
    int differing() const noexcept;

    std::uint32_t bits_ = 1;  // above the oldest verdict a 1, which tells how many there are
};

// The failures among the last checks. Passes are the same as nothing, so an endpoint that does well needs no memory.
class FailureWindow {
  public:
    // length: of the window, up to 32. threshold: so many failures in it make an outage, which keeps its start for as
    // long as they are so many, even when the first of them has left the window.
    void add(bool failed, std::int64_t at_us, int length, int threshold);

    int failures() const noexcept { return static_cast<int>(failed_at_us_.size()); }

    // The start of the outage, else the first failure in the window. There must be one.
    std::int64_t began_us() const { return outage_began_us_ != 0 ? outage_began_us_ : failed_at_us_.front(); }

    bool operator==(const FailureWindow&) const = default;

  private:
    std::vector<std::int64_t> failed_at_us_;  // of each bit that is set, oldest first
    std::int64_t outage_began_us_ = 0;        // 0: too few failures
    std::uint32_t bits_ = 0;
};

}  // namespace pulsimo::health
