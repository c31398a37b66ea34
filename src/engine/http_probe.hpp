// One HTTP check from start to result: resolve, choose addresses, exchange, follow redirects, judge the response. All
// of it within one timeout.
//
//   start() -> resolving -> exchanging -> judging -> result
//                  ^            |
//                  +- redirect -+
//
// Redirects are followed here and not by libcurl, because each one needs what the first request got: a lookup by our
// resolver, the address policy, and a decision on who may see the credentials.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/http_exchange.hpp"
#include "engine/http_failure.hpp"
#include "engine/reactor.hpp"
#include "engine/resolver.hpp"
#include "engine/result.hpp"

namespace pulsimo::engine {

class HttpProbe final : private Resolver::Lookup, private HttpExchange::Listener {
  public:
    // What all checks of an engine share.
    struct Tools {
        Reactor& reactor;
        Resolver& resolver;
        TransferLoop& transfers;
        EasyPool& handles;
    };

    class Owner {
      public:
        // The last thing a probe does. The probe must not be destroyed from within.
        virtual void probe_ended(HttpProbe& probe, CheckResult&& result) = 0;

      protected:
        ~Owner() = default;
    };

    HttpProbe(const Tools& tools, std::shared_ptr<const HttpPlan> plan, std::shared_ptr<const AddressPolicy> policy,
              Owner& owner);

    void start();            // may end at once
    void cancel() noexcept;  // no result follows
    std::int64_t endpoint_id() const noexcept { return plan_->endpoint_id; }

  private:
    enum class Doing : std::uint8_t { nothing, resolving, exchanging };

    void go_to(HttpTarget target);
    void resolved(Resolution&& resolution) override;
    void connect_to(std::vector<SocketAddress> addresses, bool fresh = false);
    bool keep_permitted(std::vector<SocketAddress>& addresses);
    void exchange_ended(CURLcode code) override;
    void redirect();
    void note_phases(bool complete);
    Failure judge() const;
    Failure overdue() const;
    std::vector<std::string> secrets() const;
    std::string excerpt(const std::vector<std::string>& secrets) const;
    void tell(const Failure& failure);
    void time_is_up();
    void finish(Failure failure);

    std::int64_t now() const noexcept { return tools_.reactor.clock().monotonic_us(); }

    Tools tools_;
    std::shared_ptr<const HttpPlan> plan_;
    std::shared_ptr<const AddressPolicy> policy_;
    Owner& owner_;
    Timer timer_;
    HttpExchange exchange_;
    CheckResult result_;
    HttpTarget target_;
    std::string method_;
    std::int64_t started_us_ = 0;
    std::int64_t ended_us_ = 0;  // of the last exchange; 0: not by itself
    std::int64_t asked_us_ = 0;  // when the resolver was asked
    Doing doing_ = Doing::nothing;
    int redirects_ = 0;
};

}  // namespace pulsimo::engine
