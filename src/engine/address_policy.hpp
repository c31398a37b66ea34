// Which addresses may be probed. Decided on the address that is connected to, never on a name, so a name that
// resolves differently the second time gains nothing.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pulsimo::engine {

// A CIDR block; IPv4 is kept as IPv4-mapped IPv6, so ::ffff:169.254.0.1 is blocked where 169.254.0.0/16 is.
struct Network {
    std::array<std::uint8_t, 16> bytes{};
    int prefix = 0;

    bool contains(const Network& address) const noexcept;
};

// "10.0.0.0/8", "fe80::/10", "192.0.2.1". Throws InvalidOption naming the word that is wrong.
Network parse_network(std::string_view text);

// Comma- or space-separated; empty text gives no networks.
std::vector<Network> parse_networks(std::string_view text);

struct AddressPolicy {
    std::vector<Network> blocked;  // refused ...
    std::vector<Network> allowed;  // ... unless it is in here (an exception to `blocked`)

    bool permits(const sockaddr* address) const noexcept;
};

// Link-local addresses and the metadata services of the clouds.
inline constexpr std::string_view kDefaultBlockedNetworks =
    "169.254.0.0/16, fe80::/10, fd00:ec2::254/128, 100.100.100.200/32, 168.63.129.16/32, 0.0.0.0/8, ::/128";

}  // namespace pulsimo::engine
