// The event loop: one epoll descriptor, one timerfd inside it, handlers called when a descriptor is ready or a timer
// is due.
//
// The epoll descriptor itself is pollable, so a process can wait for it together with other things (a latch, a
// queue) and call turn() when it is readable. A turn never blocks and does a bounded amount of work; what is left
// makes the descriptor readable again at once. Descriptors are watched level-triggered for that reason.
//
// The kernel is asked for as little as possible: epoll_ctl only when the interest changes, timerfd_settime at most
// once a turn (in arm()) and only when the earliest time comes nearer than what is set.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/clock.hpp"
#include "engine/due_heap.hpp"
#include "engine/unique_fd.hpp"

namespace pulsimo::engine {

class Reactor;

// Called when the watched descriptor is ready; `events` are EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP.
class ReadyHandler {
  public:
    virtual void ready(int fd, std::uint32_t events) = 0;

  protected:
    ~ReadyHandler() = default;
};

// Calls back once at its time. May be set again from its own callback; cancels itself when destroyed.
class Timer : public DueItem {
  public:
    Timer(Reactor& reactor, std::function<void()> callback) : reactor_(reactor), callback_(std::move(callback)) {}
    ~Timer() { cancel(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void set(std::int64_t due_us);  // monotonic; replaces the time it had
    void cancel() noexcept;

  private:
    friend class Reactor;
    Reactor& reactor_;
    std::function<void()> callback_;
};

class Reactor {
  public:
    // Throws std::system_error when the kernel refuses a descriptor.
    explicit Reactor(const Clock& clock);
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    int fd() const noexcept { return epoll_.get(); }
    const Clock& clock() const noexcept { return clock_; }

    // Watches the descriptor for `events`, or changes what it is watched for. One handler a descriptor.
    void watch(int fd, std::uint32_t events, ReadyHandler& handler);
    void unwatch(int fd) noexcept;  // to be called before the descriptor is closed

    // Calls the handlers of what is ready and the timers that are due. True when everything was handled, false when
    // more was ready than one turn takes.
    bool turn();

    // Makes fd() readable when the next timer is due; `at_once` makes it readable now. To be called when everything
    // that may set timers is done, before waiting.
    void arm(bool at_once);

  private:
    friend class Timer;
    struct Watch {
        ReadyHandler* handler = nullptr;
        std::uint32_t events = 0;
        std::uint32_t generation = 0;  // tells an event of a closed descriptor from one of its successor
    };

    bool dispatch_ready();
    bool dispatch_timers();
    void arm_timer(std::int64_t due_us);

    const Clock& clock_;
    UniqueFd epoll_;
    UniqueFd timer_fd_;
    std::vector<Watch> watches_;  // by descriptor
    DueHeap<Timer> timers_;
    std::int64_t armed_us_ = INT64_MAX;  // when the timerfd fires
};

}  // namespace pulsimo::engine
