#include "engine/http_exchange.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace pulsimo::engine {

namespace {

constexpr long kCaCacheSeconds = 3600;
constexpr std::int64_t kCurlConnectTimeoutUs = 300'000'000;

long http_version(HttpVersion version, bool https) {
    switch (version) {
        case HttpVersion::v1_0:
            return CURL_HTTP_VERSION_1_0;
        case HttpVersion::v1_1:
            return CURL_HTTP_VERSION_1_1;
        case HttpVersion::v2:
            return https ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
        case HttpVersion::any:
            break;
    }
    return CURL_HTTP_VERSION_NONE;
}

long ip_version(IpVersion version) {
    return version == IpVersion::v4   ? CURL_IPRESOLVE_V4
           : version == IpVersion::v6 ? CURL_IPRESOLVE_V6
                                      : CURL_IPRESOLVE_WHATEVER;
}

std::int32_t to_phase(curl_off_t us) {
    return static_cast<std::int32_t>(std::clamp<curl_off_t>(us, 0, INT32_MAX));
}

}  // namespace

HttpExchange::HttpExchange(TransferLoop& loop, EasyPool& pool, const Clock& clock, const HttpPlan& plan,
                           const AddressPolicy& policy, Listener& listener)
    : loop_(loop),
      pool_(pool),
      clock_(clock),
      plan_(plan),
      policy_(policy),
      listener_(listener),
      response_(plan.options()) {}

HttpExchange::~HttpExchange() {
    abandon();
    if (handle_ != nullptr) pool_.give_back(std::move(handle_));
}

void HttpExchange::begin(Request request) {
    abandon();
    request_ = std::move(request);
    response_.clear();
    tls_ = {};
    tried_.reset();
    blocked_.reset();
    refused_to_reuse_ = false;
    own_errno_ = 0;
    handshake_at_us_ = 0;
    began_us_ = clock_.monotonic_us();
    if (handle_ == nullptr) handle_ = pool_.take();
    handle_->reset();
    CURL* easy = handle_->get();
    set_target(easy);
    set_method(easy);
    set_credentials(easy);
    if (request_.target.https) set_tls(easy);
    set_connection(easy);
    set_callbacks(easy);
    loop_.add(easy, *this);
    running_ = true;
}

void HttpExchange::abandon() noexcept {
    if (std::exchange(running_, false)) loop_.remove(handle_->get());
}

bool HttpExchange::permits(const sockaddr* address) const noexcept {
    return policy_.permits(address) && plan_.permits(address);
}

void HttpExchange::transfer_ended(CURLcode code) {
    running_ = false;
    listener_.exchange_ended(code);
}

void HttpExchange::transfer_lost() noexcept {
    own_errno_ = errno != 0 ? errno : EIO;
}

