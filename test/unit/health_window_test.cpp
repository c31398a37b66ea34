// failure_threshold of the last failure_window checks.
#include <gtest/gtest.h>

#include "health/health.hpp"
#include "unit/support/health_script.hpp"

namespace pulsimo::health {
namespace {

Policy window_policy(int failures, int window, int successes = 1) {
    Policy limits = policy(failures, successes);
    limits.failure_window = window;
    return limits;
}

TEST(Window, FollowsTheRules) {
    const struct {
        const char* rule;
        int failures, window, successes;
        const char* script;
        const char* changes;
    } cases[] = {
        {"failures need not be in a row, dated at the first", 3, 5, 1, "PFPFPF", "0: up@0, 5: down@1 open"},
        {"what has left the window does not count", 3, 5, 1, "PFPPFPF", "0: up@0"},
        {"nor does it date the outage", 3, 5, 1, "PFPPFPFF", "0: up@0, 7: down@4 open"},
        {"failures in a row are enough as well", 3, 5, 1, "PFFF", "0: up@0, 3: down@1 open"},
        {"a window of the threshold is a row", 3, 3, 1, "PFPFFPFFF", "0: up@0, 8: down@6 open"},
        {"so is a shorter one", 3, 2, 1, "PFPFFPFFF", "0: up@0, 8: down@6 open"},
        {"any one of the last two", 1, 2, 1, "PFP", "0: up@0, 1: down@1 open, 2: up@2 resolve"},
        {"own trouble is not counted", 3, 5, 1, "PFTPTFTPTF", "0: up@0, 9: down@1 open"},
        {"slow passes are passes", 3, 5, 1, "PFSFSF", "0: up@0, 5: down@1 open"},
        {"recovery is in a row", 3, 5, 2, "FFFPFPFPP", "2: down@0 open, 8: up@7 resolve"},
        {"a recovery empties the window", 3, 5, 1, "PFPFPFPFPFF",
         "0: up@0, 5: down@1 open, 6: up@6 resolve, 10: down@7 open"},
        {"the first pass of all empties it", 2, 5, 1, "FPFPF", "1: up@1, 4: down@2 open"},
        {"degraded empties it", 3, 9, 1, "PFSSSFF", "0: up@0, 4: degraded@2"},
        {"trouble empties it", 3, 9, 1, "PFFTTTPFF", "0: up@0, 5: unknown@3, 6: up@6"},
        {"a gap empties it", 3, 9, 1, "PFF  PFF", "0: up@0, 5: unknown@3 gap, 5: up@5"},
        {"from unknown with an incident open one failure is enough", 3, 5, 1, "FFFTTTF",
         "2: down@0 open, 5: unknown@3, 6: down@6"},
        {"the longest window", 2, 20, 1, "PFPPPPPPPPPPPPPPPPPPF", "0: up@0, 20: down@1 open"},
        {"one longer than that", 2, 20, 1, "PFPPPPPPPPPPPPPPPPPPPF", "0: up@0"},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(changes_of(c.script, window_policy(c.failures, c.window, c.successes)), c.changes) << c.rule;
    }
}

TEST(Window, KeepsTheStartOfAnOutageThatMayNotBeCalledDown) {
    const Policy limits = window_policy(2, 4);
    EXPECT_EQ(changes_of("PF{FFFFFFF)P", limits), "0: up@0, 9: down@1 open, 9: up@9 resolve");
    EXPECT_EQ(changes_of("P{FPFPFPFPF)", limits), "0: up@0, 10: down@1 open");
    EXPECT_EQ(changes_of("P{FFPPPFPF)", limits), "0: up@0, 9: down@6 open");  // it had ended between
}

TEST(Window, WaitsForAFailureWhenTheLastResultWasAPass) {
    EXPECT_EQ(changes_of("P{FFP)PF", window_policy(2, 5)), "0: up@0, 5: down@1 open");
    EXPECT_EQ(changes_of("P{FFP)PPPF", window_policy(2, 5)), "0: up@0");
}

TEST(Window, RetriesWhileTheLastResultWasAFailure) {
    State state;
    std::string retries;
    std::int64_t at_us = kStart;
    for (const char letter : std::string("PFPFTPFF")) {
        const Step next = step(state, observation(letter, at_us += kSecond), window_policy(4, 8));
        retries += next.retry_after_us == 0 ? '-' : 'r';
    }
    EXPECT_EQ(retries, "-r-rr-r-");
}

TEST(Window, MayBeSwitchedAtAnyTime) {
    State state;
    std::int64_t at_us = kStart;
    const auto status_after = [&](char letter, const Policy& limits) {
        step(state, observation(letter, at_us += kSecond), limits);
        return state.status;
    };
    for (const char letter : {'P', 'F', 'P', 'F'}) status_after(letter, window_policy(3, 5));
    EXPECT_EQ(status_after('F', policy(3, 1)), Status::up);  // two in a row
    EXPECT_EQ(status_after('P', window_policy(3, 5)), Status::up);
    EXPECT_EQ(status_after('F', window_policy(3, 5)), Status::up);  // what was before is forgotten
    EXPECT_EQ(status_after('F', policy(3, 1)), Status::up);
    EXPECT_EQ(status_after('F', window_policy(3, 5)), Status::down);  // three in a row all the same
    EXPECT_EQ(state.since_us, at_us - 2 * kSecond);
}

// Endpoints that do well are many.
TEST(Window, CostsLittleMemory) {
    EXPECT_LE(sizeof(State), 128U);
    FailureWindow window;
    window.add(true, kStart, 2, 2);
    window.add(false, kStart, 2, 2);
    EXPECT_EQ(window.failures(), 1);
    window.add(false, kStart, 2, 2);
    EXPECT_EQ(window, FailureWindow{});
}

}  // namespace
}  // namespace pulsimo::health
