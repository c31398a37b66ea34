// Why a check did not pass, in the words users see (health_checks.error_class).
// `internal` is our own trouble and never counts against the target.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pulsimo::engine {

enum class ErrorClass : std::uint8_t {
    none,
    dns,
    connect,
    refused,
    reset,
    timeout,
    tls,
    certificate,
    protocol,
    status,
    assertion,
    too_large,
    policy,
    internal,
};

// The SQL spelling ("too_large"); `none` gives "none", which is stored as NULL.
std::string_view to_string(ErrorClass error) noexcept;

// Whether a check may have failed like this because we ourselves were late: no whole answer came. What the target said,
// a refusal included, it would have said at any time.
bool is_lack_of_an_answer(ErrorClass error) noexcept;

// The reverse of to_string(); nothing when the byte is no known class.
std::optional<ErrorClass> error_class_from_byte(std::uint8_t byte) noexcept;

}  // namespace pulsimo::engine
