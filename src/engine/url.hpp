// What may be monitored, as far as the text of a URL tells. Which address a name leads to is decided when the
// connection is made (address_policy.hpp).
#pragma once

#include <string_view>

namespace pulsimo::engine {

// Checks an endpoint URL: absolute http or https, a host, a port 1-65535, no spaces or control characters, no
// user:password part (that belongs into "auth"), at most 2048 bytes. Throws InvalidOption.
void validate_url(std::string_view url);

}  // namespace pulsimo::engine
