#include "engine/reactor.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <vector>

#include "engine/unique_fd.hpp"
#include "unit/support/virtual_clock.hpp"

namespace pulsimo::test {
namespace {

using engine::Reactor;
using engine::Timer;
using engine::UniqueFd;

struct Handler final : engine::ReadyHandler {
    explicit Handler(std::function<void(int)> call) : callback(std::move(call)) {}
    void ready(int fd, std::uint32_t) override { callback(fd); }
    std::function<void(int)> callback;
};

UniqueFd readable_event() {
    return UniqueFd(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
}

bool is_readable(int fd) {
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    return poll(&ready, 1, 0) == 1;
}

class ReactorTest : public testing::Test {
  protected:
    VirtualClock clock;
    Reactor reactor{clock};
    std::vector<int> called;
    Handler handler{[this](int fd) { called.push_back(fd); }};
};

TEST_F(ReactorTest, CallsTheHandlerOfAReadyDescriptorUntilItIsUnwatched) {
    const UniqueFd event = readable_event();
    EXPECT_FALSE(is_readable(reactor.fd()));
    reactor.watch(event.get(), EPOLLIN, handler);
    EXPECT_TRUE(is_readable(reactor.fd()));
    EXPECT_TRUE(reactor.turn());
    EXPECT_TRUE(reactor.turn());
    EXPECT_EQ(called, (std::vector<int>{event.get(), event.get()}));
    reactor.unwatch(event.get());
    reactor.unwatch(event.get());
    reactor.turn();
    EXPECT_EQ(called.size(), 2u);
}

TEST_F(ReactorTest, ChangesWhatADescriptorIsWatchedFor) {
    const UniqueFd event = readable_event();
    reactor.watch(event.get(), EPOLLIN, handler);
    reactor.watch(event.get(), EPOLLPRI, handler);
    reactor.turn();
    EXPECT_TRUE(called.empty());
    reactor.watch(event.get(), EPOLLIN, handler);
    reactor.turn();
    EXPECT_EQ(called.size(), 1u);
}

TEST_F(ReactorTest, DropsTheEventsOfADescriptorThatWentInTheSameTurn) {
    const UniqueFd first = readable_event();
    const UniqueFd second = readable_event();
    Handler killer([&](int fd) {
        called.push_back(fd);
        reactor.unwatch(first.get());
        reactor.unwatch(second.get());
    });
    reactor.watch(first.get(), EPOLLIN, killer);
    reactor.watch(second.get(), EPOLLIN, killer);
    reactor.turn();
    EXPECT_EQ(called.size(), 1u);
}

TEST_F(ReactorTest, DoesNotGiveOldEventsToANewDescriptorOfTheSameNumber) {
    UniqueFd first = readable_event();
    UniqueFd second = readable_event();
    const UniqueFd quiet(eventfd(0, EFD_CLOEXEC));
    std::vector<int> fresh;
    Handler newcomer([&](int fd) { fresh.push_back(fd); });
    Handler replacer([&](int fd) {
        called.push_back(fd);
        const int other = fd == first.get() ? second.get() : first.get();
        reactor.unwatch(other);
        dup2(quiet.get(), other);
        reactor.watch(other, EPOLLIN, newcomer);
    });
    reactor.watch(first.get(), EPOLLIN, replacer);
    reactor.watch(second.get(), EPOLLIN, replacer);
    reactor.turn();
    EXPECT_EQ(called.size(), 1u);
    EXPECT_TRUE(fresh.empty());
}

TEST_F(ReactorTest, WatchesANumberAgainThatWasClosedWithoutAWord) {
    const UniqueFd event = readable_event();
    reactor.watch(event.get(), EPOLLIN, handler);
    const UniqueFd other = readable_event();
    dup2(other.get(), event.get());
    reactor.watch(event.get(), EPOLLIN | EPOLLOUT, handler);
    reactor.turn();
    EXPECT_EQ(called.size(), 1u);
}

TEST_F(ReactorTest, CallsTimersInTheOrderOfTheirTimes) {
    std::vector<int> order;
    Timer late(reactor, [&] { order.push_back(3); });
    Timer early(reactor, [&] { order.push_back(1); });
    Timer middle(reactor, [&] { order.push_back(2); });
    Timer cancelled(reactor, [&] { order.push_back(4); });
    late.set(clock.now + 30);
    early.set(clock.now + 10);
    middle.set(clock.now + 40);
    cancelled.set(clock.now + 5);
    middle.set(clock.now + 20);
    cancelled.cancel();
    clock.now += 9;
    reactor.turn();
    EXPECT_TRUE(order.empty());
    clock.now += 11;
    reactor.turn();
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
    clock.now += 100;
    reactor.turn();
    reactor.turn();
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_F(ReactorTest, ForgetsATimerThatDies) {
    int calls = 0;
    {
        Timer timer(reactor, [&] { ++calls; });
        timer.set(clock.now);
    }
    reactor.turn();
    EXPECT_EQ(calls, 0);
}

TEST_F(ReactorTest, LetsATimerSetItselfAgain) {
    int calls = 0;
    Timer timer(reactor, [&] {
        ++calls;
        timer.set(clock.now + 10);
    });
    timer.set(clock.now);
    reactor.turn();
    EXPECT_EQ(calls, 1);
    clock.now += 10;
    reactor.turn();
    EXPECT_EQ(calls, 2);
}

TEST_F(ReactorTest, DoesABoundedAmountInOneTurn) {
    int calls = 0;
    std::vector<std::unique_ptr<Timer>> timers;
    for (int i = 0; i < 2000; ++i) {
        timers.push_back(std::make_unique<Timer>(reactor, [&] { ++calls; }));
        timers.back()->set(clock.now);
    }
    EXPECT_FALSE(reactor.turn());
    EXPECT_LT(calls, 1000);
    while (!reactor.turn()) continue;
    EXPECT_EQ(calls, 2000);
}

TEST_F(ReactorTest, BecomesReadableWhenATimerIsDue) {
    Timer timer(reactor, [] {});
    timer.set(clock.now + 3'600'000'000);
    reactor.arm(false);
    EXPECT_FALSE(is_readable(reactor.fd()));
    Timer soon(reactor, [] {});
    soon.set(clock.now);
    reactor.arm(false);
    pollfd ready{.fd = reactor.fd(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&ready, 1, 10'000), 1);
    reactor.turn();
    reactor.arm(false);
    EXPECT_FALSE(is_readable(reactor.fd()));
    reactor.arm(true);
    EXPECT_EQ(poll(&ready, 1, 10'000), 1);
}

}  // namespace
}  // namespace pulsimo::test
