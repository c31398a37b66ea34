#include "engine/resolver.hpp"

#include <ares.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <stdexcept>

namespace pulsimo::engine {

namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr std::int64_t kFileCheckUs = 5'000'000;

// c-ares waits for 75 s by default, longer than a check lives. With these, a lost packet or a dead server costs 1 s
// before the next attempt, and a single server is given up after 7 s.
constexpr int kQueryTimeoutMs = 1000;
constexpr int kQueryTries = 3;

// c-ares keeps its timeouts in buckets and is asked to look at them at this pace while questions are open. To ask it
// for the next timeout after each event instead would walk all open questions each time.
constexpr std::int64_t kTickUs = 100'000;

// A refusal comes at once, so "meanwhile" reaches back a little: less than three checks at the shortest interval, so
// that a resolver of ours that has just died makes nobody down.
constexpr std::int64_t kLookbackUs = 2'000'000;

void check(int status, const char* what) {
    if (status != ARES_SUCCESS) throw std::runtime_error(std::string(what) + ": " + ares_strerror(status));
}

// Modification time and inode; zeros when there is no such file.
std::pair<std::int64_t, std::uint64_t> file_version(const char* path) noexcept {
    struct stat status {};
    if (stat(path, &status) != 0) return {};
    return {std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec, status.st_ino};
}

}  // namespace

struct Resolver::Query {
    Resolver& resolver;
    Channel& channel;
    Lookup* lookup;  // nullptr: nobody waits any more
    std::string name;
    std::uint16_t port;
    int family;
    std::int64_t started_us;
    std::list<Query>::iterator place{};
    int status = ARES_SUCCESS;
    bool from_network = true;
    std::vector<SocketAddress> addresses{};

    static void answered(void* argument, int status, int timeouts, ares_addrinfo* answer) noexcept;
    void take(const ares_addrinfo& answer);
};

// One c-ares channel: a set of servers, its sockets and open questions.
class Resolver::Channel final : public ReadyHandler {
  public:
    Channel(Resolver& resolver, const std::string& servers);
    ~Channel() { ares_destroy(channel_); }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    void ask(Query& query);
    void cancel_all() noexcept { ares_cancel(channel_); }
    void note_answer() noexcept { --open_; }
    bool idle() const noexcept { return open_ == 0; }
    void expire() { ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD); }
    void ready(int fd, std::uint32_t events) override;

  private:
    static void socket_changed(void* self, ares_socket_t socket, int readable, int writable) noexcept;

    Resolver& resolver_;
    ares_channel channel_ = nullptr;
    int open_ = 0;
};

Resolver::Channel::Channel(Resolver& resolver, const std::string& servers) : resolver_(resolver) {
    ares_options options{};
    options.timeout = kQueryTimeoutMs;
    options.tries = kQueryTries;
    options.sock_state_cb = socket_changed;
    options.sock_state_cb_data = this;
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
#ifdef ARES_OPT_QUERY_CACHE
    mask |= ARES_OPT_QUERY_CACHE;  // newer c-ares caches by default; a lifetime of 0 turns that off
    options.qcache_max_ttl = 0;
#endif
    check(ares_init_options(&channel_, &options, mask), "cannot initialize the resolver");
    if (servers.empty()) return;
    const int status = ares_set_servers_ports_csv(channel_, servers.c_str());
    if (status != ARES_SUCCESS) ares_destroy(channel_);
    check(status, "cannot use these name servers");
}

void Resolver::Channel::ask(Query& query) {
    ++open_;
    ares_addrinfo_hints hints{};
    hints.ai_family = query.family;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = ARES_AI_NUMERICSERV;
    ares_getaddrinfo(channel_, query.name.c_str(), nullptr, &hints, Query::answered, &query);
}

void Resolver::Channel::ready(int fd, std::uint32_t events) {
    const bool readable = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    const bool writable = (events & EPOLLOUT) != 0;
    ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
    resolver_.deliver();
}

// When the kernel refuses to watch the socket, the questions on it time out, and that is told.
void Resolver::Channel::socket_changed(void* self, ares_socket_t socket, int readable, int writable) noexcept {
    auto& channel = *static_cast<Channel*>(self);
    Reactor& reactor = channel.resolver_.reactor_;
    const std::uint32_t events = (readable != 0 ? EPOLLIN : 0u) | (writable != 0 ? EPOLLOUT : 0u);
    if (events == 0) {
        reactor.unwatch(socket);
        return;
    }
    try {
        reactor.watch(socket, events, channel);
    } catch (...) {
    }
}

void Resolver::Query::answered(void* argument, int status, int, ares_addrinfo* answer) noexcept {
    auto& query = *static_cast<Query*>(argument);
    query.status = status;
    if (answer != nullptr) {
        try {
            query.take(*answer);
        } catch (...) {
            query.status = ARES_ENOMEM;
        }
        ares_freeaddrinfo(answer);
    }
    query.channel.note_answer();
    Resolver& resolver = query.resolver;
    resolver.completed_.splice(resolver.completed_.end(), resolver.asked_, query.place);
}

