// One-time passwords of authenticator apps: RFC 4226 and RFC 6238 with HMAC-SHA-1, 6 digits and steps of 30 seconds,
// the one combination that all of the apps know.
//
// A password is good once: who calls matching_step() stores the step it returns before letting anybody in, and passes
// it the next time. How often may be guessed is not decided here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pulsimo::secrets {

// `digits` from 6 to 9. Throws std::invalid_argument for others and for an empty secret, whose passwords anybody could
// compute.
std::string one_time_password(std::string_view secret, std::int64_t step, int digits = 6);

// The step at that time, in seconds since 1970.
std::int64_t step_at(std::int64_t unix_s);

// The step whose password `code` is: the current one, the one before or the one after, if it is later than
// `last_used_step` (-1 before the first). Spaces in the code do not count.
std::optional<std::int64_t> matching_step(std::string_view secret, std::string_view code, std::int64_t unix_s,
                                          std::int64_t last_used_step);

// RFC 4648, without padding.
std::string base32(std::string_view bytes);

// What the QR code says: otpauth://totp/Issuer:account?secret=...&issuer=... The format has no way to write a colon in
// an issuer or an account; it becomes a hyphen.
std::string otpauth_uri(std::string_view issuer, std::string_view account, std::string_view secret);

}  // namespace pulsimo::secrets
