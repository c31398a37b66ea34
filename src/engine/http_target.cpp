#include "engine/http_target.hpp"

#include <algorithm>
#include <memory>

#include "engine/curl_check.hpp"

namespace pulsimo::engine {

namespace {

struct FreeUrl {
    void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

Url new_url() {
    return Url(check_created(curl_url(), "curl_url"));
}

// Empty when the part is missing or cannot be had.
std::string part(CURLU* url, CURLUPart what, unsigned int flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, what, &text, flags) != CURLUE_OK) return {};
    const std::unique_ptr<char, void (*)(void*)> owner(text, curl_free);
    return text;
}

std::string without_brackets(const std::string& host) {
    return host.size() > 2 && host.front() == '[' ? host.substr(1, host.size() - 2) : host;
}

std::string with_brackets(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string to_lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    return text;
}

std::optional<HttpTarget> take_apart(CURLU* url) {
    const std::string scheme = part(url, CURLUPART_SCHEME);
    const std::string port = part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    HttpTarget target;
    target.https = scheme == "https";
    target.host = to_lower(without_brackets(part(url, CURLUPART_HOST, CURLU_PUNYCODE)));
    if ((!target.https && scheme != "http") || target.host.empty() || port.empty()) return std::nullopt;
    target.port = static_cast<std::uint16_t>(std::stoi(port));
    for (const CURLUPart secret : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_FRAGMENT}) {
        check(curl_url_set(url, secret, nullptr, 0), "curl_url_set");
    }
    target.url = part(url, CURLUPART_URL);
    return target;
}

}  // namespace

bool HttpTarget::same_origin(const HttpTarget& other) const {
    return https == other.https && port == other.port && host == other.host;
}

std::string HttpTarget::host_and_port() const {
    return with_brackets(host) + ":" + std::to_string(port);
}

std::string HttpTarget::host_header() const {
    return port == (https ? 443 : 80) ? with_brackets(host) : host_and_port();
}

std::string HttpTarget::url_with_host(const std::string& other) const {
    const Url changed = new_url();
    check(curl_url_set(changed.get(), CURLUPART_URL, url.c_str(), 0), "curl_url_set");
    check(curl_url_set(changed.get(), CURLUPART_HOST, with_brackets(other).c_str(), 0), "curl_url_set");
    return part(changed.get(), CURLUPART_URL);
}

std::optional<HttpTarget> HttpTarget::parse(const std::string& url) {
    const Url parsed = new_url();
    if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return std::nullopt;
    return take_apart(parsed.get());
}

// libcurl resolves a relative URL against the one that is set already.
std::optional<HttpTarget> HttpTarget::parse(const std::string& location, const HttpTarget& base) {
    const Url parsed = new_url();
    check(curl_url_set(parsed.get(), CURLUPART_URL, base.url.c_str(), 0), "curl_url_set");
    if (curl_url_set(parsed.get(), CURLUPART_URL, location.c_str(), CURLU_URLENCODE) != CURLUE_OK) return std::nullopt;
    return take_apart(parsed.get());
}

}  // namespace pulsimo::engine
