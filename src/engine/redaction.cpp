#include "engine/redaction.hpp"

#include <curl/curl.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/bounded_json.hpp"
#include "engine/option_parsers.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {

namespace {

constexpr std::size_t kShortestSecret = 4;
constexpr std::size_t kShortestPart = 8;
constexpr std::size_t kRecognized = 64;       // of a long secret, so much gives it away
constexpr std::string_view kCut = "...\"";    // what in_quotes() ends with where it has left something out
constexpr std::size_t kLongestDetail = 1024;  // in which something was quoted

// This is done for every failure, and nobody's endpoint or target may make others wait for it.
constexpr std::size_t kMostSecrets = 100;
constexpr std::size_t kLongestUrl = 2048;    // of an endpoint; where a target redirects to may be longer
constexpr std::size_t kLongest = 16 * 1024;  // more than any text in which secrets are looked for

std::size_t position_of(std::string_view text, std::string_view word, std::size_t from) {
    const void* found = memmem(text.data() + from, text.size() - from, word.data(), word.size());
    if (found == nullptr) return std::string_view::npos;
    return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// Where a text was cut off a few characters of a secret count already.
void mark_beginning(std::string_view text, std::string_view head, std::vector<bool>& marks) {
    for (std::size_t length = std::min(head.size(), text.size()); length >= kShortestSecret; --length) {
        if (!text.ends_with(head.substr(0, length))) continue;
        std::fill_n(marks.begin() + static_cast<std::ptrdiff_t>(text.size() - length), length, true);
        break;
    }
}

// Marks where `text` repeats a secret, or the beginning of a long one.
void mark(std::string_view text, std::string_view secret, std::vector<bool>& marks) {
    const std::string_view head = secret.substr(0, kRecognized);
    for (std::size_t at = position_of(text, head, 0); at != std::string_view::npos;) {
        const auto begin = text.begin() + static_cast<std::ptrdiff_t>(at);
        const auto length = std::mismatch(begin, text.end(), secret.begin(), secret.end()).first - begin;
        std::fill_n(marks.begin() + static_cast<std::ptrdiff_t>(at), length, true);
        at = position_of(text, head, at + static_cast<std::size_t>(length));
    }
    mark_beginning(text, head, marks);
    if (text.size() > kLongestDetail) return;
    for (std::size_t at = text.find(kCut); at != std::string_view::npos; at = text.find(kCut, at + 1)) {
        mark_beginning(text.substr(0, at), head, marks);
    }
}

std::string with(std::string text, std::string_view old, std::string_view now) {
    for (std::size_t at = 0; (at = text.find(old, at)) != std::string::npos; at += now.size()) {
        text.replace(at, old.size(), now);
    }
    return text;
}

std::string in_json(const std::string& text, bool ascii) {
    const std::string quoted = nlohmann::json(text).dump(-1, ' ', ascii, nlohmann::json::error_handler_t::replace);
    return quoted.substr(1, quoted.size() - 2);
}

std::string in_url(const std::string& text) {
    const std::unique_ptr<char, decltype(&curl_free)> escaped(
        curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())), &curl_free);
    return escaped ? escaped.get() : text;
}

std::string in_html(std::string_view text) {
    std::string html;
    for (const char c : text) {
        switch (c) {
            case '&':
                html += "&amp;";
                break;
            case '<':
                html += "&lt;";
                break;
            case '>':
                html += "&gt;";
                break;
            case '"':
                html += "&quot;";
                break;
            case '\'':
                html += "&#39;";
                break;
            default:
                html += c;
        }
    }
    return html;
}

// As others write it: the second is what some make of letters that are not ASCII, the third of slashes, the fourth of
// what means something to HTML. The last is what in_quotes() makes of bytes that are no text.
std::vector<std::string> forms_of(const std::string& secret) {
    const std::string json = in_json(secret, false);
    const std::string html = in_html(secret);
    return {json,
            in_json(secret, true),
            with(json, "/", "\\/"),
            with(with(with(json, "&", "\\u0026"), "<", "\\u003c"), ">", "\\u003e"),
            in_url(secret),
            html,
            with(with(html, "&quot;", "&#34;"), "&#39;", "&#x27;"),
            safe_text(secret, secret.size())};
}

bool contains_ignoring_case(std::string_view text, std::string_view word) {
    for (; text.size() >= word.size(); text.remove_prefix(1)) {
        if (equals_ignoring_case(text.substr(0, word.size()), word)) return true;
    }
    return false;
}

void add_secret(std::vector<std::string>& secrets, std::string_view value, std::size_t shortest = kShortestSecret) {
    if (value.size() >= shortest && secrets.size() < kMostSecrets) secrets.emplace_back(value);
}

