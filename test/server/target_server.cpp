// The scripted target as a program: target_server [PORT]. Listens on 127.0.0.1, prints the port, and serves until it is
// ended by a signal. Port 0 takes a free one.
// The answers are listed in test/unit/support/scripted_target.hpp.
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <exception>
#include <iostream>

#include "unit/support/scripted_target.hpp"

int main(int argc, char** argv) {
    std::uint16_t port = 0;
    if (argc > 2) {
        std::cerr << "usage: target_server [PORT]\n";
        return 2;
    }
    if (argc == 2) {
        const char* end = argv[1] + std::strlen(argv[1]);
        const auto [rest, error] = std::from_chars(argv[1], end, port);
        if (error != std::errc() || rest != end) {
            std::cerr << "target_server: not a port: " << argv[1] << "\n";
            return 2;
        }
    }
    try {
        pulsimo::test::TestServer::Options options;
        options.port = port;
        options.remember = false;
        const pulsimo::test::TestServer server(pulsimo::test::ScriptedTarget(), options);
        std::cout << server.port() << std::endl;
        for (;;) pause();
    } catch (const std::exception& error) {
        std::cerr << "target_server: " << error.what() << "\n";
        return 1;
    }
}
