#include "engine/http_probe.hpp"

#include <algorithm>

#include "engine/duration_text.hpp"
#include "engine/redaction.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {

namespace {

// libcurl tries them one after the other; a check has no time for more.
constexpr std::size_t kMostAddresses = 16;

// libcurl counts milliseconds and may be a moment quicker than our timer.
constexpr std::int64_t kClockDifferenceUs = 20'000;

int family(IpVersion version) noexcept {
    return version == IpVersion::v4 ? AF_INET : version == IpVersion::v6 ? AF_INET6 : AF_UNSPEC;
}

bool fits(const SocketAddress& address, IpVersion version) noexcept {
    return version == IpVersion::any || address.is_v6() == (version == IpVersion::v6);
}

// On a machine that has only one kind of network, the addresses of the other kind would fail at once and hide why those
// that matter failed. When there is no way to any of them, that is the failure.
void drop_unroutable(std::vector<SocketAddress>& addresses) {
    const auto is_v6 = [](const SocketAddress& address) { return address.is_v6(); };
    const bool mixed = std::any_of(addresses.begin(), addresses.end(), is_v6) &&
                       !std::all_of(addresses.begin(), addresses.end(), is_v6);
    if (!mixed) return;
    const auto routable = std::stable_partition(addresses.begin(), addresses.end(),
                                                [](const SocketAddress& address) { return address.has_route(); });
    if (routable != addresses.begin()) addresses.erase(routable, addresses.end());
}

std::string method_after(int status, const std::string& method) {
    const bool becomes_get =
        (status == 303 && method != "HEAD") || ((status == 301 || status == 302) && method == "POST");
    return becomes_get ? "GET" : method;
}

}  // namespace

HttpProbe::HttpProbe(const Tools& tools, std::shared_ptr<const HttpPlan> plan,
                     std::shared_ptr<const AddressPolicy> policy, Owner& owner)
    : tools_(tools),
      plan_(std::move(plan)),
      policy_(std::move(policy)),
      owner_(owner),
      timer_(tools.reactor, [this] { time_is_up(); }),
      exchange_(tools.transfers, tools.handles, tools.reactor.clock(), *plan_, *policy_, *this) {
    result_.endpoint_id = plan_->endpoint_id;
}

void HttpProbe::start() {
    result_.started_at_us = tools_.reactor.clock().wall_us();
    started_us_ = now();
    if (std::string trouble = plan_->trouble(); !trouble.empty()) return finish({ErrorClass::internal, trouble});
    timer_.set(started_us_ + plan_->timeout_us);
    method_ = plan_->options().method;
    go_to(plan_->target);
}

void HttpProbe::cancel() noexcept {
    doing_ = Doing::nothing;
    timer_.cancel();
    tools_.resolver.cancel(*this);
    exchange_.abandon();
}

void HttpProbe::go_to(HttpTarget target) {
    target_ = std::move(target);
    ended_us_ = 0;
    result_.phases = {};
    const IpVersion wanted = plan_->options().ip_version;
    const auto literal = SocketAddress::parse(target_.host, target_.port);
    if (!literal) {
        doing_ = Doing::resolving;
        asked_us_ = now();
        tools_.resolver.start(*this, target_.host, target_.port, family(wanted));
    } else if (fits(*literal, wanted)) {
        connect_to({*literal});
    } else {
        finish({ErrorClass::dns, target_.host + " is not an " + (literal->is_v6() ? "IPv4" : "IPv6") + " address"});
    }
}

void HttpProbe::resolved(Resolution&& resolution) {
    doing_ = Doing::nothing;
    result_.phases.dns_us = bounded_us(now() - asked_us_);
    switch (resolution.outcome) {
        case Resolution::Outcome::found:
            return connect_to(std::move(resolution.addresses));
        case Resolution::Outcome::name_failed:
            return finish({ErrorClass::dns, std::move(resolution.detail)});
        case Resolution::Outcome::own_trouble:
            return finish({ErrorClass::internal, std::move(resolution.detail)});
    }
}

void HttpProbe::connect_to(std::vector<SocketAddress> addresses, bool fresh) {
    if (!keep_permitted(addresses)) return;
    drop_unroutable(addresses);
    if (addresses.size() > kMostAddresses) addresses.erase(addresses.begin() + kMostAddresses, addresses.end());
    doing_ = Doing::exchanging;
    try {
        exchange_.begin({.target = target_,
                         .addresses = std::move(addresses),
                         .method = method_,
                         .own_origin = target_.same_origin(plan_->target),
                         .time_left_us = std::max<std::int64_t>(started_us_ + plan_->timeout_us - now(), 0),
                         .fresh = fresh});
    } catch (const CurlError& error) {  // say, an option that this libcurl was built without
        doing_ = Doing::nothing;
        finish({ErrorClass::internal, std::string("cannot make the request: ") + error.what()});
    }
}

// False when none is left; the check has ended then.
bool HttpProbe::keep_permitted(std::vector<SocketAddress>& addresses) {
    const auto permitted = std::stable_partition(addresses.begin(), addresses.end(),
                                                 [&](const SocketAddress& a) { return exchange_.permits(a.get()); });
    if (permitted != addresses.begin()) {
        addresses.erase(permitted, addresses.end());
        return true;
    }
    const std::string first = addresses.empty() ? std::string() : addresses.front().ip();
    const std::string whose = first == target_.host ? "" : " of " + target_.host;
    finish({ErrorClass::policy, "address " + first + whose + " is in a blocked network"});
    return false;
}

