#include "engine/excerpt.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/bounded_json.hpp"
#include "engine/option_parsers.hpp"
#include "engine/redaction.hpp"
#include "engine/result.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {

namespace {

using nlohmann::ordered_json;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// In bytes of JSON: quotes and line feeds take two. Together they leave more than kExcerptBody of
// CheckResult::kMaxExcerpt.
constexpr std::size_t kMaxUrl = 1024;
constexpr std::size_t kMaxLine = 300;  // the status line, the texts of a certificate
constexpr std::size_t kMaxNames = 1200;
constexpr std::size_t kMaxHeaders = 4 * 1024;
constexpr std::size_t kPunctuation = std::string_view(R"(["",""],)").size();

constexpr std::size_t kHexBytes = 64;

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

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
    return std::any_of(names.begin(), names.end(), [name](auto other) { return equals_ignoring_case(name, other); });
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
