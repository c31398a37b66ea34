// From libcurl's code and what else is known of an exchange to an error class and a text for an operator.
#pragma once

#include <string>

#include "engine/error_class.hpp"
#include "engine/http_exchange.hpp"

namespace pulsimo::engine {

struct Failure {
    ErrorClass error = ErrorClass::none;
    std::string detail;
};

// Why the exchange ended with `code`. `none` when it ended well: also when it was we who ended it, having seen enough.
Failure failure_of(const HttpExchange& exchange, CURLcode code);

// What an exchange was waiting for when the time of the check was up.
std::string waiting_for(const HttpExchange& exchange);

}  // namespace pulsimo::engine
