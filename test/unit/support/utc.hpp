// The simplest of all time zones.
#pragma once

#include "engine/time_zone.hpp"

namespace pulsimo::test {

class Utc final : public engine::TimeZone {
  public:
    engine::ZonePeriod period_from(std::int64_t) const override { return {}; }
};

}  // namespace pulsimo::test
