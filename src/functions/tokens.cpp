// Secrets that a person carries and of which we keep only a hash.

#include <array>
#include <string>

#include <openssl/rand.h>

#include "pg/guard.hpp"

extern "C" {
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pulsimo_new_token);
}

namespace {

using Secret = std::array<unsigned char, 32>;

// base64url without padding, RFC 4648 section 5.
std::string encode(const Secret& secret) {
    constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    unsigned bits = 0;
    int held = 0;
    for (const unsigned char byte : secret) {
        bits = bits << 8 | byte;
        for (held += 8; held >= 6; held -= 6) text += kAlphabet[bits >> (held - 6) & 63];
    }
    if (held > 0) text += kAlphabet[bits << (6 - held) & 63];
    return text;
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_new_token(PG_FUNCTION_ARGS) {
    char* prefix = text_to_cstring(PG_GETARG_TEXT_PP(0));
    Secret secret;
    if (RAND_bytes(secret.data(), secret.size()) != 1) {
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random token")));
    }
    char token[128];
    pulsimo::pg::entry([&] {
        snprintf(token, sizeof token, "%s%s", prefix, encode(secret).c_str());
        return Datum(0);
    });
    PG_RETURN_TEXT_P(cstring_to_text(token));
}
