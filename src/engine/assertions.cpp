#include "engine/assertions.hpp"

#include <algorithm>
#include <array>

#include "engine/json_assertions.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {
namespace {

// In the order of CompareOp.
constexpr std::array<std::string_view, 10> kOps = {"=",  "!=",       "<",       "<=",     ">",
                                                   ">=", "contains", "matches", "exists", "absent"};
static_assert(kOps.size() == static_cast<std::size_t>(CompareOp::absent) + 1);

std::optional<Violation> body_violation(const Assertions& assertions, std::string_view body) {
    for (const std::string& word : assertions.body_contains) {
        if (!contains_word(body, word)) return Violation{.detail = "body does not contain " + in_quotes(word)};
    }
    for (const std::string& word : assertions.body_not_contains) {
        if (contains_word(body, word)) return Violation{.detail = "body contains " + in_quotes(word)};
    }
    if (!assertions.body_matches) return std::nullopt;
    switch (assertions.body_matches->search(body)) {
        case Regex::Answer::match:
            return std::nullopt;
        case Regex::Answer::no_match:
            return Violation{.detail = "body does not match " + in_quotes(assertions.body_matches->pattern())};
        case Regex::Answer::gave_up:
            break;
    }
    return pattern_gave_up(*assertions.body_matches, "body");
}

std::vector<std::string_view> values_of(const std::string& name, const Response& response) {
    std::vector<std::string_view> values;
    if (response.headers == nullptr) return values;
    for (const auto& [header, value] : *response.headers) {
        if (equals_ignoring_case(header, name)) values.push_back(value);
    }
    return values;
}

bool numbers_hold(CompareOp op, std::string_view actual, std::string_view expected) {
    const auto a = parse_number(actual);
    const auto b = parse_number(expected);
    return a && b && ordering_holds(op, *a <=> *b);
}

// Whether one value of the header holds. `gave_up` is set when the pattern could not tell.
bool value_holds(const HeaderAssertion& assertion, std::string_view actual, bool& gave_up) {
    switch (assertion.op) {
        case CompareOp::eq:
            return actual == assertion.value;
        case CompareOp::ne:
            return actual != assertion.value;
        case CompareOp::contains:
            return contains_word(actual, assertion.value);
        case CompareOp::matches: {
            const auto answer = assertion.regex->search(actual);
            gave_up = gave_up || answer == Regex::Answer::gave_up;
            return answer == Regex::Answer::match;
        }
        case CompareOp::exists:
            return true;
        case CompareOp::absent:
            return false;
        default:
            return numbers_hold(assertion.op, actual, assertion.value);
    }
}

std::optional<Violation> header_violation(const HeaderAssertion& assertion, const Response& response) {
    const auto values = values_of(assertion.name, response);
    const std::string what = "header " + safe_text(assertion.name, 60);
    if (values.empty()) {
        if (assertion.op == CompareOp::absent) return std::nullopt;
        return Violation{.detail = what + " is missing"};
    }
    bool gave_up = false;
    const auto holds = [&](std::string_view value) { return value_holds(assertion, value, gave_up); };
    const bool passed = assertion.op == CompareOp::ne ? std::all_of(values.begin(), values.end(), holds)
                                                      : std::any_of(values.begin(), values.end(), holds);
    if (passed) return std::nullopt;
    if (gave_up) return pattern_gave_up(*assertion.regex, what);
    return Violation{.detail = what + " is " + in_quotes(values.front()) + ", expected " +
                               expectation(assertion.op, in_quotes(assertion.value))};
}

}  // namespace

std::optional<CompareOp> compare_op_from(std::string_view text) noexcept {
    const auto found = std::find(kOps.begin(), kOps.end(), text);
    if (found == kOps.end()) return std::nullopt;
    return static_cast<CompareOp>(found - kOps.begin());
}

std::string_view to_string(CompareOp op) noexcept {
    return kOps[static_cast<std::size_t>(op)];
}

bool Assertions::need_body() const noexcept {
    return !body_contains.empty() || !body_not_contains.empty() || body_matches || !json.empty();
}

std::optional<Violation> first_violation(const Assertions& assertions, const Response& response) {
    for (const HeaderAssertion& assertion : assertions.response_headers) {
        if (auto violation = header_violation(assertion, response)) return violation;
    }
    if (auto violation = body_violation(assertions, response.body)) return violation;
    if (assertions.json.empty()) return std::nullopt;
    return json_violation(assertions.json, response.body);
}

}  // namespace pulsimo::engine
