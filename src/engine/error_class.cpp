#include "engine/error_class.hpp"

#include <array>

namespace pulsimo::engine {
namespace {

// In the order of ErrorClass.
constexpr std::array<std::string_view, 14> kNames = {
    "none",        "dns",      "connect", "refused",   "reset",     "timeout", "tls",
    "certificate", "protocol", "status",  "assertion", "too_large", "policy",  "internal",
};
static_assert(kNames.size() == static_cast<std::size_t>(ErrorClass::internal) + 1);

}  // namespace

std::string_view to_string(ErrorClass error) noexcept {
    return kNames[static_cast<std::size_t>(error)];
}

bool is_lack_of_an_answer(ErrorClass error) noexcept {
    switch (error) {
        case ErrorClass::dns:
        case ErrorClass::connect:
        case ErrorClass::reset:
        case ErrorClass::timeout:
        case ErrorClass::tls:
            return true;
        default:
            return false;
    }
}

std::optional<ErrorClass> error_class_from_byte(std::uint8_t byte) noexcept {
    if (byte >= kNames.size()) return std::nullopt;
    return static_cast<ErrorClass>(byte);
}

}  // namespace pulsimo::engine
