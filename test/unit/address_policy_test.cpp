#include "engine/address_policy.hpp"

#include <gtest/gtest.h>

#include "engine/invalid_option.hpp"
#include "engine/socket_address.hpp"

namespace pulsimo::engine {
namespace {

bool permits(const AddressPolicy& policy, const std::string& address) {
    const auto parsed = SocketAddress::parse(address, 80);
    EXPECT_TRUE(parsed) << address;
    return parsed && policy.permits(parsed->get());
}

AddressPolicy blocking(std::string_view blocked, std::string_view allowed = {}) {
    return {.blocked = parse_networks(blocked), .allowed = parse_networks(allowed)};
}

TEST(AddressPolicy, BlocksExactlyTheNetwork) {
    const AddressPolicy policy = blocking("10.2.0.0/15, fe80::/10");
    EXPECT_TRUE(permits(policy, "10.1.255.255"));
    EXPECT_FALSE(permits(policy, "10.2.0.0"));
    EXPECT_FALSE(permits(policy, "10.3.255.255"));
    EXPECT_TRUE(permits(policy, "10.4.0.0"));
    EXPECT_TRUE(permits(policy, "fe7f::1"));
    EXPECT_FALSE(permits(policy, "fe80::1"));
    EXPECT_FALSE(permits(policy, "febf::1"));
    EXPECT_TRUE(permits(policy, "fec0::1"));
}

TEST(AddressPolicy, SeesTheSameAddressInEveryDress) {
    const AddressPolicy policy = blocking("169.254.0.0/16");
    EXPECT_FALSE(permits(policy, "169.254.169.254"));
    EXPECT_FALSE(permits(policy, "::ffff:169.254.169.254"));
    EXPECT_FALSE(permits(policy, "64:ff9b::169.254.169.254"));
    EXPECT_TRUE(permits(policy, "64:ff9b::192.0.2.1"));
    EXPECT_FALSE(permits(blocking("::ffff:10.0.0.0/104"), "10.1.1.1"));
}

TEST(AddressPolicy, MakesExceptions) {
    const AddressPolicy policy = blocking("0.0.0.0/0 ::/0", "127.0.0.1,::1");
    EXPECT_TRUE(permits(policy, "127.0.0.1"));
    EXPECT_TRUE(permits(policy, "::1"));
    EXPECT_FALSE(permits(policy, "127.0.0.2"));
    EXPECT_FALSE(permits(policy, "2001:db8::1"));
}

TEST(AddressPolicy, BlocksByDefaultWhatCloudsTellTheirMachines) {
    const AddressPolicy policy = blocking(kDefaultBlockedNetworks);
    for (const char* address :
         {"169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "0.0.0.0", "::"}) {
        EXPECT_FALSE(permits(policy, address)) << address;
    }
    for (const char* address : {"127.0.0.1", "10.0.0.1", "192.0.2.1", "::1", "2001:db8::1"}) {
        EXPECT_TRUE(permits(policy, address)) << address;
    }
}

TEST(AddressPolicy, PermitsOnlyInternetAddresses) {
    sockaddr local{};
    local.sa_family = AF_UNIX;
    EXPECT_FALSE(AddressPolicy().permits(&local));
}

TEST(AddressPolicy, RefusesWhatIsNoNetwork) {
    for (const char* text : {"10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "host",
                             "[::1]", "/8", "10.0.0.0/8/8"}) {
        EXPECT_THROW(parse_network(text), InvalidOption) << text;
    }
    try {
        parse_networks("10.0.0.0/8, nonsense");
        FAIL();
    } catch (const InvalidOption& error) {
        EXPECT_STREQ(error.what(), "\"nonsense\" is not a network");
    }
    EXPECT_TRUE(parse_networks(" , \n").empty());
    EXPECT_THROW(parse_network(""), InvalidOption);
}

TEST(SocketAddress, ReadsAndWritesAddresses) {
    EXPECT_EQ(SocketAddress::parse("127.0.0.1", 80)->text(), "127.0.0.1:80");
    EXPECT_EQ(SocketAddress::parse("[::1]", 443)->text(), "[::1]:443");
    EXPECT_EQ(SocketAddress::parse("2001:DB8::0:1", 443)->ip(), "2001:db8::1");
    EXPECT_FALSE(SocketAddress::parse("localhost", 80));
    EXPECT_FALSE(SocketAddress::parse("127.1", 80));
    EXPECT_FALSE(SocketAddress::parse("", 80));
    EXPECT_FALSE(SocketAddress::parse(std::string(100, '1'), 80));
}

TEST(SocketAddress, KnowsWhetherThereIsAWay) {
    EXPECT_TRUE(SocketAddress::parse("127.0.0.1", 80)->has_route());
    EXPECT_FALSE(SocketAddress::parse("255.255.255.255", 80)->has_route());  // broadcast is forbidden by default
}

// To connect to it is to connect to this machine.
TEST(AddressPolicy, TakesTheUnspecifiedAddressForLoopback) {
    for (const char* address : {"0.0.0.0", "::", "::ffff:0.0.0.0"}) {
        EXPECT_TRUE(permits(blocking("10.0.0.0/8"), address)) << address;
        EXPECT_FALSE(permits(blocking("127.0.0.0/8, ::1/128"), address)) << address;
    }
}

}  // namespace
}  // namespace pulsimo::engine
