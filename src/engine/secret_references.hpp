// References to secrets in options: {"secret": "name"} in place of a bearer, a password, an api key or the value of a
// header. They are stored and shown like this; only what goes to a prober has the secrets themselves in it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace pulsimo::engine {

// The value of a secret, in UTF-8; nothing when there is none of that name, or none to be had now.
using FindSecret = std::function<std::optional<std::string>(std::string_view name)>;

// The options with each reference replaced by what `find` returns. One for which it returns nothing stays, and so does
// what parse_http_options() refuses; the checks then say so. Throws InvalidOption for text that is no JSON object, and,
// naming the option, for a value that is not UTF-8. Not its business is whether the value fits where it is put: the
// checks will say that too.
std::string with_secrets(std::string_view options_json, const FindSecret& find);

}  // namespace pulsimo::engine
