#include "engine/excerpt.hpp"

#include <curl/curl.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/bounded_json.hpp"
#include "engine/option_parsers.hpp"
#include "engine/result.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view kHidden = "(hidden)";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// In bytes of JSON: quotes and line feeds take two. Together they leave more than kExcerptBody of
// CheckResult::kMaxExcerpt.
constexpr std::size_t kMaxUrl = 1024;
constexpr std::size_t kMaxLine = 300;  // the status line, the texts of a certificate
constexpr std::size_t kMaxNames = 1200;
constexpr std::size_t kMaxHeaders = 4 * 1024;
constexpr std::size_t kPunctuation = std::string_view(R"(["",""],)").size();

constexpr std::size_t kHexBytes = 64;

constexpr std::size_t kShortestSecret = 4;
constexpr std::size_t kShortestPart = 8;
constexpr std::size_t kRecognized = 64;  // of a long secret, so much gives it away

std::size_t sequence_length(char lead) noexcept {
    const auto byte = static_cast<unsigned char>(lead);
    return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
}

bool is_layout(char c) noexcept {
    return c == '\n' || c == '\t';
}

// The length of the character at the beginning of `text`; 0: there is none that can be shown.
std::size_t character_length(std::string_view text) {
    const char lead = text.front();
    if (is_layout(lead) || (lead >= 0x20 && lead < 0x7F)) return 1;
    const std::size_t length = sequence_length(lead);
    const std::string_view character = text.substr(0, length);
    return safe_text(character, length) == character ? length : 0;
}

