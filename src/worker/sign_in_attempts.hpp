// How often somebody has tried to sign in lately, in shared memory: a failed attempt has to count even though its
// transaction is rolled back, and rolling back on purpose must not be a way around it. A restart of the server forgets.
//
// There are places for so many addresses at a time; one more takes the place of the one that was quiet for longest, but
// not of one that is locked. When all are, everybody is: nobody shall be let off by a flood of other addresses.
#pragma once

#include <cstdint>

#include "pg/postgres.hpp"

extern "C" {
#include "utils/timestamp.h"
}

namespace pulsimo::worker {

struct SignInAttempts {
    static constexpr int kPlaces = 1024;
    static constexpr int kMostRemembered = 10;

    struct Place {
        Oid database;
        std::uint64_t who;
        TimestampTz times[kMostRemembered];  // the newest first; 0: none
    };

    Place places[kPlaces];
};

// All with the lock of shared memory held. `most` attempts within `window_us` are what may fail: 1 <= most <=
// kMostRemembered.
struct AttemptLimit {
    int most;
    std::int64_t window_us;
};

bool is_locked(const SignInAttempts& attempts, Oid database, std::uint64_t who, TimestampTz now,
               AttemptLimit limit) noexcept;
void note_failure(SignInAttempts& attempts, Oid database, std::uint64_t who, TimestampTz now,
                  AttemptLimit limit) noexcept;
void forget_failures(SignInAttempts& attempts, Oid database, std::uint64_t who) noexcept;

}  // namespace pulsimo::worker
