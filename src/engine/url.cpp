// libcurl's own parser has the last word, because libcurl makes the request: what it understands differently from us
// must not pass. Our checks before it refuse what it would tolerate or repair.
#include "engine/url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>

#include "engine/freer.hpp"
#include "engine/invalid_option.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {
namespace {

constexpr std::size_t kMaxUrl = 2048;
constexpr const char* kExample = "Write an absolute URL, for example \"https://example.com/health\".";

// Messages never quote the URL: its query may hold a secret.
[[noreturn]] void refuse(const char* reason, const char* hint = kExample) {
    throw InvalidOption(std::string("URL ") + reason, hint);
}

bool is_blank_or_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F;
}

void check_characters(std::string_view url) {
    if (url.empty()) refuse("is empty");
    if (url.size() > kMaxUrl) refuse("is longer than 2048 bytes", "");
    if (std::any_of(url.begin(), url.end(), is_blank_or_control)) {
        refuse("contains a space or a control character", "Write a space as %20.");
    }
    if (url.find('\\') != std::string_view::npos) refuse("contains a backslash", "Write it as %5C.");
}

void check_authority(std::string_view url) {
    const auto colon = url.find("://");
    const std::string_view scheme = url.substr(0, colon);
    if (colon == std::string_view::npos ||
        (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https"))) {
        refuse("must begin with http:// or https://");
    }
    url.remove_prefix(colon + 3);
    const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
    if (authority.find('@') != std::string_view::npos) {
        refuse("must not contain a user name or password", "Use the option \"auth\" instead.");
    }
    if (authority.empty() || authority.front() == ':') refuse("has no host");
    if (authority.back() == ':') refuse("has a colon but no port");
    if (std::any_of(authority.begin(), authority.end(), [](char c) { return (c & 0x80) != 0; })) {
        refuse("has a host outside of ASCII", "Write the name in its ASCII form, which begins with \"xn--\".");
    }
}

void check_port(CURLU* parsed) {
    char* port = nullptr;
    const CURLUcode code = curl_url_get(parsed, CURLUPART_PORT, &port, 0);
    if (code == CURLUE_NO_PORT) return;
    const std::unique_ptr<char, Freer<curl_free>> owner(port);
    if (code != CURLUE_OK || std::string_view(port) == "0") refuse("has a port that is not 1 to 65535");
}

void check_as_libcurl_does(std::string_view url) {
    const std::unique_ptr<CURLU, Freer<curl_url_cleanup>> parsed(curl_url());
    if (!parsed) throw std::bad_alloc();
    const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, std::string(url).c_str(), CURLU_DISALLOW_USER);
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code == CURLUE_BAD_PORT_NUMBER) refuse("has a port that is not 1 to 65535");
    if (code == CURLUE_NO_HOST) refuse("has no host");
    if (code != CURLUE_OK) refuse("has a host that is no name and no address");
    check_port(parsed.get());
}

}  // namespace

void validate_url(std::string_view url) {
    check_characters(url);
    check_authority(url);
    check_as_libcurl_does(url);
}

}  // namespace pulsimo::engine
