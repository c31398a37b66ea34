#include "secrets/sealing.hpp"

namespace pulsimo::secrets {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kKeyId = 8;
constexpr std::size_t kHeader = 1 + kKeyId;
constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kOverhead = kHeader + kNonce + kTag;
static_assert(Key::kSize == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

std::string header_for(const Key& key) {
    unsigned char id[kKeyId];
    if (sodium_hex2bin(id, sizeof id, key.id().data(), key.id().size(), nullptr, nullptr, nullptr) != 0) {
        throw std::logic_error("a key id is 16 hexadecimal digits");
    }
    return std::string(1, kVersion).append(reinterpret_cast<const char*>(id), sizeof id);
}

// The header has a fixed length, so no two pairs of header and context are the same bytes.
std::string authenticated(std::string_view header, std::string_view context) {
    return std::string(header).append(context);
}

}  // namespace

std::string seal(const KeyRing& keys, std::string_view plain, std::string_view context) {
    start_sodium();
    const Key& key = keys.current();
    std::string sealed = header_for(key);
    const std::string beside = authenticated(sealed, context);
    sealed.resize(kOverhead + plain.size());
    auto* const nonce = reinterpret_cast<unsigned char*>(sealed.data()) + kHeader;
    randombytes_buf(nonce, kNonce);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + kNonce, nullptr, bytes_of(plain), plain.size(), bytes_of(beside),
                                               beside.size(), nullptr, nonce, key.bytes());
    return sealed;
}

SecretText open(const KeyRing& keys, std::string_view sealed, std::string_view context) {
    start_sodium();
    const std::string id = key_id_of(sealed);
    const Key* key = keys.find(id);
    if (key == nullptr) throw SealError("the key " + id + " that sealed it is not in the key file");
    const std::string beside = authenticated(sealed.substr(0, kHeader), context);
    const unsigned char* nonce = bytes_of(sealed) + kHeader;
    WipedBytes plain = wiped_bytes(sealed.size() - kOverhead);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain.get(), nullptr, nullptr, nonce + kNonce,
                                                   sealed.size() - kHeader - kNonce, bytes_of(beside), beside.size(),
                                                   nonce, key->bytes()) != 0) {
        throw SealError("the sealed text does not open: it was changed, or belongs to another place");
    }
    return SecretText(std::move(plain));
}

std::string key_id_of(std::string_view sealed) {
    if (sealed.size() < kOverhead || sealed.front() != kVersion) throw SealError("not a sealed text");
    char id[2 * kKeyId + 1];
    return sodium_bin2hex(id, sizeof id, bytes_of(sealed) + 1, kKeyId);
}

}  // namespace pulsimo::secrets
