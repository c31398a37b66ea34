// What one check found out. Made by the prober, sent to its keeper, stored as a row of health_checks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "engine/error_class.hpp"

namespace pulsimo::engine {

// A duration as results hold it: not negative, and at most about 35 minutes.
constexpr std::int32_t bounded_us(std::int64_t us) noexcept {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(us, 0, INT32_MAX));
}

// Durations of the phases in microseconds; kNotReached where a phase did not happen
// (no name to resolve, no TLS, the check failed before).
struct Phases {
    static constexpr std::int32_t kNotReached = -1;

    std::int32_t dns_us = kNotReached;
    std::int32_t connect_us = kNotReached;
    std::int32_t tls_us = kNotReached;
    std::int32_t first_byte_us = kNotReached;
    std::int32_t transfer_us = kNotReached;
};

struct CheckResult {
    // Longest detail that is kept, in bytes; longer text is cut at a character boundary.
    static constexpr std::size_t kMaxDetail = 300;
    static constexpr std::size_t kMaxExcerpt = 12 * 1024;

    std::int64_t endpoint_id = 0;
    std::uint64_t request_id = 0;       // 0: by schedule; else the id given to Engine::check_now()
    std::int64_t started_at_us = 0;     // wall clock at the start, microseconds since 1970
    std::int32_t lateness_us = 0;       // start minus due time, monotonic
    std::int32_t skipped_slots = 0;     // slots left out since the previous result of this endpoint
    std::int32_t stall_us = 0;          // longest time our own loop was late while this check ran
    ErrorClass error = ErrorClass::none;
    std::string detail;                 // valid UTF-8 without NUL, made for an operator; empty on success
    std::int32_t response_us = 0;       // start to last byte read, all redirects included
    Phases phases;
    std::int32_t http_status = 0;       // of the last response; 0: none arrived
    std::int64_t certificate_expires_at_s = 0;  // seconds since 1970; 0: no certificate seen
    std::string certificate_issuer;     // valid UTF-8, cut like detail
    std::string excerpt;                // what a failed check saw (excerpt.hpp); empty: it passed, or own trouble
};

}  // namespace pulsimo::engine
