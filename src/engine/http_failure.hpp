// From libcurl's code and what else is known of an exchange to an error class, a text for an operator, and evidence.
#pragma once

#include <string>

#include "engine/error_class.hpp"
#include "engine/excerpt.hpp"
#include "engine/http_exchange.hpp"

namespace pulsimo::engine {

struct Failure {
    ErrorClass error = ErrorClass::none;
    std::string detail;
    bool quotes = false;  // the target, in `detail`
};

// Why the exchange ended with `code`. `none` when it ended well: also when it was we who ended it, having seen enough.
Failure failure_of(const HttpExchange& exchange, CURLcode code);

// What an exchange was waiting for when the time of the check was up.
std::string waiting_for(const HttpExchange& exchange);

// What is known of an exchange, whether it ended or not; valid until the next one begins.
Evidence evidence_of(const HttpExchange& exchange);

}  // namespace pulsimo::engine
