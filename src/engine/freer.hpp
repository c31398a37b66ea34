// Lets std::unique_ptr give back an object of a C library: std::unique_ptr<BIO, Freer<BIO_free_all>>.
#pragma once

namespace pulsimo::engine {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

}  // namespace pulsimo::engine
