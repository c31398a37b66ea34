// The part of assertions.hpp that compares values in a JSON body, and what it shares with the comparison of headers.
#pragma once

#include <compare>

#include "engine/assertions.hpp"

namespace pulsimo::engine {

std::optional<Violation> json_violation(const std::vector<JsonAssertion>& assertions, std::string_view body);

// "<", "<=", ">" and ">=".
bool ordering_holds(CompareOp op, std::partial_ordering ordering) noexcept;

// The end of "... is 3, expected": "< 2", "to contain \"x\"". `value` is written as an operator reads it.
std::string expectation(CompareOp op, const std::string& value);

// Our own limits stood in the way, so it says nothing about the target.
Violation pattern_gave_up(const Regex& regex, const std::string& where);

}  // namespace pulsimo::engine
