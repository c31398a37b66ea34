#include "engine/http_failure.hpp"

#include <cerrno>
#include <cstring>

namespace pulsimo::engine {

namespace {

std::string after_bytes(const HttpExchange& exchange) {
    return " after " + std::to_string(exchange.response().bytes()) + " bytes";
}

// Errors of connect(). What only our own machine can cause is our own trouble.
Failure connect_failure(const HttpExchange& exchange, CURLcode code) {
    const int error = exchange.errno_of_peer();
    const std::string peer = exchange.peer();
    switch (error) {
        case ECONNREFUSED:
            return {ErrorClass::refused, "connection refused by " + peer};
        case ECONNRESET:
            return {ErrorClass::reset, "connection reset by " + peer + " while connecting"};
        case ETIMEDOUT:
            return {ErrorClass::timeout, "no answer from " + peer + " while connecting"};
        case ENETUNREACH:
        case ENETDOWN:
            return {ErrorClass::internal, "no local route to " + peer};
        case EADDRNOTAVAIL:
            return {ErrorClass::internal, "no local address or port left to connect to " + peer};
        case EACCES:
        case EPERM:
            return {ErrorClass::internal, "our own firewall forbids to connect to " + peer};
        case 0:
            return {ErrorClass::connect, "cannot connect to " + peer + ": " + exchange.error_text(code)};
        default:
            return {ErrorClass::connect, "cannot connect to " + peer + ": " + std::strerror(error)};
    }
}

// The connection broke, or what came over it made no sense; libcurl has one code for both.
Failure receive_failure(const HttpExchange& exchange, CURLcode code) {
    const std::string peer = exchange.peer();
    switch (exchange.errno_of_peer()) {
        case ECONNRESET:
        case EPIPE:
            return {ErrorClass::reset, "connection reset by " + peer + after_bytes(exchange)};
        case ETIMEDOUT:
            return {ErrorClass::timeout, "connection to " + peer + " timed out" + after_bytes(exchange)};
        default:
            return {ErrorClass::protocol, "bad answer from " + peer + ": " + exchange.error_text(code)};
    }
}

Failure tls_failure(const HttpExchange& exchange, CURLcode code) {
    if (!exchange.tls().refusal().empty()) return {ErrorClass::certificate, exchange.tls().refusal()};
    const auto error = code == CURLE_PEER_FAILED_VERIFICATION ? ErrorClass::certificate : ErrorClass::tls;
    return {error, "TLS handshake with " + exchange.peer() + " failed: " + exchange.error_text(code)};
}

Failure failure_by_code(const HttpExchange& exchange, CURLcode code) {
    const std::string peer = exchange.peer();
    switch (code) {
        case CURLE_COULDNT_CONNECT:
            return connect_failure(exchange, code);
        case CURLE_GOT_NOTHING:
            return {ErrorClass::reset, "connection closed by " + peer + " without an answer"};
        case CURLE_PARTIAL_FILE:
            return {ErrorClass::reset,
                    "connection closed by " + peer + after_bytes(exchange) + ", more were announced"};
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
            return receive_failure(exchange, code);
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_INVALIDCERTSTATUS:
            return tls_failure(exchange, code);
        case CURLE_SSL_CACERT_BADFILE:
            return {ErrorClass::internal, "cannot use the certificate authorities: " + exchange.error_text(code)};
        case CURLE_UNSUPPORTED_PROTOCOL:  // libcurl's word for an answer that does not begin with a status line
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_BAD_CONTENT_ENCODING:
        case CURLE_WRITE_ERROR:  // ours are told apart before; what remains is a body that does not decode
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
            return {ErrorClass::protocol, "bad answer from " + peer + ": " + exchange.error_text(code)};
#if LIBCURL_VERSION_NUM >= 0x080600
        case CURLE_TOO_LARGE:  // a single header line beyond libcurl's own limit
            return {ErrorClass::too_large, "response headers from " + peer + " are too large"};
#endif
        default:
            return {ErrorClass::internal, "request failed: " + exchange.error_text(code)};
    }
}

}  // namespace

Failure failure_of(const HttpExchange& exchange, CURLcode code) {
    using Stop = HttpResponse::Stop;
    const HttpResponse& response = exchange.response();
    switch (response.stop()) {
        case Stop::redirect:
        case Stop::body_not_wanted:
            return {};
        case Stop::headers_too_large:
            return {ErrorClass::too_large,
                    "response headers exceed " + std::to_string(HttpResponse::kMaxHeaderBytes) + " bytes"};
        case Stop::body_too_large:
            return {ErrorClass::too_large,
                    "response body exceeds " + std::to_string(exchange.plan().options().max_body) + " bytes"};
        case Stop::out_of_memory:
            return {ErrorClass::internal, "out of memory"};
        case Stop::none:
            break;
    }
    if (exchange.blocked()) {
        return {ErrorClass::policy, "address " + exchange.blocked()->ip() + " is in a blocked network"};
    }
    if (exchange.own_errno() != 0) {
        return {ErrorClass::internal, std::string("cannot open a socket: ") + std::strerror(exchange.own_errno())};
    }
    return code == CURLE_OK ? Failure{} : failure_by_code(exchange, code);
}

std::string waiting_for(const HttpExchange& exchange) {
    const std::string peer = exchange.peer();
    const Phases phases = exchange.phases(false);
    const bool anew = exchange.opened_connection();
    if (anew && phases.connect_us == Phases::kNotReached) return "connecting to " + peer;
    if (anew && exchange.request().target.https && phases.tls_us == Phases::kNotReached) {
        return "TLS handshake with " + peer;
    }
    if (exchange.response().status() == 0) return "waiting for the first byte from " + peer;
    return "reading from " + peer + after_bytes(exchange);
}

Evidence evidence_of(const HttpExchange& exchange) {
    const auto address = exchange.address();
    const HttpResponse& response = exchange.response();
    return {.url = exchange.request().target.url,
            .address = address ? address->text() : std::string(),
            .http_version = exchange.spoken_version(),
            .status_line = response.status_line(),
            .headers = exchange.headers(),
            .body = response.body(),
            .body_bytes = response.body_bytes(),
            .certificate = exchange.tls().facts()};
}

}  // namespace pulsimo::engine
