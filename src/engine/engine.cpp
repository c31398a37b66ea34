// Puts the parts together: the scheduler says which check starts, a probe does it, its result goes to the sink.
//
// Late loops. While checks are in flight a tick is due every 100 ms. How late we come to it is how late we came to the
// sockets too, and the longest such time while a check ran comes with its result, so that a timeout or a slow response
// that we caused ourselves can be told from one of the target. The tick counts as reached only in a turn that got
// through all that was ready: a loop that is merely busy is late as well.
//
// Probes are never destroyed where they end, because they end inside their own calls: they wait in ended_ until the
// turn is over.
#include "engine/engine.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/cron_schedule.hpp"
#include "engine/http_probe.hpp"
#include "engine/invalid_option.hpp"
#include "engine/scheduler.hpp"
#include "engine/stall_log.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {

namespace {

constexpr std::int64_t kTickUs = 100'000;
constexpr std::int64_t kOrdinaryLatenessUs = 1000;  // of timers; not worth a note

// How much one run() does of each.
constexpr int kCollectedPerRun = 1000;
constexpr int kStartsPerRun = 200;

Scheduler::Limits limits_of(const EngineSettings& settings) {
    return {.max_running = settings.max_running,
            .max_running_per_host = settings.max_running_per_host,
            .late_limit_us = settings.late_limit_us};
}

// Once in a process and never undone: others may use libcurl too.
void initialize_curl() {
    static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    check(code, "curl_global_init");
}

}  // namespace

class Engine::Impl final : public HttpProbe::Owner {
  public:
    Impl(const Clock& clock, EngineSettings settings, Sink sink, FindTimeZone find_time_zone);

    int fd() const noexcept { return reactor_.fd(); }
    const EngineStats& stats() noexcept;
    void run();
    void configure(EngineSettings settings);
    void upsert(const EndpointConfig& config);
    void remove(std::int64_t id);
    bool check_now(std::int64_t id, std::uint64_t request_id);
    void retry_after(std::int64_t id, std::int64_t delay_us);
    void set_accepting(bool accepting);

  private:
    struct Endpoint {
        std::shared_ptr<const HttpPlan> plan;
        std::unique_ptr<HttpProbe> probe;  // the running check
        std::int64_t started_us = 0;
        std::int32_t lateness_us = 0;                // of its start
        std::unique_ptr<const std::string> trouble;  // why its cron schedule cannot be used; nullptr: nothing is wrong
    };

    void probe_ended(HttpProbe& probe, CheckResult&& result) override;
    void ended(Endpoint& endpoint, CheckResult&& result);
    void look_at_wall_clock();
    bool start_due();
    void start(const Scheduler::Start& start);
    void note_lateness(std::int64_t now_us);
    std::int64_t longest_stall_since(std::int64_t moment_us) const;
    void reach_tick(std::int64_t now_us);
    void wake(bool at_once);

    std::int64_t now() const noexcept { return clock_.monotonic_us(); }

    const Clock& clock_;
    Sink sink_;
    Reactor reactor_;
    Resolver resolver_;
    TransferLoop transfers_;
    EasyPool handles_;
    std::shared_ptr<const AddressPolicy> policy_;
    Scheduler scheduler_;
    Timer slot_timer_;
    Timer tick_;  // wakes us for the tick; when it is due stays known until it is reached
    std::int64_t tick_due_us_ = INT64_MAX;
    StallLog stalls_;
    HttpProfiles profiles_;
    OwnPolicies own_policies_;
    CronSchedules crons_;
    std::unordered_map<std::int64_t, Endpoint> endpoints_;
    std::vector<std::unique_ptr<HttpProbe>> ended_;
    EngineStats stats_;
};

Engine::Impl::Impl(const Clock& clock, EngineSettings settings, Sink sink, FindTimeZone find_time_zone)
    : clock_(clock),
      sink_(std::move(sink)),
      reactor_(clock),
      resolver_(reactor_, settings.name_servers),
      transfers_(reactor_),
      policy_(std::make_shared<const AddressPolicy>(std::move(settings.addresses))),
      scheduler_(limits_of(settings)),
      slot_timer_(reactor_, [] {}),
      tick_(reactor_, [] {}),
      crons_(std::move(find_time_zone)) {}

