// One request and its response: sets up a libcurl handle, watches over its sockets and certificates, and knows
// afterwards what happened. Redirects are left to the caller: each one is an exchange of its own.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/address_policy.hpp"
#include "engine/clock.hpp"
#include "engine/easy_pool.hpp"
#include "engine/http_plan.hpp"
#include "engine/http_response.hpp"
#include "engine/result.hpp"
#include "engine/tls_inspection.hpp"
#include "engine/transfer_loop.hpp"

namespace pulsimo::engine {

class HttpExchange final : private Transfer {
  public:
    class Listener {
      public:
        virtual void exchange_ended(CURLcode code) = 0;

      protected:
        ~Listener() = default;
    };

    struct Request {
        HttpTarget target;
        std::vector<SocketAddress> addresses;
        std::string method;
        bool own_origin = true;  // of the endpoint's URL, so it may see its credentials
        std::int64_t time_left_us = 0;
        bool fresh = false;  // on a connection of its own, whatever the options say
    };

    HttpExchange(TransferLoop& loop, EasyPool& pool, const Clock& clock, const HttpPlan& plan,
                 const AddressPolicy& policy, Listener& listener);
    ~HttpExchange();
    HttpExchange(const HttpExchange&) = delete;
    HttpExchange& operator=(const HttpExchange&) = delete;

    void begin(Request request);
    void abandon() noexcept;  // no call follows

    // Whether both policies, the engine's and the endpoint's own, let it be connected to.
    bool permits(const sockaddr* address) const noexcept;
    bool is_of_target(const SocketAddress& peer) const noexcept;

    const HttpPlan& plan() const noexcept { return plan_; }
    const Request& request() const noexcept { return request_; }
    const HttpResponse& response() const noexcept { return response_; }
    const TlsInspection& tls() const noexcept { return tls_; }

    // The address in question: connected to, or tried last. As text, if there is none, it is the host.
    std::optional<SocketAddress> address() const;
    std::string peer() const;
    bool opened_connection() const noexcept { return tried_.has_value(); }  // else: one of before was used
    const std::optional<SocketAddress>& blocked() const noexcept { return blocked_; }
    bool refused_to_reuse() const noexcept { return refused_to_reuse_; }  // a connection to a blocked address
    bool handshake_began() const noexcept { return handshake_at_us_ != 0; }
    int own_errno() const noexcept { return own_errno_; }  // when we could not get or watch a socket
    int errno_of_peer() const;
    std::string error_text(CURLcode code) const { return handle_->error_text(code); }
    bool spoke_http2() const;
    const char* spoken_version() const;  // "1.1"; empty: nothing was spoken

    // All headers of the last response, as libcurl keeps them until the next exchange.
    std::vector<std::pair<std::string_view, std::string_view>> headers() const;

    // connect, tls, first byte and transfer as far as they got.
    Phases phases(bool complete) const;

    // When libcurl saw the end, monotonic. Not when we were told: others may have had their turn in between. Nor does
    // the time count that it took libcurl to begin.
    std::int64_t ended_us() const;

  private:
    void transfer_ended(CURLcode code) override;
    void transfer_lost() noexcept override;

    void set_target(CURL* easy);
    void set_method(CURL* easy);
    void set_credentials(CURL* easy);
    void set_tls(CURL* easy);
    bool may_reuse() const;
    void set_connection(CURL* easy);
    void set_callbacks(CURL* easy);
    std::string tls_name() const;

    static std::size_t header_arrived(char* data, std::size_t size, std::size_t count, void* self) noexcept;
    static std::size_t body_arrived(char* data, std::size_t size, std::size_t count, void* self) noexcept;
    static int refuse_to_resolve(void* resolver, void* reserved, void* self) noexcept;
    static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address) noexcept;
    static int request_begins(void* self, char* peer_ip, char* own_ip, int peer_port, int own_port) noexcept;
    static CURLcode tls_begins(CURL* easy, void* context, void* self) noexcept;
    void look_at_reused_connection() noexcept;

    TransferLoop& loop_;
    EasyPool& pool_;
    const Clock& clock_;
    const HttpPlan& plan_;
    const AddressPolicy& policy_;
    Listener& listener_;
    std::unique_ptr<EasyHandle> handle_;
    bool running_ = false;
    bool refused_to_reuse_ = false;
    int own_errno_ = 0;
    Request request_;
    HttpResponse response_;
    TlsInspection tls_;
    std::optional<SocketAddress> tried_;
    std::optional<SocketAddress> blocked_;
    std::int64_t began_us_ = 0;
    std::int64_t handshake_at_us_ = 0;  // when the TLS handshake began; 0: not yet
};

}  // namespace pulsimo::engine