bool is_readable(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = character_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

struct Readable {
    std::string text;
    std::size_t json_bytes = 0;
    bool whole = true;
};

// The longest beginning of `raw` that fits, made readable. Line ends become line feeds.
Readable readable(std::string_view raw, std::size_t max_json_bytes, std::size_t max_bytes = std::string_view::npos) {
    Readable result;
    while (!raw.empty()) {
        if (raw.starts_with("\r\n")) raw.remove_prefix(1);
        const std::size_t length = character_length(raw);
        const std::string_view piece = length == 0 ? kReplacement : raw.substr(0, length);
        const bool escaped = is_layout(piece.front()) || piece == "\"" || piece == "\\";
        const std::size_t json_bytes = piece.size() + (escaped ? 1 : 0);
        result.whole =
            result.json_bytes + json_bytes <= max_json_bytes && result.text.size() + piece.size() <= max_bytes;
        if (!result.whole) break;
        result.text += piece;
        result.json_bytes += json_bytes;
        raw.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return result;
}

// Without the first part of a character that was cut through.
std::string_view whole_characters(std::string_view text) {
    for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
        if (sequence_length(text[text.size() - back]) > back) return text.substr(0, text.size() - back);
    }
    return text;
}

std::size_t position_of(std::string_view text, std::string_view word, std::size_t from) {
    const void* found = memmem(text.data() + from, text.size() - from, word.data(), word.size());
    if (found == nullptr) return std::string_view::npos;
    return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// Marks where `text` repeats a secret, or the beginning of a long one. At its end a few characters count already: the
// rest may have been cut off.
void mark(std::string_view text, std::string_view secret, std::vector<bool>& marks) {
    const std::string_view head = secret.substr(0, kRecognized);
    for (std::size_t at = position_of(text, head, 0); at != std::string_view::npos;) {
        const auto begin = text.begin() + static_cast<std::ptrdiff_t>(at);
        const auto length = std::mismatch(begin, text.end(), secret.begin(), secret.end()).first - begin;
        std::fill_n(marks.begin() + static_cast<std::ptrdiff_t>(at), length, true);
        at = position_of(text, head, at + static_cast<std::size_t>(length));
    }
    for (std::size_t length = std::min(head.size(), text.size()); length >= kShortestSecret; --length) {
        if (!text.ends_with(head.substr(0, length))) continue;
        std::fill(marks.end() - static_cast<std::ptrdiff_t>(length), marks.end(), true);
        break;
    }
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

// A URL without what may be a secret in it: user, query and fragment.
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

bool contains_ignoring_case(std::string_view text, std::string_view word) {
    for (; text.size() >= word.size(); text.remove_prefix(1)) {
        if (equals_ignoring_case(text.substr(0, word.size()), word)) return true;
    }
    return false;
}

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
    return std::any_of(names.begin(), names.end(), [name](auto other) { return equals_ignoring_case(name, other); });
}

// A word too many hides something harmless, one too few shows a secret.
bool carries_secret(std::string_view name) {
    constexpr std::array<std::string_view, 12> kWords = {"auth", "cookie", "credential", "csrf",      "key",   "pass",
                                                         "pwd",  "secret", "session",    "signature", "token", "xsrf"};
    return std::any_of(kWords.begin(), kWords.end(),
                       [name](std::string_view word) { return contains_ignoring_case(name, word); });
}

std::string shown_value(std::string_view name, std::string_view value, const std::vector<std::string>& secrets) {
    constexpr std::array<std::string_view, 2> kChallenges = {"WWW-Authenticate", "Proxy-Authenticate"};
    constexpr std::array<std::string_view, 4> kUrls = {"Location", "Content-Location", "Refresh", "Link"};
    if (is_one_of(name, kChallenges)) {
        const std::size_t scheme_end = value.find(' ');
        if (scheme_end == std::string_view::npos) return hide(value, secrets);
        return hide(value.substr(0, scheme_end + 1), secrets).append(kHidden);
    }
    if (carries_secret(name)) return std::string(kHidden);
    return hide(is_one_of(name, kUrls) ? public_url(value) : value, secrets);
}

void add_headers(ordered_json& excerpt, const Evidence& evidence, const std::vector<std::string>& secrets) {
    ordered_json list = ordered_json::array();
    std::size_t room = kMaxHeaders;
    bool whole = true;
    for (const auto& [name, value] : evidence.headers) {
        whole = room >= kPunctuation;
        if (!whole) break;
        room -= kPunctuation;
        Readable shown_name = readable(name, room);
        Readable shown = readable(shown_value(name, value, secrets), room - shown_name.json_bytes);
        room -= shown_name.json_bytes + shown.json_bytes;
        whole = shown_name.whole && shown.whole;
        list.push_back(ordered_json::array({std::move(shown_name.text), std::move(shown.text)}));
        if (!whole) break;
    }
    if (!list.empty()) excerpt["headers"] = std::move(list);
    if (!whole) excerpt["headers_truncated"] = true;
}

// Nothing for a time that the certificate does not tell.
std::string time_text(std::int64_t seconds) {
    if (seconds == 0) return {};
    const auto time = static_cast<std::time_t>(seconds);
    std::tm parts{};
    char text[64] = {};
    if (gmtime_r(&time, &parts) != nullptr) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

void add_text(ordered_json& object, const char* key, std::string_view text, std::size_t max_json_bytes) {
    if (!text.empty()) object[key] = readable(text, max_json_bytes).text;
}

ordered_json certificate_object(const CertificateFacts& facts) {
    ordered_json object = ordered_json::object();
    add_text(object, "subject", facts.subject, kMaxLine);
    add_text(object, "issuer", facts.issuer, kMaxLine);
    ordered_json names = ordered_json::array();
    std::size_t room = kMaxNames;
    for (const std::string& name : facts.names) {
        if (room < kPunctuation) break;
        room -= kPunctuation;
        Readable shown = readable(name, room);
        if (!shown.whole) break;
        room -= shown.json_bytes;
        names.push_back(std::move(shown.text));
    }
    if (!names.empty()) object["names"] = std::move(names);
    add_text(object, "not_before", time_text(facts.not_before_s), kMaxLine);
    add_text(object, "not_after", time_text(facts.not_after_s), kMaxLine);
    add_text(object, "error", facts.error, kMaxLine);
    return object;
}

// An eighth of strange bytes is still a text in some old character set.
bool is_binary(std::string_view body) {
    std::size_t strange = 0;
    for (std::string_view rest = body; !rest.empty();) {
        if (rest.front() == '\0') return true;
        const std::size_t length = character_length(rest);
        if (length == 0 && rest.front() != '\r') ++strange;
        rest.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return strange * 8 > body.size();
}

std::string hex_text(std::string_view bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        ((text += ' ') += kDigits[byte >> 4]) += kDigits[byte & 0xF];
    }
    return text;
}

std::string binary_text(const Evidence& evidence, std::string_view shown) {
    std::string_view type = "no content type";
    for (const auto& [name, value] : evidence.headers) {
        if (equals_ignoring_case(name, "Content-Type")) type = value;
    }
    return "binary, " + safe_text(type, 100) + ", " + std::to_string(evidence.body_bytes) +
           " bytes:" + hex_text(shown.substr(0, kHexBytes));
}

void add_body(ordered_json& excerpt, const Evidence& evidence, const std::vector<std::string>& secrets,
              std::size_t room) {
    std::string_view body = evidence.body.substr(0, kExcerptBody);
    bool whole = static_cast<std::int64_t>(body.size()) == evidence.body_bytes;
    const bool binary = is_binary(body);
    if (!whole) body = whole_characters(body);
    const std::string shown = hide(body, secrets);
    Readable text = binary ? readable(binary_text(evidence, shown), room) : readable(shown, room, kExcerptBody);
    whole = whole && text.whole && (!binary || shown.size() <= kHexBytes);
    excerpt["body"] = std::move(text.text);
    excerpt["body_truncated"] = !whole;
}

void add_secret(std::vector<std::string>& secrets, std::string_view value, std::size_t shortest = kShortestSecret) {
    if (value.size() >= shortest) secrets.emplace_back(value);
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
    if (value.is_array()) {
        for (const nlohmann::json& element : value) add_json_secrets(secrets, element, secret);
    } else if (value.is_object()) {
        for (const auto& [name, member] : value.items()) add_json_secrets(secrets, member, secret || carries_secret(name));
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

// A login: the target may repeat it whole, or the password alone.
void add_body_secrets(std::vector<std::string>& secrets, const std::string& body) {
    add_secret(secrets, body, kShortestPart);
    try {
        add_json_secrets(secrets, parse_bounded_json(body), false);
    } catch (const JsonError&) {
        add_form_secrets(secrets, body);
    }
}

// JSON may write a character as \uXXXX, also those that a database refuses; we never do.
bool has_simple_escapes(std::string_view json) {
    for (std::size_t at = json.find('\\'); at != std::string_view::npos; at = json.find('\\', at + 2)) {
        const std::string_view escaped = json.substr(at + 1, 1);
        if (escaped.empty() || !contains_word("\"\\nt", escaped)) return false;
    }
    return true;
}

}  // namespace

std::string excerpt_of(const Evidence& evidence, const std::vector<std::string>& secrets) {
    ordered_json excerpt = ordered_json::object();
    add_text(excerpt, "url", hide(public_url(evidence.url), secrets), kMaxUrl);
    add_text(excerpt, "address", evidence.address, kMaxLine);
    add_text(excerpt, "http_version", evidence.http_version, kMaxLine);
    add_text(excerpt, "status_line", hide(evidence.status_line, secrets), kMaxLine);
    add_headers(excerpt, evidence, secrets);
    if (evidence.certificate) excerpt["certificate"] = certificate_object(*evidence.certificate);
    std::string text = excerpt.dump();
    if (evidence.body_bytes == 0) return text;
    constexpr std::size_t kFrame = std::string_view(R"(,"body":"","body_truncated":false)").size();
    add_body(excerpt, evidence, secrets, CheckResult::kMaxExcerpt - text.size() - kFrame);
    return excerpt.dump();
}

std::vector<std::string> secrets_of(const HttpOptions& options) {
    constexpr std::array<std::string_view, 3> kOfParts = {"Authorization", "Proxy-Authorization", "Cookie"};
    std::vector<std::string> secrets;
    add_secret(secrets, options.bearer);
    add_secret(secrets, options.basic_password);
    if (!options.basic_user.empty()) add_secret(secrets, base64(options.basic_user + ':' + options.basic_password));
    for (const auto& [name, value] : options.headers) {
        if (goes_to_every_origin(name) && name != options.credential_header) continue;
        add_secret(secrets, value);
        if (is_one_of(name, kOfParts)) add_parts(secrets, value);
    }
    add_body_secrets(secrets, options.body);
    return secrets;
}

void add_query(std::vector<std::string>& secrets, std::string_view url) {
    const std::size_t mark = url.find('?');
    if (mark != std::string_view::npos) add_secret(secrets, url.substr(mark + 1));
}

std::string acceptable_excerpt(std::string excerpt) {
    if (excerpt.empty() || excerpt.size() > CheckResult::kMaxExcerpt) return {};
    if (!is_readable(excerpt) || !has_simple_escapes(excerpt)) return {};
    try {
        if (parse_bounded_json(excerpt).is_object()) return excerpt;
    } catch (const JsonError&) {
    }
    return {};
}

}  // namespace pulsimo::engine
