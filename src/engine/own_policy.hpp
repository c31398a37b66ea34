// The address policy of one endpoint, on top of that of the engine: it can only forbid more. Endpoints with the same
// texts share one, and those without have none.
#pragma once

#include <memory>
#include <string>

#include "engine/address_policy.hpp"
#include "engine/endpoint_config.hpp"
#include "engine/shared_by_text.hpp"

namespace pulsimo::engine {

struct OwnPolicy {
    explicit OwnPolicy(const EndpointConfig& config);

    std::string trouble;  // why nothing can be probed under it; empty: it can
    AddressPolicy addresses;
};

// The policies in use.
class OwnPolicies {
  public:
    std::shared_ptr<const OwnPolicy> get(const EndpointConfig& config);  // nullptr: it has none

  private:
    SharedByText<OwnPolicy> known_;
};

}  // namespace pulsimo::engine
