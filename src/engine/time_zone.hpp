// What the engine knows of a time zone: how far its clocks are from UTC, and until when. Where the rules come from is
// the business of whoever runs the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace pulsimo::engine {

struct ZonePeriod {
    std::int64_t end_s = INT64_MAX;  // the first second that is no longer part of it; INT64_MAX: it never ends
    std::int32_t offset_s = 0;       // local time minus UTC
};

class TimeZone {
  public:
    virtual ~TimeZone() = default;
    // The offset that holds from `unix_s` on. The period that follows may have the same offset.
    virtual ZonePeriod period_from(std::int64_t unix_s) const = 0;
};

// A zone by its name; throws InvalidOption for one that does not exist.
using FindTimeZone = std::function<std::shared_ptr<const TimeZone>(const std::string& name)>;

}  // namespace pulsimo::engine