void Resolver::Query::take(const ares_addrinfo& answer) {
    from_network = false;
    for (const ares_addrinfo_node* node = answer.nodes; node != nullptr; node = node->ai_next) {
        const auto address = SocketAddress::from(node->ai_addr, node->ai_addrlen, port);
        if (address) addresses.push_back(*address);
        if (node->ai_ttl > 0) from_network = true;  // lines of the hosts file have no time to live
    }
    if (addresses.empty() && status == ARES_SUCCESS) status = ARES_ENODATA;
}

Resolver::Lookup::~Lookup() {
    if (query_ != nullptr) query_->lookup = nullptr;
}

Resolver::Resolver(Reactor& reactor, std::string servers)
    : reactor_(reactor), servers_(std::move(servers)), tick_(reactor, [this] { tick(); }) {
    check(ares_library_init(ARES_LIB_INIT_ALL), "cannot initialize c-ares");
    file_version_ = file_version(kResolvConf);
    file_checked_us_ = reactor_.clock().monotonic_us();
    channel_ = std::make_unique<Channel>(*this, servers_);
}

Resolver::~Resolver() {
    channel_->cancel_all();
    for (const auto& channel : retired_) channel->cancel_all();
    for (Query& query : completed_) {
        if (query.lookup != nullptr) query.lookup->query_ = nullptr;
    }
}

void Resolver::start(Lookup& lookup, const std::string& name, std::uint16_t port, int family) {
    renew_channel();
    cancel(lookup);
    Query& query = asked_.emplace_back(Query{.resolver = *this,
                                             .channel = *channel_,
                                             .lookup = &lookup,
                                             .name = name,
                                             .port = port,
                                             .family = family,
                                             .started_us = reactor_.clock().monotonic_us()});
    query.place = std::prev(asked_.end());
    lookup.query_ = &query;
    if (!tick_.queued()) tick_.set(query.started_us + kTickUs);
    channel_->ask(query);
}

void Resolver::cancel(Lookup& lookup) noexcept {
    if (lookup.query_ != nullptr) lookup.query_->lookup = nullptr;
    lookup.query_ = nullptr;
}

void Resolver::deliver() {
    for (std::size_t left = completed_.size(); left > 0 && !completed_.empty(); --left) {
        std::list<Query> taken;
        taken.splice(taken.begin(), completed_, completed_.begin());
        Query& query = taken.front();
        Resolution resolution = conclude(query);
        if (query.lookup == nullptr) continue;
        query.lookup->query_ = nullptr;
        query.lookup->resolved(std::move(resolution));
    }
}

void Resolver::renew_channel() {
    const std::int64_t now = reactor_.clock().monotonic_us();
    if (!servers_.empty() || now - file_checked_us_ < kFileCheckUs) return;
    file_checked_us_ = now;
    const auto version = file_version(kResolvConf);
    if (version == file_version_) return;
    try {
        auto renewed = std::make_unique<Channel>(*this, servers_);
        retired_.push_back(std::exchange(channel_, std::move(renewed)));
        file_version_ = version;
    } catch (const std::runtime_error&) {
        // A file that is being written: the old servers serve until the next look.
    }
}

void Resolver::tick() {
    channel_->expire();
    for (const auto& channel : retired_) channel->expire();
    std::erase_if(retired_, [](const auto& channel) { return channel->idle(); });
    if (!asked_.empty()) tick_.set(reactor_.clock().monotonic_us() + kTickUs);
    deliver();
}

Resolution Resolver::conclude(Query& query) {
    using Outcome = Resolution::Outcome;
    const bool definite =
        query.status == ARES_SUCCESS || query.status == ARES_ENOTFOUND || query.status == ARES_ENODATA;
    if (definite && query.from_network) last_answer_us_ = reactor_.clock().monotonic_us();
    const char* kind = query.family == AF_INET ? "IPv4 " : query.family == AF_INET6 ? "IPv6 " : "";
    switch (query.status) {
        case ARES_SUCCESS:
            return {.outcome = Outcome::found, .addresses = std::move(query.addresses), .detail = {}};
        case ARES_ENOTFOUND:
            return {Outcome::name_failed, {}, "name does not exist: " + query.name};
        case ARES_ENODATA:
            return {Outcome::name_failed, {}, std::string("name has no ") + kind + "address: " + query.name};
        case ARES_EBADNAME:
            return {Outcome::name_failed, {}, "not a valid name: " + query.name};
        case ARES_ESERVFAIL:
        case ARES_EREFUSED:
        case ARES_ENOTIMP:
        case ARES_EFORMERR:
        case ARES_EBADRESP:
        case ARES_ECONNREFUSED:  // also what older c-ares makes of SERVFAIL from every server
            return proved_alive_since(query.started_us - kLookbackUs)
                       ? Resolution{Outcome::name_failed, {}, "name servers fail for " + query.name}
                       : Resolution{Outcome::own_trouble, {}, "our resolver fails for " + query.name};
        case ARES_ETIMEOUT:
            return proved_alive_since(query.started_us)
                       ? Resolution{Outcome::name_failed, {}, "name servers do not answer for " + query.name}
                       : Resolution{
                             Outcome::own_trouble, {}, "our resolver does not answer (asked for " + query.name + ")"};
        default:
            return {Outcome::own_trouble, {}, std::string("our resolver failed: ") + ares_strerror(query.status)};
    }
}

}  // namespace pulsimo::engine
