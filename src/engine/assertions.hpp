// What a response must hold beyond its status. Every check is bounded: regular expressions run with step limits
// (regex.hpp), JSON is parsed with limits (bounded_json.hpp), bodies are at most HttpOptions::max_body.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/error_class.hpp"
#include "engine/json_path.hpp"
#include "engine/regex.hpp"

namespace pulsimo::engine {

enum class CompareOp : unsigned char { eq, ne, lt, le, gt, ge, contains, matches, exists, absent };

// "=", "!=", "<", "<=", ">", ">=", "contains", "matches", "exists", "absent"
std::optional<CompareOp> compare_op_from(std::string_view text) noexcept;
std::string_view to_string(CompareOp op) noexcept;

// {"path": "$.status", "op": "=", "value": "ok"}; op defaults to "=" ("exists" without value).
// Every op but "absent" wants the value to be there. Numbers compare as numbers, texts by their bytes, other pairs of
// types never hold. "contains" looks into a text or for an element of an array; "matches" takes texts and numbers.
struct JsonAssertion {
    JsonPath path;
    CompareOp op = CompareOp::eq;
    std::string value;                   // JSON text of the value to compare with
    std::shared_ptr<const Regex> regex;  // for op "matches"
};

// {"name": "Content-Type", "op": "contains", "value": "json"}; op defaults as above.
// Of a header that comes several times one must hold, with "!=" each. "<" and its like compare numbers.
struct HeaderAssertion {
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
