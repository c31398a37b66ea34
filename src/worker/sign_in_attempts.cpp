#include <algorithm>
#include <iterator>

#include "worker/sign_in_attempts.hpp"

namespace pulsimo::worker {

namespace {

using Place = SignInAttempts::Place;

Place* find_place(SignInAttempts& attempts, Oid database, std::uint64_t who) noexcept {
    Place* found = std::find_if(std::begin(attempts.places), std::end(attempts.places),
                                [&](const Place& place) { return place.database == database && place.who == who; });
    return found == std::end(attempts.places) ? nullptr : found;
}

Place* quietest_place(SignInAttempts& attempts) noexcept {
    return std::min_element(std::begin(attempts.places), std::end(attempts.places),
                            [](const Place& one, const Place& other) { return one.times[0] < other.times[0]; });
}

}  // namespace

bool begin_attempt(SignInAttempts& attempts, Oid database, std::uint64_t who, TimestampTz now, int most,
                   std::int64_t window_us) noexcept {
    Place* place = find_place(attempts, database, who);
    if (place == nullptr) {
        place = quietest_place(attempts);
        *place = {.database = database, .who = who, .times = {}};
    }
    const TimestampTz oldest_that_counts = place->times[most - 1];
    if (oldest_that_counts != 0 && oldest_that_counts > now - window_us) return false;
    std::copy_backward(std::begin(place->times), std::end(place->times) - 1, std::end(place->times));
    place->times[0] = now;
    return true;
}

void forget_attempts(SignInAttempts& attempts, Oid database, std::uint64_t who) noexcept {
    if (Place* place = find_place(attempts, database, who)) *place = {};
}

}  // namespace pulsimo::worker
