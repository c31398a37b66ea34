// A URL taken apart, as far as a request needs it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pulsimo::engine {

struct HttpTarget {
    std::string url;   // without user, password and fragment
    std::string host;  // a name in ASCII form or an address, IPv6 without brackets
    std::uint16_t port = 0;
    bool https = false;

    bool same_origin(const HttpTarget& other) const;  // credentials do not leave it
    std::string host_and_port() const;  // "example.com:443", "[::1]:80"
    std::string host_header() const;    // the same without the scheme's own port

    // The URL with another host in it.
    std::string url_with_host(const std::string& other) const;

    // Takes an absolute URL, or what a Location header of `base` says. Nothing when that is no URL or neither http nor
    // https.
    static std::optional<HttpTarget> parse(const std::string& url);
    static std::optional<HttpTarget> parse(const std::string& location, const HttpTarget& base);
};

}  // namespace pulsimo::engine
