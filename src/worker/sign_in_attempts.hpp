// How often somebody has tried to sign in lately, in shared memory: a failed attempt has to count even though its
// transaction is rolled back, and rolling back on purpose must not be a way around it. A restart of the server forgets.
//
// There are places for so many addresses at a time; one more takes the place of the one that was quiet for longest.
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

// With the lock of shared memory held, as everything here. Counts an attempt of now, before it is known how it ends;
// false, and not counted, when there were `most` within `window_us` already. 1 <= most <= kMostRemembered.
bool begin_attempt(SignInAttempts& attempts, Oid database, std::uint64_t who, TimestampTz now, int most,
                   std::int64_t window_us) noexcept;

// It ended well: those before it are forgotten.
void forget_attempts(SignInAttempts& attempts, Oid database, std::uint64_t who) noexcept;

}  // namespace pulsimo::worker