// With a server_name libcurl is told a URL with that name in it, and that this name has the addresses of the real
// host: SNI and the check of the certificate follow the URL, the Host header is one of ours (http_plan.cpp).
void HttpExchange::set_target(CURL* easy) {
    const HttpTarget& target = request_.target;
    const std::string name = tls_name();
    const bool renamed = target.https && name != target.host;
    set_option(easy, CURLOPT_URL, renamed ? target.url_with_host(name).c_str() : target.url.c_str());
    if (!SocketAddress::parse(name, 0)) {
        handle_->pin_addresses(name, target.port, request_.addresses);
        set_option(easy, CURLOPT_RESOLVER_START_FUNCTION, &refuse_to_resolve);
    }
    set_option(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set_option(easy, CURLOPT_PROXY, "");  // also keeps the proxies of the environment away
    set_option(easy, CURLOPT_NOSIGNAL, 1L);
}

// The name to ask for and to verify; also the host of the URL that libcurl sees.
std::string HttpExchange::tls_name() const {
    const std::string& configured = plan_.options().server_name;
    return request_.target.https && request_.own_origin && !configured.empty() ? configured : request_.target.host;
}

void HttpExchange::set_method(CURL* easy) {
    const HttpOptions& options = plan_.options();
    const std::string& method = request_.method;
    // A redirect that turned the method into GET leaves the body behind.
    const bool sends_body = method == options.method && (!options.body.empty() || method == "POST");
    if (method == "HEAD") {
        set_option(easy, CURLOPT_NOBODY, 1L);
    } else if (sends_body) {
        set_option(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(options.body.size()));
        set_option(easy, CURLOPT_POSTFIELDS, options.body.c_str());  // not copied; the plan outlives the exchange
        if (method != "POST") set_option(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
    } else if (method != "GET") {
        set_option(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
    }
}

void HttpExchange::set_credentials(CURL* easy) {
    const HttpProfile& profile = *plan_.profile;
    const HttpOptions& options = profile.options;
    set_option(easy, CURLOPT_HTTPHEADER, (request_.own_origin ? profile.own_headers : profile.foreign_headers).get());
    if (!request_.own_origin || (options.basic_user.empty() && options.basic_password.empty())) return;
    set_option(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set_option(easy, CURLOPT_USERNAME, options.basic_user.c_str());
    set_option(easy, CURLOPT_PASSWORD, options.basic_password.c_str());
}

void HttpExchange::set_tls(CURL* easy) {
    const HttpOptions& options = plan_.options();
    set_option(easy, CURLOPT_SSL_VERIFYPEER, options.insecure ? 0L : 1L);
    set_option(easy, CURLOPT_SSL_VERIFYHOST, options.insecure ? 0L : 2L);
    if (!may_reuse()) set_option(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    const bool own_ca = !options.ca_certificate.empty();
    if (own_ca) {
        curl_blob pem{const_cast<char*>(options.ca_certificate.data()), options.ca_certificate.size(),
                      CURL_BLOB_NOCOPY};
        set_option(easy, CURLOPT_CAINFO_BLOB, &pem);
    }
    // libcurl keeps the parsed certificates of the system only when they come from one file and no directory.
    static const bool have_ca_file = curl_version_info(CURLVERSION_NOW)->cainfo != nullptr;
    if (own_ca || have_ca_file) set_option(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));
    set_option(easy, CURLOPT_CA_CACHE_TIMEOUT, kCaCacheSeconds);
    set_option(easy, CURLOPT_SSL_CTX_FUNCTION, &tls_begins);
    set_option(easy, CURLOPT_SSL_CTX_DATA, this);
}

// Under a server_name libcurl would keep the connection as one to the host of that name, for everybody to use.
bool HttpExchange::may_reuse() const {
    return plan_.options().reuse_connection && tls_name() == request_.target.host;
}

void HttpExchange::set_connection(CURL* easy) {
    const HttpOptions& options = plan_.options();
    if (!may_reuse()) set_option(easy, CURLOPT_FORBID_REUSE, 1L);
    if (!may_reuse() || request_.fresh) set_option(easy, CURLOPT_FRESH_CONNECT, 1L);
    set_option(easy, CURLOPT_IPRESOLVE, ip_version(options.ip_version));
    set_option(easy, CURLOPT_HTTP_VERSION, http_version(options.http_version, request_.target.https));
    if (options.compression) set_option(easy, CURLOPT_ACCEPT_ENCODING, "");
    // The timeout itself is ours. libcurl is told the time only where its own default of 5 minutes is in the way: it
    // would divide that among several addresses, and a silent first one would use up the whole check.
    if (request_.addresses.size() < 2 && request_.time_left_us < kCurlConnectTimeoutUs) return;
    set_option(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.time_left_us / 1000 + 1));
}

void HttpExchange::set_callbacks(CURL* easy) {
    set_option(easy, CURLOPT_HEADERFUNCTION, &header_arrived);
    set_option(easy, CURLOPT_HEADERDATA, this);
    set_option(easy, CURLOPT_WRITEFUNCTION, &body_arrived);
    set_option(easy, CURLOPT_WRITEDATA, this);
    set_option(easy, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set_option(easy, CURLOPT_OPENSOCKETDATA, this);
    if (!plan_.options().reuse_connection) return;
    set_option(easy, CURLOPT_PREREQFUNCTION, &request_begins);
    set_option(easy, CURLOPT_PREREQDATA, this);
}

std::size_t HttpExchange::header_arrived(char* data, std::size_t size, std::size_t count, void* self) noexcept {
    auto& exchange = *static_cast<HttpExchange*>(self);
    const bool first = exchange.response_.bytes() == 0;
    if (first && exchange.request_.target.https) exchange.look_at_reused_connection();
    return exchange.response_.take_header({data, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
}

std::size_t HttpExchange::body_arrived(char* data, std::size_t size, std::size_t count, void* self) noexcept {
    auto& exchange = *static_cast<HttpExchange*>(self);
    return exchange.response_.take_body({data, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
}

// Should libcurl ever look for a name under another spelling than the one we pinned, it must not start a thread for it.
int HttpExchange::refuse_to_resolve(void*, void*, void*) noexcept {
    return 1;
}

// The last word on new connections: whatever path an address took into libcurl, this is the one that is connected to.
curl_socket_t HttpExchange::open_socket(void* self, curlsocktype, curl_sockaddr* address) noexcept {
    auto& exchange = *static_cast<HttpExchange*>(self);
    const auto peer = SocketAddress::from(&address->addr, address->addrlen, exchange.request_.target.port);
    if (!peer || !exchange.permits(peer->get())) {
        exchange.blocked_ = peer;
        return CURL_SOCKET_BAD;
    }
    exchange.tried_ = peer;
    const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    if (fd < 0) exchange.own_errno_ = errno;
    return fd;
}

bool HttpExchange::is_of_target(const SocketAddress& peer) const noexcept {
    return std::any_of(request_.addresses.begin(), request_.addresses.end(),
                       [&](const SocketAddress& address) { return address.same_ip(peer); });
}

// The last word on connections of before. libcurl finds them by the name of the host, wherever they lead: one may come
// from an endpoint with another policy, or from a time with another one or when the name had other addresses.
int HttpExchange::request_begins(void* self, char* peer_ip, char*, int, int) noexcept {
    auto& exchange = *static_cast<HttpExchange*>(self);
    const auto peer = SocketAddress::parse(peer_ip, exchange.request_.target.port);
    if (peer && exchange.permits(peer->get()) && exchange.is_of_target(*peer)) return CURL_PREREQFUNC_OK;
    exchange.blocked_ = peer;
    exchange.refused_to_reuse_ = true;
    return CURL_PREREQFUNC_ABORT;
}

CURLcode HttpExchange::tls_begins(CURL*, void* context, void* self) noexcept {
    auto& exchange = *static_cast<HttpExchange*>(self);
    exchange.handshake_at_us_ = exchange.clock_.monotonic_us();
    try {
        exchange.tls_.attach(static_cast<SSL_CTX*>(context), exchange.tls_name(), exchange.plan_.options().insecure,
                             exchange.clock_.wall_us() / 1'000'000);
    } catch (...) {
        return CURLE_OUT_OF_MEMORY;
    }
    return CURLE_OK;
}

// A connection that is used again has had its handshake in an earlier check.
void HttpExchange::look_at_reused_connection() noexcept {
    if (tls_.expires_at_s() != 0) return;
    curl_tlssessioninfo* session = nullptr;
    if (curl_easy_getinfo(handle_->get(), CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK || session == nullptr) return;
    if (session->backend == CURLSSLBACKEND_OPENSSL && session->internals != nullptr) {
        tls_.look_at(static_cast<const SSL*>(session->internals));
    }
}

std::optional<SocketAddress> HttpExchange::address() const {
    const char* ip = info<char*>(handle_->get(), CURLINFO_PRIMARY_IP);
    const auto connected = SocketAddress::parse(ip != nullptr ? ip : "", request_.target.port);
    return connected ? connected : tried_;
}

std::string HttpExchange::peer() const {
    const auto known = address();
    return known ? known->text() : request_.target.host_and_port();
}

int HttpExchange::errno_of_peer() const {
    return static_cast<int>(info<long>(handle_->get(), CURLINFO_OS_ERRNO));
}

bool HttpExchange::spoke_http2() const {
    return info<long>(handle_->get(), CURLINFO_HTTP_VERSION) == CURL_HTTP_VERSION_2_0;
}

const char* HttpExchange::spoken_version() const {
    switch (info<long>(handle_->get(), CURLINFO_HTTP_VERSION)) {
        case CURL_HTTP_VERSION_1_0:
            return "1.0";
        case CURL_HTTP_VERSION_1_1:
            return "1.1";
        case CURL_HTTP_VERSION_2_0:
            return "2";
        default:
            return "";
    }
}

std::vector<std::pair<std::string_view, std::string_view>> HttpExchange::headers() const {
    constexpr int kLastRequest = -1;
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    curl_header* header = nullptr;
    while ((header = curl_easy_nextheader(handle_->get(), CURLH_HEADER, kLastRequest, header)) != nullptr) {
        headers.emplace_back(header->name, header->value);
    }
    return headers;
}

std::int64_t HttpExchange::ended_us() const {
    return began_us_ + info<curl_off_t>(handle_->get(), CURLINFO_TOTAL_TIME_T);
}

Phases HttpExchange::phases(bool complete) const {
    CURL* easy = handle_->get();
    // libcurl tells when it was connected only once the handshake has succeeded.
    const curl_off_t connect = handshake_began() ? std::max<curl_off_t>(handshake_at_us_ - began_us_, 1)
                                                 : info<curl_off_t>(easy, CURLINFO_CONNECT_TIME_T);
    const auto tls = info<curl_off_t>(easy, CURLINFO_APPCONNECT_TIME_T);
    const auto first_byte = info<curl_off_t>(easy, CURLINFO_STARTTRANSFER_TIME_T);
    Phases phases;
    if (opened_connection() && connect > 0) phases.connect_us = to_phase(connect);
    if (opened_connection() && tls > 0) phases.tls_us = to_phase(tls - connect);
    if (response_.status() == 0) return phases;
    phases.first_byte_us = to_phase(first_byte - std::max(connect, tls));
    if (complete) phases.transfer_us = to_phase(info<curl_off_t>(easy, CURLINFO_TOTAL_TIME_T) - first_byte);
    return phases;
}

}  // namespace pulsimo::engine
