#include <algorithm>
#include <cctype>
#include <string_view>

#include "engine/invalid_option.hpp"
#include "engine/text.hpp"
#include "pg/time_zone.hpp"

#include "pg/guard.hpp"

extern "C" {
#include "pgtime.h"
}

namespace pulsimo::pg {

namespace {

class ServerZone final : public engine::TimeZone {
  public:
    explicit ServerZone(const pg_tz* zone) noexcept : zone_(zone) {}

    // Nothing in here raises an error.
    engine::ZonePeriod period_from(std::int64_t unix_s) const override {
        pg_time_t moment = unix_s;
        pg_time_t end = 0;
        long int offset = 0;
        long int next_offset = 0;
        int is_summer = 0;
        int is_summer_next = 0;
        const int ends = pg_next_dst_boundary(&moment, &offset, &is_summer, &end, &next_offset, &is_summer_next, zone_);
        return {.end_s = ends > 0 ? end : INT64_MAX, .offset_s = static_cast<std::int32_t>(offset)};
    }

  private:
    const pg_tz* zone_;  // the server keeps it for good
};

// The server does not say whether a zone comes from its database or is a rule. A rule has a number in it and its name
// is put into capitals, so few zones must be looked for in the database (EST5EDT, say), all of which has to be read for
// that.
bool may_be_rule(std::string_view name) {
    const auto has = [name](int (*kind)(int)) {
        return std::any_of(name.begin(), name.end(),
                           [kind](char c) { return kind(static_cast<unsigned char>(c)) != 0; });
    };
    return has(std::isdigit) && !has(std::islower);
}

bool is_listed(const char* name) {
    pg_tzenum* zones = pg_tzenumerate_start();
    bool found = false;
    while (pg_tz* zone = found ? nullptr : pg_tzenumerate_next(zones)) {
        found = strcmp(pg_get_timezone_name(zone), name) == 0;
    }
    pg_tzenumerate_end(zones);
    return found;
}

}  // namespace

std::shared_ptr<const engine::TimeZone> find_time_zone(const std::string& name) {
    const pg_tz* zone = call([&name]() -> const pg_tz* {
        pg_tz* found = pg_tzset(name.c_str());
        if (found == nullptr || !pg_tz_acceptable(found)) return nullptr;
        const char* full_name = pg_get_timezone_name(found);
        return may_be_rule(full_name) && !is_listed(full_name) ? nullptr : found;
    });
    if (zone == nullptr) {
        throw engine::InvalidOption("timezone " + engine::in_quotes(name) + " does not exist",
                                    "The view pg_timezone_names lists the time zones, for example \"Europe/Berlin\".");
    }
    return std::make_shared<const ServerZone>(zone);
}

}  // namespace pulsimo::pg
