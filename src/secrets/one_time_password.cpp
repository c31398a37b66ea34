#include "secrets/one_time_password.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <stdexcept>

namespace pulsimo::secrets {
namespace {

constexpr std::int64_t kStepSeconds = 30;
constexpr int kDigits = 6;

using Sha1 = std::array<unsigned char, 20>;

Sha1 hmac_sha1(std::string_view secret, std::uint64_t counter) {
    unsigned char message[8];
    for (int i = 7; i >= 0; --i, counter >>= 8) message[i] = static_cast<unsigned char>(counter);
    Sha1 hash{};
    unsigned int length = 0;
    if (HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), message, sizeof message, hash.data(),
             &length) == nullptr ||
        length != hash.size()) {
        throw std::runtime_error("OpenSSL does not compute HMAC-SHA-1");
    }
    return hash;
}

// RFC 4226, 5.3.
std::uint32_t truncated(const Sha1& hash) {
    const std::size_t offset = hash.back() & 0x0f;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | hash[offset + i];
    return value & 0x7fffffff;
}

std::string without_spaces(std::string_view code) {
    std::string text;
    std::copy_if(code.begin(), code.end(), std::back_inserter(text), [](char c) { return c != ' '; });
    return text;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (is_unreserved(c)) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
        }
    }
    return encoded;
}

std::string label_part(std::string_view text) {
    std::string part(text);
    std::replace(part.begin(), part.end(), ':', '-');
    return percent_encoded(part);
}

}  // namespace

std::string one_time_password(std::string_view secret, std::int64_t step, int digits) {
    if (digits < 6 || digits > 9) throw std::invalid_argument("a one-time password has 6 to 9 digits");
    if (secret.empty() || secret.size() > std::numeric_limits<int>::max()) {
        throw std::invalid_argument("the secret of one-time passwords is empty or too long");
    }
    std::uint32_t value = truncated(hmac_sha1(secret, static_cast<std::uint64_t>(step)));
    std::string password(static_cast<std::size_t>(digits), '0');
    for (auto digit = password.rbegin(); digit != password.rend(); ++digit, value /= 10) {
        *digit = static_cast<char>('0' + value % 10);
    }
    return password;
}

std::int64_t step_at(std::int64_t unix_s) {
    return unix_s / kStepSeconds;
}

// All three are compared, and each in constant time, so how long it takes does not tell how near a guess was. Should
// two of them be the same, the later one counts, or the code would be good twice.
std::optional<std::int64_t> matching_step(std::string_view secret, std::string_view code, std::int64_t unix_s,
                                          std::int64_t last_used_step) {
    const std::string digits = without_spaces(code);
    const std::int64_t now = step_at(unix_s);
    std::optional<std::int64_t> found;
    for (std::int64_t step = now - 1; step <= now + 1; ++step) {
        const std::string password = one_time_password(secret, step, kDigits);
        const bool matches =
            digits.size() == password.size() && CRYPTO_memcmp(digits.data(), password.data(), password.size()) == 0;
        if (matches && step > last_used_step) found = step;
    }
    return found;
}

std::string base32(std::string_view bytes) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::string text;
    std::uint32_t pending = 0;
    int bits = 0;
    for (const char byte : bytes) {
        pending = pending << 8 | static_cast<unsigned char>(byte);
        for (bits += 8; bits >= 5; bits -= 5) text += kAlphabet[pending >> (bits - 5) & 31];
    }
    if (bits > 0) text += kAlphabet[pending << (5 - bits) & 31];
    return text;
}

std::string otpauth_uri(std::string_view issuer, std::string_view account, std::string_view secret) {
    const std::string encoded_issuer = label_part(issuer);
    return "otpauth://totp/" + encoded_issuer + ":" + label_part(account) + "?secret=" + base32(secret) +
           "&issuer=" + encoded_issuer;
}

}  // namespace pulsimo::secrets
