// What everything here needs of libsodium.
#pragma once

#include <sodium.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace pulsimo::secrets {

// Cheap when it has run before.
inline void start_sodium() {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
}

struct Wiper {
    std::size_t size = 0;
    void operator()(unsigned char* bytes) const noexcept {
        sodium_memzero(bytes, size);
        delete[] bytes;
    }
};

// Memory that is wiped before it is given back.
using WipedBytes = std::unique_ptr<unsigned char[], Wiper>;

inline WipedBytes wiped_bytes(std::size_t size) {
    return WipedBytes(new unsigned char[size](), Wiper{size});
}

inline const unsigned char* bytes_of(std::string_view text) noexcept {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace pulsimo::secrets
