#include "engine/own_policy.hpp"

#include "engine/invalid_option.hpp"

namespace pulsimo::engine {

namespace {

// The length tells where one text ends and the other begins.
std::string both_texts(const OwnNetworks& networks) {
    return std::to_string(networks.blocked.size()) + ':' + networks.blocked + networks.allowed;
}

}  // namespace

// As with the options: what was validated under another version becomes the result of every check.
OwnPolicy::OwnPolicy(const EndpointConfig& config) {
    try {
        addresses.blocked = parse_networks(config.networks->blocked);
        addresses.allowed = parse_networks(config.networks->allowed);
    } catch (const InvalidOption& error) {
        trouble = std::string("cannot use the address policy: ") + error.what();
    }
}

std::shared_ptr<const OwnPolicy> OwnPolicies::get(const EndpointConfig& config) {
    if (config.networks == OwnNetworks{}) return nullptr;
    std::weak_ptr<const OwnPolicy>& known = known_[both_texts(*config.networks)];
    if (auto policy = known.lock()) return policy;
    auto policy = std::make_shared<const OwnPolicy>(config);
    known = policy;
    return policy;
}

}  // namespace pulsimo::engine
