// Everything about the checks of an endpoint that can be made ready once. A plan never changes; a check holds on to
// the one it started with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/curl_list.hpp"
#include "engine/endpoint_config.hpp"
#include "engine/http_options.hpp"
#include "engine/http_target.hpp"

namespace pulsimo::engine {

struct HttpPlan {
    explicit HttpPlan(const EndpointConfig& config);

    std::int64_t endpoint_id = 0;
    std::int64_t timeout_us = 0;
    std::string trouble;  // why it cannot be probed; empty: it can
    HttpOptions options;
    HttpTarget target;
    CurlList own_headers;      // for the origin of the URL
    CurlList foreign_headers;  // for other origins, where a redirect may lead
};

}  // namespace pulsimo::engine
