#include "engine/http_options.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "engine/bounded_json.hpp"
#include "engine/option_parsers.hpp"
#include "engine/option_reader.hpp"

namespace pulsimo::engine {
namespace {

constexpr std::size_t kMaxOptions = 2 * 1024 * 1024;
constexpr std::size_t kMaxRequestBody = 1024 * 1024;
constexpr std::int64_t kLargestMaxBody = 16 * 1024 * 1024;
constexpr int kMostRedirects = 20;
constexpr std::size_t kMostStatusRanges = 100;

void read_method(HttpOptions& options, const Option& option) {
    options.method = choice<const char*>(option, {{"GET", "GET"},
                                                  {"HEAD", "HEAD"},
                                                  {"POST", "POST"},
                                                  {"PUT", "PUT"},
                                                  {"PATCH", "PATCH"},
                                                  {"DELETE", "DELETE"},
                                                  {"OPTIONS", "OPTIONS"}});
}

void read_body(HttpOptions& options, const Option& option) {
    options.body = option.text(kMaxRequestBody);
}

void read_follow_redirects(HttpOptions& options, const Option& option) {
    options.follow_redirects = option.boolean();
}

void read_max_redirects(HttpOptions& options, const Option& option) {
    options.max_redirects = static_cast<int>(option.whole_number(0, kMostRedirects));
}

void read_expected_status(HttpOptions& options, const Option& option) {
    std::string text;
    for (const Option& element : option.elements(kMostStatusRanges)) {
        if (!text.empty()) text += ',';
        text += element.value.is_number() ? std::to_string(element.whole_number(100, 999)) : element.text(1000);
    }
    try {
        options.expected_status = StatusSet(text);
    } catch (const InvalidOption& error) {
        option.refuse(std::string("is wrong: ") + error.what(), error.hint());
    }
}

void read_ip_version(HttpOptions& options, const Option& option) {
    options.ip_version =
        choice<IpVersion>(option, {{"any", IpVersion::any}, {"4", IpVersion::v4}, {"6", IpVersion::v6}});
}

void read_http_version(HttpOptions& options, const Option& option) {
    options.http_version = choice<HttpVersion>(
        option,
        {{"any", HttpVersion::any}, {"1.0", HttpVersion::v1_0}, {"1.1", HttpVersion::v1_1}, {"2", HttpVersion::v2}});
}

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
}

void read_server_name(HttpOptions& options, const Option& option) {
    const std::string& name = option.non_empty_text(253);
    in_addr address{};
    const bool is_name = std::all_of(name.begin(), name.end(), is_name_character) && name.front() != '.' &&
                         inet_pton(AF_INET, name.c_str(), &address) != 1;
    if (!is_name) option.refuse("must be a host name", "A server is told a name, never an address.");
    options.server_name = name;
}

void read_insecure(HttpOptions& options, const Option& option) {
    options.insecure = option.boolean();
}

void read_compression(HttpOptions& options, const Option& option) {
    options.compression = option.boolean();
}

void read_max_body(HttpOptions& options, const Option& option) {
    options.max_body = option.whole_number(0, kLargestMaxBody);
}

void read_reuse_connection(HttpOptions& options, const Option& option) {
    options.reuse_connection = option.boolean();
}

constexpr Key<HttpOptions> kKeys[] = {
    {"method", read_method},
    {"headers", read_headers},
    {"body", read_body},
    {"auth", read_auth},
    {"follow_redirects", read_follow_redirects},
    {"max_redirects", read_max_redirects},
    {"expected_status", read_expected_status},
    {"ip_version", read_ip_version},
    {"http_version", read_http_version},
    {"ca_certificate", read_ca_certificate},
    {"server_name", read_server_name},
    {"insecure", read_insecure},
    {"compression", read_compression},
    {"max_body_bytes", read_max_body},
    {"reuse_connection", read_reuse_connection},
    {"body_contains", read_body_contains},
    {"body_not_contains", read_body_not_contains},
    {"body_matches", read_body_matches},
    {"json", read_json_assertions},
    {"response_headers", read_header_assertions},
};

// A key that is null counts as left out, which is how an update takes one back. It must be known all the same.
void drop_nulls(nlohmann::json& root) {
    for (auto member = root.begin(); member != root.end();) {
        find_key<HttpOptions>(kKeys, member.key(), member.key());
        member = member->is_null() ? root.erase(member) : std::next(member);
    }
}

// Every check of a combination blames the key that would lose its meaning.
[[noreturn]] void blame(const nlohmann::json& root, const char* key, const std::string& reason,
                        const std::string& hint) {
    Option{key, root.at(key)}.refuse(reason, hint);
}

void check_redirects(const HttpOptions& options, const nlohmann::json& root) {
    if (!options.follow_redirects && root.contains("max_redirects")) {
        blame(root, "max_redirects", "makes no sense when \"follow_redirects\" is false", "Leave one of them out.");
    }
}

void check_certificates(const HttpOptions& options, const nlohmann::json& root) {
    if (options.insecure && root.contains("ca_certificate")) {
        blame(root, "ca_certificate", "makes no sense when \"insecure\" is true",
              "Leave out \"insecure\" to have the certificate verified.");
    }
}

void check_bodies(const HttpOptions& options, const nlohmann::json& root) {
    const bool is_head = options.method == "HEAD";
    if (is_head && root.contains("body")) {
        blame(root, "body", "cannot be sent with method HEAD", "Use another method.");
    }
    if (!is_head && options.max_body > 0) return;
    for (const char* key : {"body_contains", "body_not_contains", "body_matches", "json"}) {
        if (!root.contains(key)) continue;
        if (is_head) blame(root, key, "needs a body, but a response to HEAD has none", "Use another method.");
        blame(root, key, "needs a body, but \"max_body_bytes\" is 0", "Raise or leave out \"max_body_bytes\".");
    }
}

// "auth" and "headers" both make headers of the request.
void check_headers(const HttpOptions& options, const nlohmann::json& root) {
    const bool authorized = !options.basic_user.empty() || !options.bearer.empty();
    for (auto header = options.headers.begin(); header != options.headers.end(); ++header) {
        if (authorized && equals_ignoring_case(header->first, "Authorization")) {
            blame(root, "auth", "contradicts the header \"Authorization\"", "Leave one of them out.");
        }
        const bool twice = std::any_of(options.headers.begin(), header, [&](const auto& earlier) {
            return equals_ignoring_case(earlier.first, header->first);
        });
        if (twice) blame(root, "headers", "gives " + in_quotes(header->first) + " twice", "Leave one of them out.");
    }
}

}  // namespace

nlohmann::json parse_options_object(std::string_view text) {
    if (text.size() > kMaxOptions) throw InvalidOption("options are longer than 2 MiB", "");
    try {
        nlohmann::json root = parse_bounded_json(text);
        if (!root.is_object()) throw InvalidOption("options must be a JSON object", "");
        return root;
    } catch (const JsonError& error) {
        throw InvalidOption(std::string("options are ") + error.what(), "");
    }
}

HttpOptions parse_http_options(std::string_view json) {
    nlohmann::json root = parse_options_object(json);
    drop_nulls(root);
    HttpOptions options;
    read_keys<HttpOptions>(options, {"", root}, kKeys);
    check_redirects(options, root);
    check_certificates(options, root);
    check_bodies(options, root);
    check_headers(options, root);
    return options;
}

}  // namespace pulsimo::engine
