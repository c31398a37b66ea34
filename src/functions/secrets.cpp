// Secrets, all by libsodium. Passwords: Argon2id (RFC 9106); the parameters are settings, and are written into each
// hash, so that older hashes go on working when they are raised. Tokens: what a person carries and of which we keep
// only a hash.

#include <sodium.h>

#include "worker/settings.hpp"

#include "pg/postgres.hpp"

extern "C" {
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pulsimo_new_token);
PG_FUNCTION_INFO_V1(pulsimo_hash_password);
PG_FUNCTION_INFO_V1(pulsimo_password_matches);
}

namespace {

namespace settings = pulsimo::worker::settings;

void start_sodium() {
    if (sodium_init() < 0) ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("libsodium does not start")));
}

struct Hash {
    char text[crypto_pwhash_STRBYTES];
};

Hash hash_of(const text* password) {
    start_sodium();
    Hash hash;
    const auto memory = static_cast<std::size_t>(settings::password_memory_kb) * 1024;
    if (crypto_pwhash_str_alg(hash.text, VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password),
                              static_cast<unsigned long long>(settings::password_rounds), memory,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory while hashing a password"),
                        errhint("Each of them takes pulsimo.password_memory for a moment.")));
    }
    return hash;
}

}  // namespace

PULSIMO_EXPORT Datum pulsimo_new_token(PG_FUNCTION_ARGS) {
    start_sodium();
    unsigned char secret[32];
    randombytes_buf(secret, sizeof secret);
    constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    char encoded[sodium_base64_ENCODED_LEN(sizeof secret, kVariant)];
    sodium_bin2base64(encoded, sizeof encoded, secret, sizeof secret, kVariant);
    const char* prefix = text_to_cstring(PG_GETARG_TEXT_PP(0));
    PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s%s", prefix, encoded)));
}

PULSIMO_EXPORT Datum pulsimo_hash_password(PG_FUNCTION_ARGS) {
    PG_RETURN_TEXT_P(cstring_to_text(hash_of(PG_GETARG_TEXT_PP(0)).text));
}

// Without a hash, because there is no such user, it takes as long as with one.
PULSIMO_EXPORT Datum pulsimo_password_matches(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(0)) PG_RETURN_BOOL(false);
    const text* password = PG_GETARG_TEXT_PP(0);
    if (PG_ARGISNULL(1)) {
        hash_of(password);
        PG_RETURN_BOOL(false);
    }
    start_sodium();
    const char* hash = text_to_cstring(PG_GETARG_TEXT_PP(1));
    PG_RETURN_BOOL(crypto_pwhash_str_verify(hash, VARDATA_ANY(password), VARSIZE_ANY_EXHDR(password)) == 0);
}
