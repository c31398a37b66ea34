// The options that become headers of the request: "headers" and "auth". What goes onto the wire is checked to be what
// it looks like, so that no value can smuggle in a header or a request of its own.
#include <algorithm>
#include <array>

#include "engine/option_parsers.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {
namespace {

constexpr std::size_t kMostHeaders = 100;
constexpr std::size_t kMaxValue = 8192;

bool is_token_character(char c) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
    return std::any_of(names.begin(), names.end(), [name](auto other) { return equals_ignoring_case(name, other); });
}

// Headers that describe the connection or the length of what is sent belong to the one who sends it.
void refuse_our_own(const Option& option, std::string_view name) {
    constexpr std::array<std::string_view, 8> kOurs = {
        "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
        "Upgrade"};
    if (is_one_of(name, kOurs)) option.refuse("is a header that Pulsimo sets itself", "Leave it out.");
    if (equals_ignoring_case(name, "Accept-Encoding")) {
        option.refuse("is a header that Pulsimo sets itself", "Use the option \"compression\".");
    }
}

const std::string& header_value(const Option& option) {
    const std::string& value = option.text(kMaxValue);
    const bool bad = std::any_of(value.begin(), value.end(), [](char c) { return c != '\t' && is_control(c); });
    if (bad) option.refuse("must not contain line breaks or other control characters");
    return value;
}

// Of a user name or a password: curl sends them base64-encoded, but a server may log or split them.
const std::string& credential(const Option& option) {
    const std::string& value = option.text(kMaxValue);
    if (std::any_of(value.begin(), value.end(), is_control)) option.refuse("must not contain control characters");
    return value;
}

void read_username(HttpOptions& options, const Option& option) {
    options.basic_user = credential(option);
    if (options.basic_user.empty()) option.refuse("must not be empty");
    if (options.basic_user.find(':') != std::string::npos) option.refuse("must not contain a colon");
}

void read_password(HttpOptions& options, const Option& option) {
    options.basic_password = credential(option);
}

void read_basic(HttpOptions& options, const Option& option) {
    constexpr Key<HttpOptions> kKeys[] = {{"username", read_username}, {"password", read_password}};
    read_keys<HttpOptions>(options, option, kKeys);
    if (option.value.size() != 2) option.refuse("must have the keys \"username\" and \"password\"");
}

void read_bearer(HttpOptions& options, const Option& option) {
    options.bearer = option.non_empty_text(kMaxValue);
    const bool bad = std::any_of(options.bearer.begin(), options.bearer.end(),
                                 [](char c) { return c == ' ' || is_control(c) || (c & 0x80) != 0; });
    if (bad) option.refuse("must be a token of visible ASCII characters");
}

using Header = std::pair<std::string, std::string>;

void read_key_header(Header& header, const Option& option) {
    header.first = option.non_empty_text(kMaxValue);
    check_header_name(option, header.first);
    refuse_our_own(option, header.first);
}

void read_key_value(Header& header, const Option& option) {
    header.second = header_value(option);
    if (header.second.empty()) option.refuse("must not be empty");
}

void read_api_key(HttpOptions& options, const Option& option) {
    constexpr Key<Header> kKeys[] = {{"header", read_key_header}, {"value", read_key_value}};
    Header header;
    read_keys<Header>(header, option, kKeys);
    if (option.value.size() != 2) option.refuse("must have the keys \"header\" and \"value\"");
    options.credential_header = header.first;
    options.headers.push_back(std::move(header));
}

}  // namespace

void check_header_name(const Option& option, std::string_view name) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_token_character)) {
        option.refuse("is not the name of a header", "A name consists of letters, digits and hyphens.");
    }
}

void read_headers(HttpOptions& options, const Option& option) {
    const auto members = option.members();
    if (members.size() > kMostHeaders) option.refuse("must not have more than 100 headers");
    for (const auto& [name, member] : members) {
        check_header_name(member, name);
        refuse_our_own(member, name);
        options.headers.emplace_back(name, header_value(member));
    }
}

void read_auth(HttpOptions& options, const Option& option) {
    constexpr Key<HttpOptions> kKeys[] = {{"basic", read_basic}, {"bearer", read_bearer}, {"api_key", read_api_key}};
    read_keys<HttpOptions>(options, option, kKeys);
    if (option.value.size() != 1) option.refuse("must have one of the keys \"basic\", \"bearer\" and \"api_key\"");
}

}  // namespace pulsimo::engine
