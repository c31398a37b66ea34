// The options that become headers of the request: "headers" and "auth". What goes onto the wire is checked to be what
// it looks like, so that no value can smuggle in a header or a request of its own.
//
// What may be a credential may be a reference to a secret as well. It is replaced before a check is made
// (secret_references.hpp); until then a placeholder stands for it, which all checks of combinations take for a value.
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

void read_secret_name(std::string& name, const Option& option) {
    name = option.non_empty_text(kMaxSecretName);
}

std::string secret_name(const Option& option) {
    constexpr Key<std::string> kKeys[] = {{kSecretKey, read_secret_name}};
    std::string name;
    read_keys<std::string>(name, option, kKeys);
    if (name.empty()) option.refuse("must have the key \"secret\"");
    return name;
}

void note_secret(HttpOptions& options, const std::string& name) {
    auto& names = options.secrets;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// The value that `read` accepts, or the placeholder for a secret.
std::string value_or_secret(HttpOptions& options, const Option& option, const std::string& (*read)(const Option&)) {
    if (!option.value.is_object()) return read(option);
    note_secret(options, secret_name(option));
    return "placeholder";
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
    options.basic_password = value_or_secret(options, option, credential);
}

void read_basic(HttpOptions& options, const Option& option) {
    constexpr Key<HttpOptions> kKeys[] = {{"username", read_username}, {"password", read_password}};
    read_keys<HttpOptions>(options, option, kKeys);
    if (option.value.size() != 2) option.refuse("must have the keys \"username\" and \"password\"");
}

const std::string& token(const Option& option) {
    const std::string& value = option.non_empty_text(kMaxValue);
    const bool bad =
        std::any_of(value.begin(), value.end(), [](char c) { return c == ' ' || is_control(c) || (c & 0x80) != 0; });
    if (bad) option.refuse("must be a token of visible ASCII characters");
    return value;
}

void read_bearer(HttpOptions& options, const Option& option) {
    options.bearer = value_or_secret(options, option, token);
}

const std::string& key_value(const Option& option) {
    const std::string& value = header_value(option);
    if (value.empty()) option.refuse("must not be empty");
    return value;
}

struct ApiKey {
    HttpOptions& options;
    std::string header, value;
};

void read_key_header(ApiKey& key, const Option& option) {
    key.header = option.non_empty_text(kMaxValue);
    check_header_name(option, key.header);
    refuse_our_own(option, key.header);
}

void read_key_value(ApiKey& key, const Option& option) {
    key.value = value_or_secret(key.options, option, key_value);
}

void read_api_key(HttpOptions& options, const Option& option) {
    constexpr Key<ApiKey> kKeys[] = {{"header", read_key_header}, {"value", read_key_value}};
    ApiKey key{options, {}, {}};
    read_keys<ApiKey>(key, option, kKeys);
    if (option.value.size() != 2) option.refuse("must have the keys \"header\" and \"value\"");
    options.credential_header = key.header;
    options.headers.emplace_back(std::move(key.header), std::move(key.value));
}

// Once it is replaced, nothing tells the value of such a header from one that may go anywhere.
void refuse_to_spread(const Option& option, std::string_view name) {
    if (option.value.is_object() && goes_to_every_origin(name)) {
        option.refuse("must not be a secret, because it is sent wherever a redirect leads",
                      "Use \"auth\": {\"api_key\": ...}, which sends any header to its own origin only.");
    }
}

}  // namespace

void check_header_name(const Option& option, std::string_view name) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_token_character)) {
        option.refuse("is not the name of a header", "A name consists of letters, digits and hyphens.");
    }
}

bool goes_to_every_origin(std::string_view header) {
    constexpr std::array<std::string_view, 5> kHarmless = {"Accept", "Accept-Language", "Cache-Control", "Content-Type",
                                                           "User-Agent"};
    return is_one_of(header, kHarmless);
}

void read_headers(HttpOptions& options, const Option& option) {
    const auto members = option.members();
    if (members.size() > kMostHeaders) option.refuse("must not have more than 100 headers");
    for (const auto& [name, member] : members) {
        check_header_name(member, name);
        refuse_our_own(member, name);
        refuse_to_spread(member, name);
        options.headers.emplace_back(name, value_or_secret(options, member, header_value));
    }
}

void read_auth(HttpOptions& options, const Option& option) {
    constexpr Key<HttpOptions> kKeys[] = {{"basic", read_basic}, {"bearer", read_bearer}, {"api_key", read_api_key}};
    read_keys<HttpOptions>(options, option, kKeys);
    if (option.value.size() != 1) option.refuse("must have one of the keys \"basic\", \"bearer\" and \"api_key\"");
}

}  // namespace pulsimo::engine
