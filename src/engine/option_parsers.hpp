// The keys of parse_http_options() that need more than a line. Each throws InvalidOption.
#pragma once

#include "engine/http_options.hpp"
#include "engine/option_reader.hpp"

namespace pulsimo::engine {

void read_headers(HttpOptions& options, const Option& option);
void read_auth(HttpOptions& options, const Option& option);
void read_ca_certificate(HttpOptions& options, const Option& option);

void read_body_contains(HttpOptions& options, const Option& option);
void read_body_not_contains(HttpOptions& options, const Option& option);
void read_body_matches(HttpOptions& options, const Option& option);
void read_json_assertions(HttpOptions& options, const Option& option);
void read_header_assertions(HttpOptions& options, const Option& option);

// Refuses names that are no token (RFC 9110).
void check_header_name(const Option& option, std::string_view name);

}  // namespace pulsimo::engine
