// What nobody should read in a text that quotes a target, and taking it out. Secrets are known by where they are (the
// options of an endpoint, the query of a URL) or by what their fields are called; they are then looked for in the text
// by a plain search, as they are and as JSON, HTML and URLs write them. A target that turns one into yet another form
// is beyond it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/http_options.hpp"

namespace pulsimo::engine {

inline constexpr std::string_view kHidden = "(hidden)";

// Whether a header or a field of this name has a value that nobody should read.
bool carries_secret(std::string_view name);

// A URL without what may be a secret in it: user, query and fragment.
std::string public_url(std::string_view url);

// What of the options a target could repeat and nobody should read: a password, a token, a key, the value of any
// header that is not sent to every origin, the body, and what its fields (of JSON or a form) have that are named like
// secrets, unless it is longer than any login. Some words are harmless in spite of it; too short ones are left out. At
// most 100, those of headers first.
std::vector<std::string> secrets_of(const HttpOptions& options);

// The query of a URL, if it is long enough to be looked for, and fields of query and fragment that are named like
// secrets.
void add_query(std::vector<std::string>& secrets, std::string_view url);

// The same, and what a page, a JSON text or a link would write for them.
std::vector<std::string> in_all_forms(const std::vector<std::string>& secrets);

// The text with kHidden in place of secrets, or of the beginning of a long one.
std::string hide(std::string_view text, const std::vector<std::string>& secrets);

}  // namespace pulsimo::engine