std::string base64(const std::string& text) {
    std::string encoded((text.size() + 2) / 3 * 4 + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    encoded.resize(static_cast<std::size_t>(length));
    return encoded;
}

// "Bearer t0ken", "a=1; session=t0ken": the token may come back alone.
void add_parts(std::vector<std::string>& secrets, std::string_view value) {
    constexpr std::string_view kBetween = " ;,=\"";
    while (!value.empty()) {
        const std::string_view part = value.substr(0, value.find_first_of(kBetween));
        add_secret(secrets, part, kShortestPart);
        value.remove_prefix(std::min(part.size() + 1, value.size()));
    }
}

void add_json_secrets(std::vector<std::string>& secrets, const nlohmann::json& value, bool secret) {
    if (value.is_string() && secret) add_secret(secrets, value.get_ref<const std::string&>());
    if (value.is_number() && secret) add_secret(secrets, value.dump());
    if (value.is_array()) {
        for (const nlohmann::json& element : value) add_json_secrets(secrets, element, secret);
    } else if (value.is_object()) {
        for (const auto& [name, member] : value.items())
            add_json_secrets(secrets, member, secret || carries_secret(name));
    }
}

std::string form_text(std::string_view value) {
    std::string text(value);
    std::replace(text.begin(), text.end(), '+', ' ');
    int length = 0;
    const std::unique_ptr<char, decltype(&curl_free)> plain(
        curl_easy_unescape(nullptr, text.data(), static_cast<int>(text.size()), &length), &curl_free);
    return plain ? std::string(plain.get(), static_cast<std::size_t>(length)) : std::string();
}

// As it was sent, and as a server that has read it would write it.
void add_form_secrets(std::vector<std::string>& secrets, std::string_view form) {
    while (!form.empty()) {
        const std::string_view field = form.substr(0, form.find('&'));
        form.remove_prefix(std::min(field.size() + 1, form.size()));
        const std::size_t name_end = std::min(field.find('='), field.size());
        if (!carries_secret(field.substr(0, name_end))) continue;
        const std::string_view value = field.substr(std::min(name_end + 1, field.size()));
        add_secret(secrets, value);
        if (const std::string text = form_text(value); text != value) add_secret(secrets, text);
    }
}

// A login: the target may repeat it whole, or the password alone. No login is long.
void add_body_secrets(std::vector<std::string>& secrets, const std::string& body) {
    add_secret(secrets, std::string_view(body).substr(0, kLongest), kShortestPart);
    if (body.size() > kLongest) return;
    try {
        add_json_secrets(secrets, parse_bounded_json(body), false);
    } catch (const JsonError&) {
        add_form_secrets(secrets, body);
    }
}

bool has_parts(std::string_view header) {
    constexpr std::array<std::string_view, 3> kHeaders = {"Authorization", "Proxy-Authorization", "Cookie"};
    return std::any_of(kHeaders.begin(), kHeaders.end(),
                       [header](auto other) { return equals_ignoring_case(header, other); });
}

}  // namespace

// A word too many hides something harmless, one too few shows a secret.
bool carries_secret(std::string_view name) {
    constexpr std::array<std::string_view, 12> kWords = {"auth", "cookie", "credential", "csrf",      "key",   "pass",
                                                         "pwd",  "secret", "session",    "signature", "token", "xsrf"};
    return std::any_of(kWords.begin(), kWords.end(),
                       [name](std::string_view word) { return contains_ignoring_case(name, word); });
}

std::string public_url(std::string_view url) {
    const std::size_t path_end = url.find_first_of("?#");
    std::string shown(url.substr(0, path_end));
    if (const std::size_t slashes = shown.find("//"); slashes != std::string::npos) {
        const std::size_t host = slashes + 2;
        const std::size_t at = shown.substr(0, shown.find('/', host)).rfind('@');
        if (at != std::string::npos && at >= host) shown.replace(host, at - host, kHidden);
    }
    if (path_end != std::string_view::npos) (shown += url[path_end]) += kHidden;
    return shown;
}

std::vector<std::string> in_all_forms(const std::vector<std::string>& secrets) {
    std::vector<std::string> forms = secrets;
    for (const std::string& secret : secrets) {
        for (std::string& form : forms_of(secret)) forms.push_back(std::move(form));
    }
    std::sort(forms.begin(), forms.end());
    forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
    return forms;
}

std::string hide(std::string_view text, const std::vector<std::string>& secrets) {
    std::vector<bool> marks(text.size());
    for (const std::string& secret : secrets) mark(text, secret, marks);
    if (std::find(marks.begin(), marks.end(), true) == marks.end()) return std::string(text);
    std::string shown;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!marks[i]) {
            shown += text[i];
        } else if (i == 0 || !marks[i - 1]) {
            shown += kHidden;
        }
    }
    return shown;
}

std::vector<std::string> secrets_of(const HttpOptions& options) {
    std::vector<std::string> secrets;
    add_secret(secrets, options.bearer);
    add_secret(secrets, options.basic_password);
    if (!options.basic_user.empty()) add_secret(secrets, base64(options.basic_user + ':' + options.basic_password));
    for (const auto& [name, value] : options.headers) {
        if (goes_to_every_origin(name) && name != options.credential_header) continue;
        add_secret(secrets, value);
        if (has_parts(name)) add_parts(secrets, value);
    }
    add_body_secrets(secrets, options.body);
    return secrets;
}

void add_query(std::vector<std::string>& secrets, std::string_view url) {
    const std::size_t hash = std::min(url.find('#'), url.size());
    add_form_secrets(secrets, url.substr(std::min(hash + 1, url.size())).substr(0, kLongestUrl));
    url = url.substr(0, hash);
    const std::size_t mark = url.find('?');
    if (mark == std::string_view::npos) return;
    const std::string_view query = url.substr(mark + 1).substr(0, kLongestUrl);
    add_secret(secrets, query);
    add_form_secrets(secrets, query);
}

}  // namespace pulsimo::engine