void HttpProbe::exchange_ended(CURLcode code) {
    // Of libcurl's own timeout, or of the kernel's, which gives up on a connection after some minutes.
    if (code == CURLE_OPERATION_TIMEDOUT) return time_is_up();
    doing_ = Doing::nothing;
    // The connections that others left behind are not for this check. The addresses that it found itself are.
    if (exchange_.refused_to_reuse() && !exchange_.request().fresh) {
        return connect_to(exchange_.request().addresses, true);
    }
    Failure failure = failure_of(exchange_, code);
    note_phases(failure.error == ErrorClass::none);
    ended_us_ = exchange_.ended_us();
    const HttpResponse& response = exchange_.response();
    if (response.stop() == HttpResponse::Stop::redirect) return redirect();
    // A wrong status tells more than a body that is too large: an error page instead of the real one.
    const bool wrong_status = failure.error == ErrorClass::too_large && response.status() != 0 &&
                              !plan_->options().expected_status.contains(response.status());
    finish(failure.error == ErrorClass::none || wrong_status ? judge() : std::move(failure));
}

void HttpProbe::note_phases(bool complete) {
    const std::int32_t dns_us = result_.phases.dns_us;
    result_.phases = exchange_.phases(complete);
    result_.phases.dns_us = dns_us;
}

void HttpProbe::redirect() {
    const HttpResponse& response = exchange_.response();
    result_.http_status = response.status();
    const int most = plan_->options().max_redirects;
    if (++redirects_ > most) {
        const char* plural = most == 1 ? " redirect" : " redirects";
        return finish({ErrorClass::protocol, "more than " + std::to_string(most) + plural});
    }
    auto target = HttpTarget::parse(response.location(), target_);
    if (!target) {
        return finish(
            {ErrorClass::protocol, "redirect to what is no http or https URL: " + public_url(response.location())});
    }
    method_ = method_after(response.status(), method_);
    go_to(std::move(*target));
}

Failure HttpProbe::judge() const {
    const HttpOptions& options = plan_->options();
    const HttpResponse& response = exchange_.response();
    if (!options.expected_status.contains(response.status())) {
        return {ErrorClass::status, "unexpected status " + std::to_string(response.status()) + ", expected " +
                                        options.expected_status.text()};
    }
    if (options.http_version == HttpVersion::v2 && !exchange_.spoke_http2()) {
        return {ErrorClass::protocol, exchange_.peer() + " does not speak HTTP/2"};
    }
    auto violation = first_violation(options.assertions, {.body = response.body(), .headers = &response.headers()});
    if (violation) return {violation->error, std::move(violation->detail), true};
    return {};
}

// While the resolver is silent we cannot know whom to blame, unless it answered other questions meanwhile.
Failure HttpProbe::overdue() const {
    const std::int64_t waited_us = now() - started_us_;
    const bool was_all = waited_us > plan_->timeout_us - kClockDifferenceUs;
    const std::string within = "no answer within " + duration_text(was_all ? plan_->timeout_us : waited_us);
    if (doing_ == Doing::resolving) {
        const bool resolver_works = tools_.resolver.proved_alive_since(asked_us_);
        const auto error = resolver_works ? ErrorClass::dns : ErrorClass::internal;
        return {error,
                within + (resolver_works ? " (resolving " : " from our resolver (resolving ") + target_.host + ")"};
    }
    if (exchange_.own_errno() != 0) return failure_of(exchange_, CURLE_OPERATION_TIMEDOUT);
    return {ErrorClass::timeout, within + " (" + waiting_for(exchange_) + ")"};
}

void HttpProbe::time_is_up() {
    Failure failure = overdue();
    if (doing_ == Doing::exchanging) note_phases(false);
    finish(std::move(failure));
}

std::vector<std::string> HttpProbe::secrets() const {
    std::vector<std::string> secrets = secrets_of(plan_->options());
    for (const std::string& url : {plan_->target.url, target_.url, exchange_.response().location()}) {
        add_query(secrets, url);
    }
    return in_all_forms(secrets);
}

// All of it is about the last URL: of a redirect to a host that cannot be reached it is the URL alone.
std::string HttpProbe::excerpt(const std::vector<std::string>& secrets) const {
    Evidence evidence;
    evidence.url = target_.url;
    if (exchange_.request().target.url == target_.url) evidence = evidence_of(exchange_);
    return excerpt_of(evidence, secrets);
}

void HttpProbe::tell(const Failure& failure) {
    const std::vector<std::string> hidden = secrets();
    const std::string detail = failure.quotes ? hide(failure.detail, hidden) : failure.detail;
    result_.detail = safe_text(detail, CheckResult::kMaxDetail);
    if (failure.error != ErrorClass::internal) result_.excerpt = excerpt(hidden);
}

void HttpProbe::finish(Failure failure) {
    cancel();
    result_.error = failure.error;
    result_.response_us = bounded_us((ended_us_ != 0 ? ended_us_ : now()) - started_us_);
    if (exchange_.response().status() != 0) result_.http_status = exchange_.response().status();
    result_.certificate_expires_at_s = exchange_.tls().expires_at_s();
    result_.certificate_issuer = exchange_.tls().issuer();
    if (failure.error != ErrorClass::none) tell(failure);
    owner_.probe_ended(*this, std::move(result_));
}

}  // namespace pulsimo::engine
