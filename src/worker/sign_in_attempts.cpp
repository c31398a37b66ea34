#include <algorithm>
#include <iterator>

#include "worker/sign_in_attempts.hpp"

namespace pulsimo::worker {

namespace {

using Place = SignInAttempts::Place;

bool is_place_locked(const Place& place, TimestampTz now, AttemptLimit limit) noexcept {
    const TimestampTz oldest_that_counts = place.times[limit.most - 1];
    return oldest_that_counts != 0 && oldest_that_counts > now - limit.window_us;
}

template <class Attempts>
auto find_place(Attempts& attempts, Oid database, std::uint64_t who) noexcept {
    return std::find_if(std::begin(attempts.places), std::end(attempts.places),
                        [&](const Place& place) { return place.database == database && place.who == who; });
}

// nullptr: all are locked.
Place* find_quietest(SignInAttempts& attempts, TimestampTz now, AttemptLimit limit) noexcept {
    Place* quietest = nullptr;
    for (Place& place : attempts.places) {
        if (is_place_locked(place, now, limit)) continue;
        if (quietest == nullptr || place.times[0] < quietest->times[0]) quietest = &place;
    }
    return quietest;
}

}  // namespace

bool is_locked(const SignInAttempts& attempts, Oid database, std::uint64_t who, TimestampTz now,
               AttemptLimit limit) noexcept {
    const Place* place = find_place(attempts, database, who);
    if (place != std::end(attempts.places)) return is_place_locked(*place, now, limit);
    return std::all_of(std::begin(attempts.places), std::end(attempts.places),
                       [&](const Place& each) { return is_place_locked(each, now, limit); });
}

void note_failure(SignInAttempts& attempts, Oid database, std::uint64_t who, TimestampTz now,
                  AttemptLimit limit) noexcept {
    Place* place = find_place(attempts, database, who);
    if (place == std::end(attempts.places)) {
        place = find_quietest(attempts, now, limit);
        if (place == nullptr) return;
        *place = {.database = database, .who = who, .times = {}};
    }
    std::copy_backward(std::begin(place->times), std::end(place->times) - 1, std::end(place->times));
    place->times[0] = now;
}

void forget_failures(SignInAttempts& attempts, Oid database, std::uint64_t who) noexcept {
    Place* place = find_place(attempts, database, who);
    if (place != std::end(attempts.places)) *place = {};
}

}  // namespace pulsimo::worker
