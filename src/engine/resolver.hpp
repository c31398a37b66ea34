// Names to addresses, by c-ares on our reactor: hosts file, search domains, IPv4 and IPv6, no threads, no waiting.
//
// Every check asks anew, because how long a name takes to resolve is part of what is measured; nothing is cached here.
//
// A failed lookup is either the fault of the name or our own:
//  - "no such name" and "no address of this kind" are answers; the name is to blame.
//  - No answer at all, or SERVFAIL, is told both by a resolver of ours that has lost its network and by one that
//    cannot reach the name servers of this one name. The name is blamed only when the resolver proved meanwhile that
//    it works, by a definite answer about another name; otherwise the trouble counts as ours.
//
// c-ares calls back into code that only notes the outcome; whoever asked is called after c-ares has returned, so
// nothing of theirs runs, or throws, inside a frame of c-ares.
//
// /etc/resolv.conf is looked at again every few seconds while there are lookups; when it changed, new lookups go
// through a new c-ares channel and the old channel ends with its last lookup.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/reactor.hpp"
#include "engine/socket_address.hpp"

namespace pulsimo::engine {

struct Resolution {
    enum class Outcome : std::uint8_t { found, name_failed, own_trouble };
    Outcome outcome = Outcome::own_trouble;
    std::vector<SocketAddress> addresses;  // in the order to be tried
    std::string detail;                    // why it failed
};

class Resolver {
    struct Query;

  public:
    // A question. Who waits for the answer derives from it; destroying it cancels the question.
    class Lookup {
      public:
        Lookup() = default;
        Lookup(const Lookup&) = delete;
        Lookup& operator=(const Lookup&) = delete;

      protected:
        ~Lookup();
        virtual void resolved(Resolution&& resolution) = 0;

      private:
        friend class Resolver;
        Query* query_ = nullptr;
    };

    // `servers`: "127.0.0.1:5353,[::1]:53"; empty: those of /etc/resolv.conf. Throws std::runtime_error when c-ares
    // refuses.
    Resolver(Reactor& reactor, std::string servers);
    ~Resolver();

    // Asks for the addresses of a name; family is AF_UNSPEC, AF_INET or AF_INET6. The answer comes with a turn of
    // the reactor or with deliver(), never from within start().
    void start(Lookup& lookup, const std::string& name, std::uint16_t port, int family);
    void cancel(Lookup& lookup) noexcept;

    // Hands over the answers that are there; those from the hosts file are there at once.
    void deliver();
    bool has_answers() const noexcept { return !completed_.empty(); }

    // Whether a definite answer about any name came at or after this time.
    bool proved_alive_since(std::int64_t us) const noexcept { return last_answer_us_ >= us; }

  private:
    class Channel;

    void renew_channel();
    void tick();
    Resolution conclude(Query& query);

    Reactor& reactor_;
    std::string servers_;
    std::list<Query> asked_;  // its nodes move to completed_, which cannot fail
    std::list<Query> completed_;
    std::unique_ptr<Channel> channel_;
    std::vector<std::unique_ptr<Channel>> retired_;  // of an older resolv.conf, until their last question ends
    Timer tick_;
    std::pair<std::int64_t, std::uint64_t> file_version_{};  // of resolv.conf: modification time in ns, inode
    std::int64_t file_checked_us_ = 0;
    std::int64_t last_answer_us_ = INT64_MIN;
};

}  // namespace pulsimo::engine
