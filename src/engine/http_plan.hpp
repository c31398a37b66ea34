// Everything about the checks of an endpoint that can be made ready once. A plan never changes; a check holds on to
// the one it started with.
//
// Most of it follows from the options, which thousands of endpoints have in common: that part is a profile, shared by
// all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/curl_list.hpp"
#include "engine/endpoint_config.hpp"
#include "engine/http_options.hpp"
#include "engine/http_target.hpp"
#include "engine/own_policy.hpp"
#include "engine/shared_by_text.hpp"

namespace pulsimo::engine {

struct HttpProfile {
    // `target` counts only where the Host header depends on it: with a server_name.
    HttpProfile(const std::string& options_json, const HttpTarget& target);

    std::string trouble;  // why nothing can be probed like this; empty: it can
    HttpOptions options;
    CurlList own_headers;      // for the origin of the URL
    CurlList foreign_headers;  // for other origins, where a redirect may lead
};

// The profiles in use, by their options.
class HttpProfiles {
  public:
    std::shared_ptr<const HttpProfile> get(const std::string& options_json, const HttpTarget& target);

  private:
    SharedByText<HttpProfile> known_;
};

struct HttpPlan {
    HttpPlan(const EndpointConfig& config, HttpProfiles& profiles, OwnPolicies& policies);

    const HttpOptions& options() const noexcept { return profile->options; }
    std::string trouble() const;  // why it cannot be probed; empty: it can
    // As far as the endpoint's own policy goes.
    bool permits(const sockaddr* address) const noexcept;

    std::int64_t endpoint_id = 0;
    std::int64_t timeout_us = 0;
    HttpTarget target;  // without a URL where that of the configuration is none
    std::shared_ptr<const HttpProfile> profile;
    std::shared_ptr<const OwnPolicy> own_policy;  // nullptr: none
};

}  // namespace pulsimo::engine
