// libcurl's easy handles, kept and used again: to make one costs more than a whole check on loopback.
//
// We resolve names ourselves and hand the addresses to libcurl, which only takes them by way of its DNS cache
// (CURLOPT_RESOLVE). The cache of a multi handle would be common to all endpoints: what one check puts in, for its
// IP version and its moment, another would find, and entries given by us never expire. So each handle has a cache of
// its own, in a share object of its own, and every request removes the entry of the request before it: the cache never
// holds more than one entry of ours. Entries that libcurl makes itself, for IP addresses in URLs, are stale at once
// (CURLOPT_DNS_CACHE_TIMEOUT 0, which does not touch ours).
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/curl_list.hpp"
#include "engine/socket_address.hpp"

namespace pulsimo::engine {

class EasyHandle {
  public:
    EasyHandle();
    EasyHandle(const EasyHandle&) = delete;
    EasyHandle& operator=(const EasyHandle&) = delete;

    CURL* get() const noexcept { return easy_.get(); }

    // Back to libcurl's defaults, for the next request.
    void reset();

    // Makes libcurl connect to these addresses when the URL says host:port.
    void pin_addresses(const std::string& host, std::uint16_t port, const std::vector<SocketAddress>& addresses);

    // What libcurl says about its last failure.
    std::string error_text(CURLcode code) const;

  private:
    struct FreeShare {
        void operator()(CURLSH* share) const noexcept { curl_share_cleanup(share); }
    };
    struct FreeEasy {
        void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
    };

    std::unique_ptr<CURLSH, FreeShare> cache_;  // outlives the handle that uses it
    std::unique_ptr<CURL, FreeEasy> easy_;
    CurlList resolve_;
    std::string pinned_;  // "host:port" that is in the cache
    std::array<char, CURL_ERROR_SIZE> error_{};
};

class EasyPool {
  public:
    EasyPool();
    std::unique_ptr<EasyHandle> take();
    void give_back(std::unique_ptr<EasyHandle> handle) noexcept;

  private:
    static constexpr std::size_t kMaxIdle = 256;  // enough for a busy loop, little to keep after a burst

    std::vector<std::unique_ptr<EasyHandle>> idle_;
};

}  // namespace pulsimo::engine
