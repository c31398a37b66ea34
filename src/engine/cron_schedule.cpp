#include "engine/cron_schedule.hpp"

#include <string>

namespace pulsimo::engine {

CronSchedule::CronSchedule(const EndpointConfig& config, const FindTimeZone& find_zone)
    : cron_(config.cron->expression),
      zone_(find_zone(config.cron->timezone)),
      shortest_spacing_us_(cron_.shortest_spacing_us()) {}

std::optional<std::int64_t> CronSchedule::next_run_us(std::int64_t after_us) const {
    return engine::next_run_us(cron_, *zone_, after_us);
}

std::int64_t CronSchedule::count_runs(std::int64_t after_us, std::int64_t to_us) const {
    return engine::count_runs(cron_, *zone_, after_us, to_us);
}

std::shared_ptr<const CronSchedule> CronSchedules::get(const EndpointConfig& config) {
    if (config.cron->expression.empty()) return nullptr;
    // No expression that is valid has a line break.
    std::weak_ptr<const CronSchedule>& known = known_[config.cron->expression + '\n' + config.cron->timezone];
    if (auto schedule = known.lock()) return schedule;
    auto schedule = std::make_shared<const CronSchedule>(config, find_zone_);
    known = schedule;
    return schedule;
}

}  // namespace pulsimo::engine
