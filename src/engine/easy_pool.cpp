#include "engine/easy_pool.hpp"

namespace pulsimo::engine {

EasyHandle::EasyHandle()
    : cache_(check_created(curl_share_init(), "curl_share_init")),
      easy_(check_created(curl_easy_init(), "curl_easy_init")) {
    check(curl_share_setopt(cache_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS), "curl_share_setopt");
    set_option(easy_.get(), CURLOPT_SHARE, cache_.get());  // survives curl_easy_reset()
}

void EasyHandle::reset() {
    curl_easy_reset(easy_.get());
    error_[0] = '\0';
    set_option(easy_.get(), CURLOPT_ERRORBUFFER, error_.data());
    set_option(easy_.get(), CURLOPT_DNS_CACHE_TIMEOUT, 0L);
}

void EasyHandle::pin_addresses(const std::string& host, std::uint16_t port,
                               const std::vector<SocketAddress>& addresses) {
    CurlList lines;
    if (!pinned_.empty()) lines.add("-" + pinned_);
    pinned_ = host + ":" + std::to_string(port);
    std::string line = pinned_;
    for (const SocketAddress& address : addresses) {
        line += line.size() == pinned_.size() ? ':' : ',';
        line += address.is_v6() ? "[" + address.ip() + "]" : address.ip();
    }
    lines.add(line);
    resolve_ = std::move(lines);
    set_option(easy_.get(), CURLOPT_RESOLVE, resolve_.get());
}

std::string EasyHandle::error_text(CURLcode code) const {
    return error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
}

// Room is made here once, so that giving back cannot fail.
EasyPool::EasyPool() {
    idle_.reserve(kMaxIdle);
}

std::unique_ptr<EasyHandle> EasyPool::take() {
    if (idle_.empty()) return std::make_unique<EasyHandle>();
    auto handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
}

void EasyPool::give_back(std::unique_ptr<EasyHandle> handle) noexcept {
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(handle));
}

}  // namespace pulsimo::engine
