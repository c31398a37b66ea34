// One endpoint as the keeper sends it to a prober. Options stay JSON on the way: they are parsed by
// parse_http_options(), the same function that validates them when a user writes them.
#pragma once

#include <cstdint>
#include <string>

namespace pulsimo::engine {

struct EndpointConfig {
    std::int64_t id = 0;
    std::int64_t interval_us = 0;
    std::int64_t timeout_us = 0;
    std::string url;
    std::string options_json;
    // For parse_networks(): what this endpoint must not reach beside what nobody may. Both are empty for nearly all.
    std::string blocked_networks{};
    std::string allowed_networks{};  // exceptions to blocked_networks, not to what nobody may reach
    // Both are empty when it is checked by its interval. With them the interval counts only if they cannot be used: so
    // often the checks say why.
    std::string cron{};      // for Cron
    std::string timezone{};  // for FindTimeZone

    bool operator==(const EndpointConfig&) const = default;
};

}  // namespace pulsimo::engine
