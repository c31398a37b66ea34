// What a response must hold beyond its status. Every check is bounded: regular expressions run with step limits
// (PCRE2 match and depth limits), bodies are at most HttpOptions::max_body.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/error_class.hpp"

namespace pulsimo::engine {

enum class CompareOp : unsigned char { eq, ne, lt, le, gt, ge, contains, matches, exists, absent };

// A compiled, immutable regular expression; cheap to copy.
class Regex;

struct JsonAssertion {      // {"path": "$.status", "op": "=", "value": "ok"}; op defaults to "=" ("exists" without value)
    std::string path;       // RFC 9535 with names and indexes only: $.a.b[0]["c d"]
    CompareOp op = CompareOp::eq;
    std::string value;      // JSON text of the value to compare with
    std::shared_ptr<const Regex> regex;  // for op "matches"
};

struct HeaderAssertion {    // {"name": "Content-Type", "op": "contains", "value": "json"}
    std::string name;
    CompareOp op = CompareOp::eq;
    std::string value;
    std::shared_ptr<const Regex> regex;
};

struct Assertions {
    std::vector<std::string> body_contains;      // a string or a list of strings
    std::vector<std::string> body_not_contains;
    std::shared_ptr<const Regex> body_matches;
    std::vector<JsonAssertion> json;
    std::vector<HeaderAssertion> response_headers;

    bool need_body() const noexcept;
};

struct Response {
    std::string_view body;
    const std::vector<std::pair<std::string, std::string>>* headers = nullptr;  // of the last response only
};

struct Violation {
    ErrorClass error = ErrorClass::assertion;    // internal: the pattern ran into its limits
    std::string detail;                          // "body does not contain \"ok\"", "$.status is \"bad\", expected \"ok\""
};

// The first assertion that does not hold.
std::optional<Violation> first_violation(const Assertions& assertions, const Response& response);

}  // namespace pulsimo::engine
