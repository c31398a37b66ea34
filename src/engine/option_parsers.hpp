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

// Any header of a user may carry a secret, whatever its name. Only few are sent to an origin that the user has not
// named.
bool goes_to_every_origin(std::string_view header);

inline constexpr std::size_t kMaxSecretName = 200;
inline constexpr std::string_view kSecretKey = "secret";

// The text of options, before it is known whether they make sense.
nlohmann::json parse_options_object(std::string_view text);

}  // namespace pulsimo::engine
