// The `options` of an HTTP endpoint: parsed and validated in one place, used at the SQL surface (to refuse
// what is wrong) and in the prober (to probe).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/assertions.hpp"
#include "engine/invalid_option.hpp"
#include "engine/status_set.hpp"
#include "engine/text.hpp"
#include "engine/url.hpp"

namespace pulsimo::engine {

enum class IpVersion : std::uint8_t { any, v4, v6 };
enum class HttpVersion : std::uint8_t { any, v1_0, v1_1, v2 };

struct HttpOptions {
    static constexpr std::int64_t kDefaultMaxBody = 1024 * 1024;

    std::string method = "GET";                                // key "method"
    std::vector<std::pair<std::string, std::string>> headers;  // "headers": {"Name": "value"}; api key included
    std::string body;                                          // "body"
    std::string basic_user, basic_password;                    // "auth": {"basic": {"username":…, "password":…}}
    std::string bearer;                                        // "auth": {"bearer": "token"}
    std::string credential_header;                             // "auth": {"api_key": {"header":…, "value":…}}: the
                                                               // name; never sent to another origin
    std::vector<std::string> secrets;                          // names in {"secret": name}, which stands for a bearer, a
                                                               // password, an api key or a header: each once. What
                                                               // it stands for is a placeholder here
    bool follow_redirects = true;                              // "follow_redirects"
    int max_redirects = 5;                                     // "max_redirects", 0-20
    StatusSet expected_status;                                 // "expected_status": "200-299,304" | 204 | [200, "300-399"]
    IpVersion ip_version = IpVersion::any;                     // "ip_version": "any" | "4" | "6"
    HttpVersion http_version = HttpVersion::any;               // "http_version": "any" | "1.0" | "1.1" | "2"
    std::string ca_certificate;                                // "ca_certificate": PEM text; empty: the system's
    std::string server_name;                                   // "server_name": SNI and name to verify
    bool insecure = false;                                     // "insecure": do not verify the certificate
    bool compression = true;                                   // "compression": offer gzip/deflate/br/zstd
    std::int64_t max_body = kDefaultMaxBody;                   // "max_body_bytes", 0 - 16 MiB, after decompression
    bool reuse_connection = false;                             // "reuse_connection"
    Assertions assertions;                                     // "body_contains", "body_not_contains", "body_matches",
                                                               // "json", "response_headers"
};

// Parses the JSON text of `options` (an object); a key that is null counts as left out. Throws InvalidOption naming the
// key for an unknown key, a wrong type, an impossible value or a combination that makes no sense (say, a body that can
// never be read).
HttpOptions parse_http_options(std::string_view json);

}  // namespace pulsimo::engine
