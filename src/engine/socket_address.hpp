// An IPv4 or IPv6 address with its port, as a value.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pulsimo::engine {

class SocketAddress {
  public:
    // Nothing when the family is neither IPv4 nor IPv6 or the length does not fit it.
    static std::optional<SocketAddress> from(const sockaddr* address, socklen_t length, std::uint16_t port) noexcept;
    // "127.0.0.1", "::1", "[::1]"; nothing when the text is no address.
    static std::optional<SocketAddress> parse(std::string_view text, std::uint16_t port) noexcept;

    const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
    socklen_t length() const noexcept { return is_v6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in); }
    bool is_v6() const noexcept { return storage_.v4.sin_family == AF_INET6; }
    bool same_ip(const SocketAddress& other) const noexcept;

    std::string ip() const;    // "::1"
    std::string text() const;  // "127.0.0.1:80", "[::1]:80"

    // Whether the kernel knows a way to it from here. Sends nothing.
    bool has_route() const noexcept;

  private:
    union {
        sockaddr_in v4;
        sockaddr_in6 v6;
    } storage_{};
};

}  // namespace pulsimo::engine
