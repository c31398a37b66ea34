#include "engine/socket_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/unique_fd.hpp"

namespace pulsimo::engine {

std::optional<SocketAddress> SocketAddress::from(const sockaddr* address, socklen_t length,
                                                 std::uint16_t port) noexcept {
    SocketAddress result;
    if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
        std::memcpy(&result.storage_.v4, address, sizeof(sockaddr_in));
        result.storage_.v4.sin_port = htons(port);
    } else if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
        std::memcpy(&result.storage_.v6, address, sizeof(sockaddr_in6));
        result.storage_.v6.sin6_port = htons(port);
    } else {
        return std::nullopt;
    }
    return result;
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text, std::uint16_t port) noexcept {
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size()) return std::nullopt;
    std::copy(text.begin(), text.end(), terminated.begin());
    SocketAddress result;
    if (inet_pton(AF_INET, terminated.data(), &result.storage_.v4.sin_addr) == 1) {
        result.storage_.v4.sin_family = AF_INET;
        result.storage_.v4.sin_port = htons(port);
        return result;
    }
    result = {};
    if (inet_pton(AF_INET6, terminated.data(), &result.storage_.v6.sin6_addr) != 1) return std::nullopt;
    result.storage_.v6.sin6_family = AF_INET6;
    result.storage_.v6.sin6_port = htons(port);
    return result;
}

bool SocketAddress::same_ip(const SocketAddress& other) const noexcept {
    if (is_v6() != other.is_v6()) return false;
    if (!is_v6()) return storage_.v4.sin_addr.s_addr == other.storage_.v4.sin_addr.s_addr;
    return std::memcmp(&storage_.v6.sin6_addr, &other.storage_.v6.sin6_addr, sizeof storage_.v6.sin6_addr) == 0;
}

std::string SocketAddress::ip() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = is_v6() ? static_cast<const void*>(&storage_.v6.sin6_addr) : &storage_.v4.sin_addr;
    inet_ntop(is_v6() ? AF_INET6 : AF_INET, bytes, text.data(), text.size());
    return text.data();
}

std::string SocketAddress::text() const {
    const std::string port = std::to_string(ntohs(is_v6() ? storage_.v6.sin6_port : storage_.v4.sin_port));
    return is_v6() ? "[" + ip() + "]:" + port : ip() + ":" + port;
}

// To connect a datagram socket is to look up the route, nothing more.
bool SocketAddress::has_route() const noexcept {
    const UniqueFd socket(::socket(is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return socket.get() >= 0 && ::connect(socket.get(), get(), length()) == 0;
}

}  // namespace pulsimo::engine
