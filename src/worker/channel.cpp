#include "worker/channel.hpp"

#include <utility>

#include "pg/guard.hpp"

extern "C" {
#include "storage/proc.h"
#include "utils/memutils.h"
}

namespace pulsimo::worker {

namespace {

constexpr Size kQueueBytes = 256 * 1024;
constexpr std::size_t kMessageBytes = 32 * 1024;
// Messages that wait. Between the two there is room for some thousand results without their excerpts.
constexpr std::size_t kLoad = 4;
constexpr std::size_t kCrowd = 20;

enum : int { kToProber = 0, kToKeeper = 1 };

shm_mq* queue_at(dsm_segment* segment, int number) {
    return reinterpret_cast<shm_mq*>(static_cast<char*>(dsm_segment_address(segment)) + number * kQueueBytes);
}

}  // namespace

Channel::Channel() {
    pg::call([this] {
        segment_ = dsm_create(2 * kQueueBytes, 0);
        dsm_pin_mapping(segment_);
        handle_ = dsm_segment_handle(segment_);
        shm_mq_create(queue_at(segment_, kToProber), kQueueBytes);
        shm_mq_create(queue_at(segment_, kToKeeper), kQueueBytes);
    });
    attach(kToKeeper, kToProber);
}

Channel::Channel(dsm_handle handle) : handle_(handle) {
    pg::call([this] {
        segment_ = dsm_attach(handle_);
        if (segment_ != nullptr) dsm_pin_mapping(segment_);
    });
    broken_ = segment_ == nullptr;
    if (!broken_) attach(kToProber, kToKeeper);
}

void Channel::attach(int receive_from, int send_to) {
    pg::call([&] {
        MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
        shm_mq_set_receiver(queue_at(segment_, receive_from), MyProc);
        shm_mq_set_sender(queue_at(segment_, send_to), MyProc);
        in_ = shm_mq_attach(queue_at(segment_, receive_from), segment_, nullptr);
        out_ = shm_mq_attach(queue_at(segment_, send_to), segment_, nullptr);
        MemoryContextSwitchTo(caller);
    });
}

Channel::~Channel() {
    if (segment_ == nullptr) return;
    shm_mq_detach(in_);
    shm_mq_detach(out_);
    dsm_detach(segment_);
}

void Channel::expect(BackgroundWorkerHandle* other) {
    shm_mq_set_handle(in_, other);
    shm_mq_set_handle(out_, other);
}

void Channel::next_message() {
    if (making_.size() < kMessageBytes) return;
    waiting_.push_back(std::exchange(making_, {}));
}

void Channel::flush() {
    while (!broken_) {
        if (waiting_.empty() && !making_.empty()) waiting_.push_back(std::exchange(making_, {}));
        if (waiting_.empty()) return;
        const std::string& front = waiting_.front();
        shm_mq_result result =
            pg::call([&] { return shm_mq_send(out_, front.size(), front.data(), true, true); });
        if (result == SHM_MQ_WOULD_BLOCK) return;
        if (result == SHM_MQ_DETACHED) broken_ = true;
        waiting_.pop_front();
    }
}

bool Channel::loaded() const { return waiting_.size() >= kLoad; }

bool Channel::crowded() const { return waiting_.size() >= kCrowd; }

std::span<const char> Channel::receive() {
    Size size = 0;
    void* data = nullptr;
    shm_mq_result result = pg::call([&] { return shm_mq_receive(in_, &size, &data, true); });
    if (result == SHM_MQ_DETACHED) broken_ = true;
    if (result != SHM_MQ_SUCCESS) return {};
    return {static_cast<const char*>(data), size};
}

}  // namespace pulsimo::worker
