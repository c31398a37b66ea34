// What a failed check saw of its target, for the person who is woken by it. It is JSON text:
//
//   {"url": "https://example.com/a?(hidden)", "address": "192.0.2.1:443", "http_version": "1.1",
//    "status_line": "HTTP/1.1 503 Service Unavailable", "headers": [["Server", "nginx"], ["Set-Cookie", "(hidden)"]],
//    "certificate": {"subject": "CN = example.com", "issuer": "...", "names": ["example.com"],
//                    "not_before": "2026-01-01T00:00:00Z", "not_after": "...", "error": "certificate expired ..."},
//    "body": "<html>...", "body_truncated": false}
//
// What is not known is left out; "headers_truncated": true is there when headers are missing. Many may read it, so
// secrets are taken out (redaction.hpp): the values of headers that carry any by their name, users and queries in URLs,
// and what the endpoint's own options send, wherever the target repeats it.
//
// Everything in it is valid UTF-8 without control characters other than line feed and tab; U+FFFD stands for what was
// something else. A body that is no text is told by its type, length and first bytes.
//
// An excerpt is made when a check has failed, out of what is there anyway: passing checks pay nothing for it but the
// beginning of the body, which the response keeps until it is over (http_response.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/tls_inspection.hpp"

namespace pulsimo::engine {

inline constexpr std::size_t kExcerptBody = 4 * 1024;

// What an excerpt is made of, as it came from the network. Empty or 0: not known.
struct Evidence {
    std::string url;
    std::string address;
    std::string http_version;
    std::string status_line;
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    std::string_view body;        // its first kExcerptBody bytes at least
    std::int64_t body_bytes = 0;  // of it that came
    std::optional<CertificateFacts> certificate;
};

// At most CheckResult::kMaxExcerpt bytes. `secrets` are looked for in all that the target said.
std::string excerpt_of(const Evidence& evidence, const std::vector<std::string>& secrets);

// The excerpt, if it is one that a database can store as JSON and a terminal can show; else nothing.
std::string acceptable_excerpt(std::string excerpt);

}  // namespace pulsimo::engine
