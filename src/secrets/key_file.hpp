// The keys that seal secrets. They come from a file outside of the database, so that neither a dump nor a stolen disk
// of the database opens anything.
//
// One key a line, as 64 hexadecimal digits or as the base64 of 32 bytes; empty lines and lines that begin with # do not
// count. The first key seals, all of them open: to change keys, put a new line in front, seal everything again, and
// take the old line out once nothing names its id any more.
//
// The id of a key is a hash of it. A sealed text carries it, so it is always clear which key is missing, and it tells
// nothing about the key, which is random. Keys lie in memory that is wiped when it is given back and stays out of core
// dumps and swap as far as the system lets it.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pulsimo::secrets {

class Key {
  public:
    static constexpr std::size_t kSize = 32;

    // Copies the kSize bytes.
    explicit Key(const unsigned char* bytes);
    const unsigned char* bytes() const noexcept { return bytes_.get(); }
    // 16 lower-case hexadecimal digits: the first 8 bytes of the 32 byte BLAKE2b hash of the key.
    const std::string& id() const noexcept { return id_; }

  private:
    struct Free {
        void operator()(unsigned char* bytes) const noexcept;
    };
    std::unique_ptr<unsigned char, Free> bytes_;
    std::string id_;
};

class KeyRing {
  public:
    // The current key first. Throws std::invalid_argument when there is none.
    explicit KeyRing(std::vector<Key> keys);
    const Key& current() const noexcept { return keys_.front(); }
    const Key* find(std::string_view id) const noexcept;
    // The current one first, each once.
    std::vector<std::string> ids() const;

  private:
    std::vector<Key> keys_;
};

class KeyFileError : public std::runtime_error {
  public:
    // message: lower-case, no period. hint: sentences that tell what to do. Neither has a word of what is in the file.
    KeyFileError(const std::string& message, std::string hint) : std::runtime_error(message), hint_(std::move(hint)) {}
    const std::string& hint() const noexcept { return hint_; }

  private:
    std::string hint_;
};

// Throws KeyFileError, also when others than the owner may read or write the file (key_file_access.hpp).
KeyRing read_key_file(const std::string& path);

}  // namespace pulsimo::secrets
