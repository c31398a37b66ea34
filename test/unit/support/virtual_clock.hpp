// A clock that goes only when a test says so.
#pragma once

#include "engine/clock.hpp"

namespace pulsimo::test {

class VirtualClock final : public engine::Clock {
  public:
    std::int64_t monotonic_us() const noexcept override { return now; }
    std::int64_t wall_us() const noexcept override { return wall; }

    std::int64_t now = 1'000'000'000;
    std::int64_t wall = 1'700'000'000'000'000;
};

}  // namespace pulsimo::test
