// What shall be in the audit log although its transaction fails or only reads: denials, attempts to sign in, the use of
// API keys. Sessions note it in the shared memory of their database, and the keeper writes it (Store::write_notes()).
//
// Notes that are alike are counted instead of kept apart, nobody has more than a few at a time, and denials, which anybody
// can cause, leave room for attempts to sign in: so there is no way to crowd out the rest. What is lost is counted, and that
// is recorded. While nobody keeps the database (it is stopped) notes wait; a restart of the server forgets them.
#pragma once

#include <cstdint>

#include "pg/postgres.hpp"

extern "C" {
#include "utils/timestamp.h"
}

namespace pulsimo::worker {

enum class NoteKind : std::uint8_t { denied, failed, locked, key_used, lost };

struct AuditNote {
    static constexpr int kMaxAction = 64;
    static constexpr int kMaxAddress = 64;
    static constexpr int kMaxWho = 256;

    NoteKind kind;
    bool taken;  // the keeper is writing it: what comes now is another
    TimestampTz at;
    std::int64_t times;
    std::int64_t user_id;     // 0: nobody
    std::int64_t api_key_id;  // 0: none
    std::int64_t object;      // INT64_MIN: none
    char database_role[NAMEDATALEN];
    char client_address[kMaxAddress];
    char application[NAMEDATALEN];
    char action[kMaxAction];
    char who[kMaxWho];  // as whom somebody tried to sign in
};

struct AuditNotes {
    static constexpr int kMost = 64;
    static constexpr int kMostDenials = 40;
    static constexpr int kMostDenialsOfOne = 8;
    static constexpr int kMostKeyUses = 8;  // the next use will be noted again

    int count;
    std::int64_t lost;
    std::int64_t lost_taken;
    AuditNote notes[kMost];
};

// All with the lock of shared memory held.
// True when it is the first: then the keeper has to be woken.
bool add_note(AuditNotes& notes, const AuditNote& note) noexcept;
bool any_notes(const AuditNotes& notes) noexcept;
void clear_notes(AuditNotes& notes) noexcept;

// A copy of all there is, which release_taken() removes once it is written.
void take_notes(AuditNotes& notes, AuditNotes& copy) noexcept;
void release_taken(AuditNotes& notes) noexcept;

}  // namespace pulsimo::worker
