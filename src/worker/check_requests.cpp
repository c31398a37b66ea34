#include <string>

#include "worker/check_requests.hpp"

#include "pg/encoding.hpp"
#include "pg/guard.hpp"

namespace pulsimo::worker {

namespace {

constexpr int kIndexBits = 8;
static_assert(DatabaseSlot::kMaxRequests <= 1 << kIndexBits);

std::uint64_t request_id(const DatabaseSlot& slot, int index) noexcept {
    return (std::uint64_t{slot.requests[index].generation} << kIndexBits) | static_cast<unsigned>(index);
}

bool is_open(const CheckRequest& request) noexcept {
    return request.state == RequestState::posted || request.state == RequestState::taken;
}

void refuse(CheckRequest& request, const char* why) noexcept {
    request.state = RequestState::refused;
    strlcpy(request.detail, why, sizeof request.detail);
}

}  // namespace

std::uint64_t post_request(DatabaseSlot& slot, std::int64_t endpoint_id) noexcept {
    for (int i = 0; i < DatabaseSlot::kMaxRequests; i++) {
        CheckRequest& request = slot.requests[i];
        if (request.state != RequestState::free) continue;
        request.generation++;
        request.state = RequestState::posted;
        request.endpoint_id = endpoint_id;
        return request_id(slot, i);
    }
    return 0;
}

CheckRequest* find_request(DatabaseSlot& slot, std::uint64_t id) noexcept {
    auto index = static_cast<int>(id & ((1U << kIndexBits) - 1));
    if (id == 0 || index >= DatabaseSlot::kMaxRequests || request_id(slot, index) != id) return nullptr;
    return &slot.requests[index];
}

void release_request(DatabaseSlot& slot, std::uint64_t id) noexcept {
    SharedLock lock;
    if (CheckRequest* request = find_request(slot, id)) request->state = RequestState::free;
}

std::vector<PostedRequest> take_posted_requests(DatabaseSlot& slot) {
    std::vector<PostedRequest> posted;
    posted.reserve(DatabaseSlot::kMaxRequests);
    SharedLock lock;
    for (int i = 0; i < DatabaseSlot::kMaxRequests; i++) {
        if (slot.requests[i].state != RequestState::posted) continue;
        slot.requests[i].state = RequestState::taken;
        posted.push_back({request_id(slot, i), slot.requests[i].endpoint_id});
    }
    return posted;
}

void answer_request(DatabaseSlot& slot, std::uint64_t id, const engine::CheckResult& result, health::Status verdict) {
    const std::string detail = pg::from_utf8(result.detail);
    {
        SharedLock lock;
        CheckRequest* request = find_request(slot, id);
        if (request == nullptr || !is_open(*request)) return;
        request->state = RequestState::answered;
        request->checked_at_us = result.started_at_us;
        request->verdict = verdict;
        request->error = result.error;
        request->response_us = result.response_us;
        request->phases = result.phases;
        request->http_status = result.http_status;
        pg::copy_text(request->detail, detail.c_str());
    }
    ConditionVariableBroadcast(&slot.moved);
}

void refuse_request(DatabaseSlot& slot, std::uint64_t id, const char* why) noexcept {
    {
        SharedLock lock;
        CheckRequest* request = find_request(slot, id);
        if (request == nullptr || !is_open(*request)) return;
        refuse(*request, why);
    }
    ConditionVariableBroadcast(&slot.moved);
}

void refuse_requests_for(DatabaseSlot& slot, std::int64_t endpoint_id, const char* why) noexcept {
    {
        SharedLock lock;
        for (CheckRequest& request : slot.requests) {
            if (is_open(request) && request.endpoint_id == endpoint_id) refuse(request, why);
        }
    }
    ConditionVariableBroadcast(&slot.moved);
}

void refuse_all_requests(DatabaseSlot& slot, const char* why) noexcept {
    {
        SharedLock lock;
        for (CheckRequest& request : slot.requests) {
            if (is_open(request)) refuse(request, why);
        }
    }
    ConditionVariableBroadcast(&slot.moved);
}

}  // namespace pulsimo::worker
