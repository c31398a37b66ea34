// The messages between a keeper and its probers, as bytes. Both ends are the same build, so the format carries no
// version; decoding is bounds-checked all the same and throws WireError, because it crosses shared memory.
//
// Commands and results are batched: one message holds any number of them, so a burst costs one wake-up.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "engine/endpoint_config.hpp"
#include "engine/result.hpp"

namespace pulsimo::engine {

class WireError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Upsert { EndpointConfig config; };
struct Remove { std::int64_t endpoint_id = 0; };
struct CheckNow { std::int64_t endpoint_id = 0; std::uint64_t request_id = 0; };
struct RetryAfter { std::int64_t endpoint_id = 0; std::int64_t delay_us = 0; };
struct SetAccepting { bool accepting = true; };  // false: the keeper cannot store more results for now
using Command = std::variant<Upsert, Remove, CheckNow, RetryAfter, SetAccepting>;

// Each appends to `out`, which is a message in the making.
void append(std::string& out, const Command& command);
void append(std::string& out, const CheckResult& result);

std::vector<Command> decode_commands(std::span<const char> message);
std::vector<CheckResult> decode_results(std::span<const char> message);

}  // namespace pulsimo::engine
