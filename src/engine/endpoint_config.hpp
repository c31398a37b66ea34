// One endpoint as the keeper sends it to a prober. Options stay JSON on the way: they are parsed by
// parse_http_options(), the same function that validates them when a user writes them.
#pragma once

#include <cstdint>
#include <string>

#include "engine/rarely.hpp"

namespace pulsimo::engine {

// What an endpoint must not reach beside what nobody may, for parse_networks().
struct OwnNetworks {
    std::string blocked{};
    std::string allowed{};  // exceptions to `blocked`, not to what nobody may reach

    bool operator==(const OwnNetworks&) const = default;
};

// Both are empty when it is checked by its interval. With them the interval counts only if they cannot be used: so
// often the checks say why.
struct CronText {
    std::string expression{};  // for Cron
    std::string timezone{};    // for FindTimeZone

    bool operator==(const CronText&) const = default;
};

struct EndpointConfig {
    std::int64_t id = 0;
    std::int64_t interval_us = 0;
    std::int64_t timeout_us = 0;
    std::string url;
    std::string options_json;
    Rarely<OwnNetworks> networks{};
    Rarely<CronText> cron{};

    bool operator==(const EndpointConfig&) const = default;
};

}  // namespace pulsimo::engine
