// A value that nearly always is as T{} is, and then takes no more room than a pointer: there may be a hundred thousand
// of what it is part of.
#pragma once

#include <memory>
#include <utility>

namespace pulsimo::engine {

template <class T>
class Rarely {
  public:
    Rarely() = default;
    Rarely(T value) : value_(value == T{} ? nullptr : std::make_unique<T>(std::move(value))) {}  // NOLINT: is a T
    Rarely(const Rarely& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
    Rarely(Rarely&&) noexcept = default;
    Rarely& operator=(Rarely other) noexcept {
        value_ = std::move(other.value_);
        return *this;
    }
    ~Rarely() = default;

    const T& operator*() const noexcept { return value_ ? *value_ : usual(); }
    const T* operator->() const noexcept { return &**this; }

    bool operator==(const Rarely& other) const { return **this == *other; }

  private:
    static const T& usual() noexcept {
        static const T value{};
        return value;
    }

    std::unique_ptr<T> value_;
};

}  // namespace pulsimo::engine
