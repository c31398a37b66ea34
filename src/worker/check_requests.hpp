// check_now() and the keeper meet here: places in the database's slot where a session posts a request and finds the
// answer. A request's id names its place and the use of it, so an answer that comes too late is dropped.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/shared.hpp"

namespace pulsimo::worker {

struct PostedRequest {
    std::uint64_t id = 0;
    std::int64_t endpoint_id = 0;
};

// For the session. post_request() gives 0 when all places are taken; it needs the lock, as read_request() does.
std::uint64_t post_request(DatabaseSlot& slot, std::int64_t endpoint_id) noexcept;
CheckRequest* find_request(DatabaseSlot& slot, std::uint64_t id) noexcept;  // nullptr: no longer ours
void release_request(DatabaseSlot& slot, std::uint64_t id) noexcept;        // takes the lock

// For the keeper; all take the lock.
std::vector<PostedRequest> take_posted_requests(DatabaseSlot& slot);
void answer_request(DatabaseSlot& slot, std::uint64_t id, const engine::CheckResult& result, health::Status verdict);
void refuse_request(DatabaseSlot& slot, std::uint64_t id, const char* why) noexcept;
void refuse_requests_for(DatabaseSlot& slot, std::int64_t endpoint_id, const char* why) noexcept;
void refuse_all_requests(DatabaseSlot& slot, const char* why) noexcept;

}  // namespace pulsimo::worker
