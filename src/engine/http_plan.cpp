#include "engine/http_plan.hpp"

#include <strings.h>

#include <algorithm>

#include "engine/option_parsers.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {

namespace {

constexpr const char* kUserAgent = "Pulsimo";

bool is_named(const std::string& header, const char* name) {
    return strcasecmp(header.c_str(), name) == 0;
}

bool has_header(const HttpOptions& options, const char* name) {
    return std::any_of(options.headers.begin(), options.headers.end(),
                       [&](const auto& header) { return is_named(header.first, name); });
}

// libcurl takes "Name:" as "leave this header out" and "Name;" as "send it empty".
std::string header_line(const std::string& name, const std::string& value) {
    return value.empty() ? name + ";" : name + ": " + value;
}

CurlList header_list(const HttpOptions& options, const HttpTarget& target, bool own_origin) {
    CurlList list;
    for (const auto& [name, value] : options.headers) {
        const bool shareable = goes_to_every_origin(name) && name != options.credential_header;
        if (own_origin || shareable) list.add(header_line(name, value));
    }
    if (own_origin && !options.bearer.empty()) list.add("Authorization: Bearer " + options.bearer);
    // With a server_name the URL given to libcurl names that one instead of the host.
    if (own_origin && !options.server_name.empty() && !has_header(options, "Host")) {
        list.add("Host: " + target.host_header());
    }
    // As a line of the list: libcurl would build it anew for every request out of CURLOPT_USERAGENT.
    if (!has_header(options, "User-Agent")) list.add(std::string("User-Agent: ") + kUserAgent);
    if (options.body.empty()) return list;
    list.add("Expect:");  // libcurl would wait up to a second for a server to agree to a larger body
    if (!has_header(options, "Content-Type")) list.add("Content-Type:");  // what libcurl assumes is wrong for most
    return list;
}

}  // namespace

// The keeper sends what was validated when it was written; what fails here all the same (written under another
// version) becomes the result of every check, not an error that nobody sees.
HttpProfile::HttpProfile(const std::string& options_json, const HttpTarget& target) {
    try {
        options = parse_http_options(options_json);
    } catch (const InvalidOption& error) {
        trouble = std::string("cannot use the options: ") + error.what();
    }
    if (!options.secrets.empty()) {
        trouble = "the secret " + in_quotes(options.secrets.front(), kMaxSecretName) + " is not available";
    }
    own_headers = header_list(options, target, true);
    foreign_headers = header_list(options, target, false);
}

std::shared_ptr<const HttpProfile> HttpProfiles::get(const std::string& options_json, const HttpTarget& target) {
    std::weak_ptr<const HttpProfile>& known = known_[options_json];
    if (auto profile = known.lock()) return profile;
    auto profile = std::make_shared<const HttpProfile>(options_json, target);
    if (profile->options.server_name.empty()) known = profile;
    return profile;
}

HttpPlan::HttpPlan(const EndpointConfig& config, HttpProfiles& profiles, OwnPolicies& policies)
    : endpoint_id(config.id),
      timeout_us(config.timeout_us),
      target(HttpTarget::parse(config.url).value_or(HttpTarget())),
      profile(profiles.get(config.options_json, target)),
      own_policy(policies.get(config)) {}

std::string HttpPlan::trouble() const {
    if (!profile->trouble.empty()) return profile->trouble;
    if (target.url.empty()) return "cannot use the URL";
    return own_policy != nullptr ? own_policy->trouble : std::string();
}

bool HttpPlan::permits(const sockaddr* address) const noexcept {
    return own_policy == nullptr || own_policy->addresses.permits(address);
}

}  // namespace pulsimo::engine
