// Secrets sealed for the database: XChaCha20-Poly1305 (libsodium's IETF AEAD) with a random nonce, long enough that two
// never meet.
//
//   1 byte    version, 1
//   8 bytes   id of the key (key_file.hpp)
//   24 bytes  nonce
//   the rest  ciphertext with its tag of 16 bytes
//
// Authenticated with it are version, key id and the context: the place the secret belongs to, such as table, column
// and row. Who may write to the table can therefore not move a secret to where its plain text would be shown to them.
// What the length of a sealed text tells, 49 bytes less, is not hidden.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "secrets/key_file.hpp"
#include "secrets/sodium.hpp"

namespace pulsimo::secrets {

// Owns the plain text, and wipes it. A view does not outlive it.
class SecretText {
  public:
    explicit SecretText(WipedBytes bytes) noexcept : bytes_(std::move(bytes)) {}
    std::string_view view() const noexcept {
        if (!bytes_) return {};
        return {reinterpret_cast<const char*>(bytes_.get()), bytes_.get_deleter().size};
    }

  private:
    WipedBytes bytes_;
};

// The message may be shown to anybody; lower-case, no period.
class SealError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

std::string seal(const KeyRing& keys, std::string_view plain, std::string_view context);

// Throws SealError.
SecretText open(const KeyRing& keys, std::string_view sealed, std::string_view context);

// The id of the key that is needed to open it. Throws SealError.
std::string key_id_of(std::string_view sealed);

}  // namespace pulsimo::secrets
