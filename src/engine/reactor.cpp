#include "engine/reactor.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace pulsimo::engine {

namespace {

// A turn stays in the low milliseconds, so that whoever shares our thread is not kept waiting.
constexpr int kEventsPerTurn = 256;
constexpr int kTimersPerTurn = 256;

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

std::uint64_t pack(int fd, std::uint32_t generation) noexcept {
    return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
}

}  // namespace

void Timer::set(std::int64_t due_us) {
    reactor_.timers_.set(*this, due_us);
}

void Timer::cancel() noexcept {
    reactor_.timers_.erase(*this);
}

Reactor::Reactor(const Clock& clock)
    : clock_(clock),
      epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      timer_fd_(checked(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), "timerfd_create")) {
    // Edge-triggered: an expiry wakes us once and needs no read() to be forgotten.
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = pack(timer_fd_.get(), 0);
    checked(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_fd_.get(), &event), "epoll_ctl");
}

void Reactor::watch(int fd, std::uint32_t events, ReadyHandler& handler) {
    const auto place = static_cast<std::size_t>(fd);
    if (place >= watches_.size()) watches_.resize(std::max(place + 1, watches_.size() * 2));
    Watch& watch = watches_[place];
    if (watch.handler == &handler && watch.events == events) return;
    epoll_event event{};
    event.events = events;
    event.data.u64 = pack(fd, watch.generation);
    int result = epoll_ctl(epoll_.get(), watch.handler != nullptr ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    // A descriptor that was closed without a word, and its number taken by a new one.
    if (result < 0 && errno == ENOENT) result = epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    checked(result, "epoll_ctl");
    watch.handler = &handler;
    watch.events = events;
}

void Reactor::unwatch(int fd) noexcept {
    const auto place = static_cast<std::size_t>(fd);
    if (place >= watches_.size() || watches_[place].handler == nullptr) return;
    Watch& watch = watches_[place];
    watch = {.handler = nullptr, .events = 0, .generation = watch.generation + 1};
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // fails only when the descriptor is gone, which is the aim
}

bool Reactor::turn() {
    const bool all_ready = dispatch_ready();
    const bool all_timers = dispatch_timers();
    return all_ready && all_timers;
}

bool Reactor::dispatch_ready() {
    std::array<epoll_event, kEventsPerTurn> events;
    const int count = epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, 0);
    if (count < 0 && errno != EINTR) checked(count, "epoll_wait");
    for (int i = 0; i < count; ++i) {
        const std::uint64_t packed = events[static_cast<std::size_t>(i)].data.u64;
        const int fd = static_cast<int>(packed & UINT32_MAX);
        if (fd == timer_fd_.get()) {
            armed_us_ = INT64_MAX;
            continue;
        }
        const Watch watch = watches_[static_cast<std::size_t>(fd)];
        const bool current = watch.handler != nullptr && watch.generation == packed >> 32;
        if (current) watch.handler->ready(fd, events[static_cast<std::size_t>(i)].events);
    }
    return count < kEventsPerTurn;
}

bool Reactor::dispatch_timers() {
    const std::int64_t now = clock_.monotonic_us();
    for (int i = 0; i < kTimersPerTurn; ++i) {
        Timer* timer = timers_.first();
        if (timer == nullptr || timer->due_us() > now) return true;
        timers_.erase(*timer);
        timer->callback_();
    }
    return false;
}

void Reactor::arm(bool at_once) {
    const Timer* first = timers_.first();
    if (at_once) {
        if (armed_us_ != 0) arm_timer(0);
    } else if (first != nullptr && first->due_us() < armed_us_) {
        arm_timer(first->due_us());
    }
}

// Relative to our clock, because a virtual clock is not the kernel's.
void Reactor::arm_timer(std::int64_t due_us) {
    const std::int64_t delay_us = std::max<std::int64_t>(due_us - clock_.monotonic_us(), 0);
    itimerspec spec{};
    spec.it_value.tv_sec = delay_us / 1'000'000;
    spec.it_value.tv_nsec = std::max<long>(delay_us % 1'000'000 * 1000, delay_us == 0 ? 1 : 0);  // all 0 would disarm
    checked(timerfd_settime(timer_fd_.get(), 0, &spec, nullptr), "timerfd_settime");
    armed_us_ = due_us;
}

}  // namespace pulsimo::engine
