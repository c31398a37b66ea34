#include "engine/address_policy.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "engine/invalid_option.hpp"
#include "engine/socket_address.hpp"

namespace pulsimo::engine {

namespace {

constexpr int kMappedPrefix = 96;  // bits before the IPv4 part of an IPv4-mapped address
constexpr std::string_view kSeparators = ", \t\r\n";
constexpr std::array<std::uint8_t, 12> kNat64{0x00, 0x64, 0xff, 0x9b};  // 64:ff9b::/96

Network ipv4_network(std::array<std::uint8_t, 4> bytes) noexcept {
    Network network;
    network.prefix = 128;
    network.bytes[10] = network.bytes[11] = 0xff;
    std::copy(bytes.begin(), bytes.end(), network.bytes.begin() + 12);
    return network;
}

Network as_network(const sockaddr* address) noexcept {
    if (address->sa_family == AF_INET) {
        std::array<std::uint8_t, 4> bytes;
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, bytes.size());
        return ipv4_network(bytes);
    }
    Network network;
    network.prefix = 128;
    std::memcpy(network.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
    return network;
}

void clear_host_bits(Network& network) noexcept {
    for (std::size_t bit = static_cast<std::size_t>(network.prefix); bit < 128; ++bit) {
        network.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80 >> bit % 8));
    }
}

[[noreturn]] void refuse(std::string_view text) {
    throw InvalidOption("\"" + std::string(text) + "\" is not a network",
                        "Write addresses and CIDR blocks such as 10.0.0.0/8, 192.0.2.1 or fe80::/10.");
}

bool any_contains(const std::vector<Network>& networks, const Network& address) noexcept {
    return std::any_of(networks.begin(), networks.end(), [&](const Network& n) { return n.contains(address); });
}

// The IPv4 address that a NAT64 gateway would connect to, when `address` asks for one.
Network without_nat64(const Network& address) noexcept {
    if (!std::equal(kNat64.begin(), kNat64.end(), address.bytes.begin())) return address;
    const auto& bytes = address.bytes;
    return ipv4_network({bytes[12], bytes[13], bytes[14], bytes[15]});
}

// To connect to the unspecified address is to connect to this machine.
Network without_unspecified(const Network& address) noexcept {
    const Network v4 = ipv4_network({0, 0, 0, 0});
    if (address.bytes == v4.bytes) return ipv4_network({127, 0, 0, 1});
    Network inner = address;
    if (address.bytes == std::array<std::uint8_t, 16>{}) inner.bytes[15] = 1;
    return inner;
}

}  // namespace

bool Network::contains(const Network& address) const noexcept {
    const auto whole = static_cast<std::size_t>(prefix / 8);
    if (!std::equal(bytes.begin(), bytes.begin() + whole, address.bytes.begin())) return false;
    const int rest = prefix % 8;
    return rest == 0 || (bytes[whole] ^ address.bytes[whole]) >> (8 - rest) == 0;
}

Network parse_network(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = SocketAddress::parse(text.substr(0, slash), 0);
    if (!address || text.front() == '[') refuse(text);
    Network network = as_network(address->get());
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const int most = address->is_v6() ? 128 : 32;
        int prefix = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
        if (error != std::errc() || end != digits.data() + digits.size() || prefix < 0 || prefix > most) refuse(text);
        network.prefix = address->is_v6() ? prefix : prefix + kMappedPrefix;
    }
    clear_host_bits(network);
    return network;
}

std::vector<Network> parse_networks(std::string_view text) {
    std::vector<Network> networks;
    for (std::size_t begin = 0; (begin = text.find_first_not_of(kSeparators, begin)) != std::string_view::npos;) {
        const std::size_t end = std::min(text.find_first_of(kSeparators, begin), text.size());
        networks.push_back(parse_network(text.substr(begin, end - begin)));
        begin = end;
    }
    return networks;
}

bool AddressPolicy::permits(const sockaddr* address) const noexcept {
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6) return false;
    const Network outer = as_network(address);
    const std::array meanings{outer, without_nat64(outer), without_unspecified(outer)};
    const auto any_in = [&](const std::vector<Network>& networks) {
        return std::any_of(meanings.begin(), meanings.end(),
                           [&](const Network& n) { return any_contains(networks, n); });
    };
    return !any_in(blocked) || any_in(allowed);
}

}  // namespace pulsimo::engine
