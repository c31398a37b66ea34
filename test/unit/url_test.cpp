#include "engine/url.hpp"

#include <gtest/gtest.h>

#include <string>

#include "engine/invalid_option.hpp"

namespace pulsimo::engine {
namespace {

TEST(ValidateUrl, TakesAbsoluteHttpUrls) {
    for (const std::string& url : {
             std::string("http://example.com"),
             std::string("https://example.com/"),
             std::string("HTTPS://EXAMPLE.COM/Path?q=1&r=a%20b#part"),
             std::string("http://localhost:8080/x"),
             std::string("http://127.0.0.1:1"),
             std::string("http://127.0.0.1:65535"),
             std::string("http://[::1]:80/"),
             std::string("http://[fe80::1%25eth0]/"),
             std::string("https://xn--mnchen-3ya.de/"),
             std::string("http://a_b.example/"),
             std::string("http://example.com?q=user@example.com"),
             std::string("http://example.com/@name:x"),
             std::string("https://example.com/ü"),
             "http://example.com/" + std::string(2048 - 19, 'a'),
         }) {
        EXPECT_NO_THROW(validate_url(url)) << url;
    }
}

TEST(ValidateUrl, SaysWhatIsWrong) {
    using namespace std::string_view_literals;
    const struct {
        std::string url;
        const char* message;
    } cases[] = {
        {"", "URL is empty"},
        {"example.com", "URL must begin with http:// or https://"},
        {"ftp://example.com/", "URL must begin with http:// or https://"},
        {"file:///etc/passwd", "URL must begin with http:// or https://"},
        {"javascript:alert(1)", "URL must begin with http:// or https://"},
        {"http:/example.com", "URL must begin with http:// or https://"},
        {"//example.com", "URL must begin with http:// or https://"},
        {"http://", "URL has no host"},
        {"http:///path", "URL has no host"},
        {"http://?q", "URL has no host"},
        {"http://#f", "URL has no host"},
        {"http://:80/", "URL has no host"},
        {"http://example.com:/", "URL has a colon but no port"},
        {"http://example.com:0/", "URL has a port that is not 1 to 65535"},
        {"http://example.com:00/", "URL has a port that is not 1 to 65535"},
        {"http://example.com:65536/", "URL has a port that is not 1 to 65535"},
        {"http://example.com:99999999999999999999/", "URL has a port that is not 1 to 65535"},
        {"http://example.com:http/", "URL has a port that is not 1 to 65535"},
        {"http://example.com:-1/", "URL has a port that is not 1 to 65535"},
        {"http://exa mple.com/", "URL contains a space or a control character"},
        {" http://example.com/", "URL contains a space or a control character"},
        {"http://example.com/\n", "URL contains a space or a control character"},
        {"http://example.com/\r\nHost: x", "URL contains a space or a control character"},
        {std::string("http://example.com/\0x"sv), "URL contains a space or a control character"},
        {"http://example.com/\x7F", "URL contains a space or a control character"},
        {"http://user:secret@example.com/", "URL must not contain a user name or password"},
        {"http://user@example.com/", "URL must not contain a user name or password"},
        {"http://@example.com/", "URL must not contain a user name or password"},
        {"http://good.example\\@evil.example/", "URL contains a backslash"},
        {"http://münchen.de/", "URL has a host outside of ASCII"},
        {"http://[::1/", "URL has a host that is no name and no address"},
        {"http://[nonsense]/", "URL has a host that is no name and no address"},
        {"http://a\"b/", "URL has a host that is no name and no address"},
        {"http://example.com/" + std::string(2048 - 18, 'a'), "URL is longer than 2048 bytes"},
    };
    for (const auto& [url, message] : cases) {
        try {
            validate_url(url);
            ADD_FAILURE() << url << " was taken";
        } catch (const InvalidOption& error) {
            EXPECT_STREQ(error.what(), message) << url;
            EXPECT_EQ(error.hint().find("secret"), std::string::npos);
        }
    }
}

}  // namespace
}  // namespace pulsimo::engine