void Engine::Impl::run() {
    note_lateness(now());
    const bool all_handled = reactor_.turn();
    const bool all_started = start_due();
    resolver_.deliver();
    transfers_.process();  // once: right after a request is sent there is nothing to read yet
    const bool more = !all_started || resolver_.has_answers() || transfers_.has_work();
    ended_.clear();
    if (all_handled) reach_tick(now());
    wake(!all_handled || more);
}

// Starts what is due. False when there is more than one run takes.
bool Engine::Impl::start_due() {
    look_at_wall_clock();
    const std::int64_t now_us = now();
    const bool collected = scheduler_.collect(now_us, kCollectedPerRun);
    int budget = kStartsPerRun;
    while (const auto due = scheduler_.start_next(now_us, budget)) start(*due);
    return collected && !scheduler_.can_start();
}

void Engine::Impl::start(const Scheduler::Start& due) {
    Endpoint& endpoint = endpoints_.at(due.endpoint_id);
    endpoint.started_us = now();
    const std::int64_t lateness_us = std::max<std::int64_t>(endpoint.started_us - due.due_us, 0);
    endpoint.lateness_us = bounded_us(lateness_us);
    stats_.last_lateness_us = lateness_us;
    stats_.max_lateness_us = std::max(stats_.max_lateness_us, lateness_us);
    if (endpoint.trouble != nullptr) {
        CheckResult result;
        result.endpoint_id = due.endpoint_id;
        result.started_at_us = clock_.wall_us();
        result.error = ErrorClass::internal;
        result.detail = safe_text(*endpoint.trouble, CheckResult::kMaxDetail);
        return ended(endpoint, std::move(result));
    }
    const HttpProbe::Tools tools{reactor_, resolver_, transfers_, handles_};
    endpoint.probe = std::make_unique<HttpProbe>(tools, endpoint.plan, policy_, *this);
    endpoint.probe->start();
}

void Engine::Impl::probe_ended(HttpProbe& probe, CheckResult&& result) {
    Endpoint& endpoint = endpoints_.at(probe.endpoint_id());
    ended_.push_back(std::move(endpoint.probe));
    ended(endpoint, std::move(result));
}

void Engine::Impl::ended(Endpoint& endpoint, CheckResult&& result) {
    const auto [skipped, request_id] = scheduler_.finished(result.endpoint_id, now());
    result.lateness_us = endpoint.lateness_us;
    result.stall_us = bounded_us(longest_stall_since(endpoint.started_us));
    result.skipped_slots = skipped;
    result.request_id = request_id;
    ++stats_.checks;
    if (result.error != ErrorClass::none) ++stats_.failures;
    sink_(std::move(result));
}

void Engine::Impl::note_lateness(std::int64_t now_us) {
    const std::int64_t late_us = now_us - tick_due_us_;
    if (late_us > kOrdinaryLatenessUs) stalls_.add(now_us, late_us);
}

// Also one that is going on: the tick is overdue in the middle of a turn that was interrupted.
std::int64_t Engine::Impl::longest_stall_since(std::int64_t moment_us) const {
    const std::int64_t now_us = now();
    const std::int64_t late_us = tick_due_us_ < now_us ? now_us - std::max(tick_due_us_, moment_us) : 0;
    return std::max(stalls_.longest_since(moment_us), late_us);
}

void Engine::Impl::reach_tick(std::int64_t now_us) {
    note_lateness(now_us);  // or an interruption since this turn began would go unnoticed
    if (scheduler_.running() == 0) {
        tick_due_us_ = INT64_MAX;
        tick_.cancel();
    } else if (tick_due_us_ <= now_us || tick_due_us_ == INT64_MAX) {
        tick_due_us_ = now_us + kTickUs;
        tick_.set(tick_due_us_);
    }
}

