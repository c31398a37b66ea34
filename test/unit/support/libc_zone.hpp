// A time zone as the C library knows it, found out by asking it for the local time again and again: nothing of the code
// under test is in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/time_zone.hpp"

namespace pulsimo::test {

class LibcZone final : public engine::TimeZone {
  public:
    // `name` as in the environment variable TZ. Changes of the offset are known from `from_s` to `to_s`. Throws when
    // the system has no such zone.
    LibcZone(const std::string& name, std::int64_t from_s, std::int64_t to_s);

    engine::ZonePeriod period_from(std::int64_t unix_s) const override;
    // Makes it the zone of localtime_r().
    void use() const;

  private:
    std::string name_;
    std::map<std::int64_t, std::int32_t> offsets_;  // by the moment from which they hold
};

}  // namespace pulsimo::test
