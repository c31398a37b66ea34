#include "engine/json_assertions.hpp"

#include <algorithm>

#include "engine/bounded_json.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {
namespace {

using nlohmann::json;

// Wide enough for every integer that JSON text can bring here without loss.
long double number(const json& value) {
    if (value.is_number_unsigned()) return static_cast<long double>(value.get<std::uint64_t>());
    if (value.is_number_integer()) return static_cast<long double>(value.get<std::int64_t>());
    return value.get<double>();
}

bool equal(const json& a, const json& b) {
    return a.is_number() && b.is_number() ? number(a) == number(b) : a == b;
}

// Values of different types have no order.
std::partial_ordering compare(const json& a, const json& b) {
    if (a.is_number() && b.is_number()) return number(a) <=> number(b);
    if (!a.is_string() || !b.is_string()) return std::partial_ordering::unordered;
    return a.get_ref<const std::string&>() <=> b.get_ref<const std::string&>();
}

bool contains(const json& actual, const json& expected) {
    if (actual.is_array()) {
        return std::any_of(actual.begin(), actual.end(), [&](const json& element) { return equal(element, expected); });
    }
    return actual.is_string() && expected.is_string() &&
           contains_word(actual.get_ref<const std::string&>(), expected.get_ref<const std::string&>());
}

Regex::Answer matches(const json& actual, const Regex& regex) {
    if (actual.is_string()) return regex.search(actual.get_ref<const std::string&>());
    return actual.is_number() ? regex.search(actual.dump()) : Regex::Answer::no_match;
}

bool holds(const JsonAssertion& assertion, const json& actual, const json& expected) {
    switch (assertion.op) {
        case CompareOp::eq:
            return equal(actual, expected);
        case CompareOp::ne:
            return !equal(actual, expected);
        case CompareOp::contains:
            return contains(actual, expected);
        default:
            return ordering_holds(assertion.op, compare(actual, expected));
    }
}

// A value as an operator wants to see it: short, whatever the document holds.
std::string shown(const json& value) {
    if (value.is_object()) return "an object";
    if (value.is_array()) return "an array of " + std::to_string(value.size());
    if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
    return value.dump();
}

Violation unexpected(const JsonAssertion& assertion, const json& actual, const json& expected) {
    return {.detail = safe_text(assertion.path.text(), 80) + " is " + shown(actual) + ", expected " +
                      expectation(assertion.op, shown(expected))};
}

std::optional<Violation> pattern_violation(const JsonAssertion& assertion, const json& actual) {
    switch (matches(actual, *assertion.regex)) {
        case Regex::Answer::match:
            return std::nullopt;
        case Regex::Answer::no_match:
            return unexpected(assertion, actual, assertion.regex->pattern());
        case Regex::Answer::gave_up:
            break;
    }
    return pattern_gave_up(*assertion.regex, safe_text(assertion.path.text(), 80));
}

std::optional<Violation> violation_in(const JsonAssertion& assertion, const json& document) {
    const json* actual = assertion.path.find(document);
    if (actual == nullptr) {
        if (assertion.op == CompareOp::absent) return std::nullopt;
        return Violation{.detail = safe_text(assertion.path.text(), 80) + " is missing"};
    }
    if (assertion.op == CompareOp::exists) return std::nullopt;
    if (assertion.op == CompareOp::absent) return unexpected(assertion, *actual, nullptr);
    if (assertion.op == CompareOp::matches) return pattern_violation(assertion, *actual);
    const json expected = parse_bounded_json(assertion.value);
    if (holds(assertion, *actual, expected)) return std::nullopt;
    return unexpected(assertion, *actual, expected);
}

}  // namespace

bool ordering_holds(CompareOp op, std::partial_ordering ordering) noexcept {
    switch (op) {
        case CompareOp::lt:
            return ordering < 0;
        case CompareOp::le:
            return ordering <= 0;
        case CompareOp::gt:
            return ordering > 0;
        case CompareOp::ge:
            return ordering >= 0;
        default:
            return false;
    }
}

std::string expectation(CompareOp op, const std::string& value) {
    switch (op) {
        case CompareOp::eq:
            return value;
        case CompareOp::ne:
            return "anything else";
        case CompareOp::contains:
            return "to contain " + value;
        case CompareOp::matches:
            return "to match " + value;
        case CompareOp::absent:
            return "to be absent";
        default:
            return std::string(to_string(op)) + ' ' + value;
    }
}

Violation pattern_gave_up(const Regex& regex, const std::string& where) {
    return {ErrorClass::internal, "pattern " + in_quotes(regex.pattern()) + " takes too many steps on the " + where};
}

std::optional<Violation> json_violation(const std::vector<JsonAssertion>& assertions, std::string_view body) {
    if (body.empty()) return Violation{.detail = "body is empty, expected JSON"};
    json document;
    try {
        document = parse_bounded_json(body);
    } catch (const JsonError& error) {
        return Violation{.detail = std::string("body is ") + error.what()};
    }
    for (const JsonAssertion& assertion : assertions) {
        if (auto violation = violation_in(assertion, document)) return violation;
    }
    return std::nullopt;
}

}  // namespace pulsimo::engine
