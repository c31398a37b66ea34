#include "unit/support/test_name_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace pulsimo::test {

namespace {

constexpr std::size_t kHeader = 12;
constexpr int kNameError = 3;
constexpr int kServerFailure = 2;

std::string two_bytes(unsigned int value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

// The labels of the question, joined by dots; `end` is set behind them.
std::string name_of(const std::string& question, std::size_t& end) {
    std::string name;
    end = kHeader;
    while (end < question.size() && question[end] != 0) {
        const auto length = static_cast<std::size_t>(static_cast<unsigned char>(question[end]));
        if (!name.empty()) name += '.';
        name += question.substr(end + 1, length);
        end += length + 1;
    }
    ++end;
    return name;
}

// One resource record, its name a pointer to the question.
std::string record(int family, const std::string& address) {
    std::array<char, 16> bytes{};
    if (inet_pton(family, address.c_str(), bytes.data()) != 1) return {};
    const std::size_t size = family == AF_INET ? 4 : 16;
    return "\xc0\x0c" + two_bytes(family == AF_INET ? 1 : 28) + two_bytes(1) + two_bytes(0) + two_bytes(60) +
           two_bytes(static_cast<unsigned int>(size)) + std::string(bytes.data(), size);
}

}  // namespace

TestNameServer::TestNameServer() : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (socket_ < 0 || bind(socket_, reinterpret_cast<sockaddr*>(&address), length) < 0 ||
        getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) < 0) {
        throw std::system_error(errno, std::generic_category(), "cannot start a name server");
    }
    port_ = ntohs(address.sin_port);
    const timeval look_up{0, 20'000};  // how soon it notices that it is to stop
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &look_up, sizeof look_up);
    thread_ = std::thread([this] { serve(); });
}

TestNameServer::~TestNameServer() {
    stop_ = true;
    thread_.join();
    close(socket_);
}

void TestNameServer::set(const std::string& name, Entry entry) {
    const std::lock_guard lock(mutex_);
    entries_[name] = std::move(entry);
}

std::string TestNameServer::address() const {
    return "127.0.0.1:" + std::to_string(port_);
}

void TestNameServer::serve() {
    while (!stop_) {
        std::array<char, 2048> buffer;
        sockaddr_in client{};
        socklen_t length = sizeof client;
        const ssize_t count =
            recvfrom(socket_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&client), &length);
        if (count < static_cast<ssize_t>(kHeader)) continue;
        ++questions_;
        const std::string reply = answer({buffer.data(), static_cast<std::size_t>(count)});
        if (reply.empty()) continue;
        sendto(socket_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&client), length);
    }
}

// Empty: no answer.
std::string TestNameServer::answer(const std::string& question) {
    std::size_t end = 0;
    const std::string name = name_of(question, end);
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    const Entry entry = found == entries_.end() ? Entry{.manner = Manner::no_such_name} : found->second;
    if (entry.manner == Manner::silent) return {};
    const int code = entry.manner == Manner::no_such_name ? kNameError
                     : entry.manner == Manner::fail       ? kServerFailure
                                                          : 0;
    const bool wants_v6 = question[end + 1] == 28;
    std::string records;
    unsigned int count = 0;
    for (const std::string& address : entry.addresses) {
        const std::string made = record(wants_v6 ? AF_INET6 : AF_INET, address);
        if (!made.empty()) ++count;
        records += made;
    }
    return question.substr(0, 2) + two_bytes(0x8180u | static_cast<unsigned int>(code)) + two_bytes(1) +
           two_bytes(count) + two_bytes(0) + two_bytes(0) + question.substr(kHeader, end + 4 - kHeader) + records;
}

}  // namespace pulsimo::test