// Makes fd() readable when something is to be done: now, or when the next timer or slot is due.
void Engine::Impl::wake(bool at_once) {
    const std::int64_t due_us = scheduler_.next_due_us();
    if (due_us == INT64_MAX) {
        slot_timer_.cancel();
    } else if (!slot_timer_.queued() || slot_timer_.due_us() != due_us) {
        slot_timer_.set(due_us);
    }
    reactor_.arm(at_once || scheduler_.can_start());
}

void Engine::Impl::configure(EngineSettings settings) {
    policy_ = std::make_shared<const AddressPolicy>(std::move(settings.addresses));
    scheduler_.configure(limits_of(settings));
    wake(false);
}

void Engine::Impl::upsert(const EndpointConfig& config) {
    auto plan = std::make_shared<const HttpPlan>(config, profiles_, own_policies_);
    Endpoint& endpoint = endpoints_[config.id];
    endpoint.trouble = nullptr;
    std::shared_ptr<const CronSchedule> cron;
    try {
        cron = crons_.get(config);
    } catch (const InvalidOption& error) {  // valid once, say before the server's time zones were updated
        endpoint.trouble = std::make_unique<const std::string>(std::string("cannot use the schedule: ") + error.what());
    }
    look_at_wall_clock();
    scheduler_.upsert(config.id, config.interval_us, plan->target.host_and_port(), now(), std::move(cron));
    endpoint.plan = std::move(plan);
    wake(false);
}

// The wall clock first: if we are interrupted in between, checks start a little late rather than early.
void Engine::Impl::look_at_wall_clock() {
    const std::int64_t wall_us = clock_.wall_us();
    scheduler_.set_wall_clock(wall_us, now());
}

void Engine::Impl::remove(std::int64_t id) {
    const auto found = endpoints_.find(id);
    if (found == endpoints_.end()) return;
    if (found->second.probe != nullptr) {
        found->second.probe->cancel();
        ended_.push_back(std::move(found->second.probe));
    }
    endpoints_.erase(found);
    scheduler_.remove(id);
    wake(false);
}

bool Engine::Impl::check_now(std::int64_t id, std::uint64_t request_id) {
    const bool known = scheduler_.request(id, request_id, now());
    wake(false);
    return known;
}

void Engine::Impl::retry_after(std::int64_t id, std::int64_t delay_us) {
    scheduler_.retry(id, now() + std::max<std::int64_t>(delay_us, 0));
    wake(false);
}

void Engine::Impl::set_accepting(bool accepting) {
    if (accepting == scheduler_.accepting()) return;
    scheduler_.set_accepting(accepting);
    wake(false);
}

const EngineStats& Engine::Impl::stats() noexcept {
    stats_.endpoints = scheduler_.endpoints();
    stats_.running = scheduler_.running();
    stats_.waiting = scheduler_.waiting();
    stats_.skipped = scheduler_.skipped();
    return stats_;
}

Engine::Engine(const Clock& clock, EngineSettings settings, Sink sink, FindTimeZone find_time_zone) {
    initialize_curl();
    impl_ = std::make_unique<Impl>(clock, std::move(settings), std::move(sink), std::move(find_time_zone));
}
Engine::~Engine() = default;

int Engine::fd() const noexcept {
    return impl_->fd();
}
void Engine::run() {
    impl_->run();
}
void Engine::configure(EngineSettings settings) {
    impl_->configure(std::move(settings));
}
void Engine::upsert(const EndpointConfig& config) {
    impl_->upsert(config);
}
void Engine::remove(std::int64_t endpoint_id) {
    impl_->remove(endpoint_id);
}
bool Engine::check_now(std::int64_t endpoint_id, std::uint64_t request_id) {
    return impl_->check_now(endpoint_id, request_id);
}
void Engine::retry_after(std::int64_t endpoint_id, std::int64_t delay_us) {
    impl_->retry_after(endpoint_id, delay_us);
}
void Engine::set_accepting(bool accepting) {
    impl_->set_accepting(accepting);
}
const EngineStats& Engine::stats() const noexcept {
    return impl_->stats();
}

}  // namespace pulsimo::engine
