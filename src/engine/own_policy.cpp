#include "engine/own_policy.hpp"

#include "engine/invalid_option.hpp"

namespace pulsimo::engine {

namespace {

// The length tells where one text ends and the other begins.
std::string both_texts(const EndpointConfig& config) {
    const std::string& blocked = config.blocked_networks;
    return std::to_string(blocked.size()) + ':' + blocked + config.allowed_networks;
}

}  // namespace

// As with the options: what was validated under another version becomes the result of every check.
OwnPolicy::OwnPolicy(const EndpointConfig& config) {
    try {
        addresses.blocked = parse_networks(config.blocked_networks);
        addresses.allowed = parse_networks(config.allowed_networks);
    } catch (const InvalidOption& error) {
        trouble = std::string("cannot use the address policy: ") + error.what();
    }
}

std::shared_ptr<const OwnPolicy> OwnPolicies::get(const EndpointConfig& config) {
    if (config.blocked_networks.empty() && config.allowed_networks.empty()) return nullptr;
    std::weak_ptr<const OwnPolicy>& known = known_[both_texts(config)];
    if (auto policy = known.lock()) return policy;
    auto policy = std::make_shared<const OwnPolicy>(config);
    known = policy;
    return policy;
}

}  // namespace pulsimo::engine
