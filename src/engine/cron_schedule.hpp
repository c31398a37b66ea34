// When an endpoint is checked by a cron expression in a time zone; shared by all endpoints that have the same of both.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "engine/cron.hpp"
#include "engine/endpoint_config.hpp"
#include "engine/shared_by_text.hpp"
#include "engine/time_zone.hpp"

namespace pulsimo::engine {

class CronSchedule {
  public:
    // Throws InvalidOption.
    CronSchedule(const EndpointConfig& config, const FindTimeZone& find_zone);

    // All by the wall clock.
    std::optional<std::int64_t> next_run_us(std::int64_t after_us) const;
    std::int64_t count_runs(std::int64_t after_us, std::int64_t to_us) const;
    std::int64_t shortest_spacing_us() const noexcept { return shortest_spacing_us_; }

  private:
    Cron cron_;
    std::shared_ptr<const TimeZone> zone_;
    std::int64_t shortest_spacing_us_;
};

class CronSchedules {
  public:
    explicit CronSchedules(FindTimeZone find_zone) : find_zone_(std::move(find_zone)) {}

    // nullptr: the endpoint is checked by its interval. Throws InvalidOption.
    std::shared_ptr<const CronSchedule> get(const EndpointConfig& config);

  private:
    FindTimeZone find_zone_;
    SharedByText<CronSchedule> known_;
};

}  // namespace pulsimo::engine
