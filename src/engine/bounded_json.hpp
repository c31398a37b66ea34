// Parsing of JSON that somebody else wrote: a body from the network, the options of a user. nlohmann's parser needs no
// stack for nesting, but what is done with the result later does, and each value costs memory that the text does not
// show; so both are limited while parsing.
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

namespace pulsimo::engine {

// what() completes "the text is ...": "not JSON at byte 12", "JSON with more than 100 levels".
class JsonError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline constexpr int kMaxJsonLevels = 100;
inline constexpr int kMaxJsonValues = 1'000'000;

nlohmann::json parse_bounded_json(std::string_view text);

}  // namespace pulsimo::engine
