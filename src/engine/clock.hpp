// Time as a dependency, so that tests can run on a virtual clock.
#pragma once

#include <cstdint>

namespace pulsimo::engine {

class Clock {
  public:
    virtual ~Clock() = default;
    virtual std::int64_t monotonic_us() const noexcept = 0;  // CLOCK_MONOTONIC, never jumps
    virtual std::int64_t wall_us() const noexcept = 0;       // since 1970; may jump, only ever stored
};

class SystemClock final : public Clock {
  public:
    std::int64_t monotonic_us() const noexcept override;
    std::int64_t wall_us() const noexcept override;
};

}  // namespace pulsimo::engine
