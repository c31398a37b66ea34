// A pair of queues between a keeper and one of its probers: commands one way, results the other.
//
// Built on the server's shm_mq: it wakes the other side's latch, tells when the other side is gone, and needs no lock.
// What does not fit waits here in memory, so sending never blocks. Two things bound it: the keeper tells the probers to
// stop (engine::SetAccepting) before it runs out of room for results, and a prober whose keeper takes nothing stops by
// itself (crowded).
#pragma once

#include <deque>
#include <span>
#include <string>

#include "pg/postgres.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/shm_mq.h"
}

namespace pulsimo::worker {

class Channel {
  public:
    Channel();                              // keeper: makes the shared segment
    explicit Channel(dsm_handle handle);    // prober: attaches to it; broken if the keeper is gone already
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    dsm_handle handle() const { return handle_; }
    void expect(BackgroundWorkerHandle* other);  // keeper: who will attach, so that its early death is noticed

    // The message in the making: append to it, then flush(). Long ones are split at record ends by calling
    // next_message() between records.
    std::string& message() { return making_; }
    void next_message();

    void flush();                           // passes on what fits, never blocks
    std::span<const char> receive();        // the next message, valid until the next call; empty: none
    bool waiting() const { return !waiting_.empty(); }  // for the other side to take something
    bool loaded() const;                    // the other side is behind: add only what it cannot do without
    bool crowded() const;                   // the other side has long taken nothing
    bool broken() const { return broken_; } // the other side is gone

  private:
    void attach(int receive_from, int send_to);

    dsm_segment* segment_ = nullptr;
    dsm_handle handle_ = 0;
    shm_mq_handle* in_ = nullptr;
    shm_mq_handle* out_ = nullptr;
    std::string making_;
    std::deque<std::string> waiting_;       // the front may be sent in part: it must stay as it is
    bool broken_ = false;
};

}  // namespace pulsimo::worker
