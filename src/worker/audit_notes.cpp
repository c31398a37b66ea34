#include <algorithm>
#include <cstring>

#include "worker/audit_notes.hpp"

namespace pulsimo::worker {

namespace {

bool is_same(const AuditNote& a, const AuditNote& b) noexcept {
    return a.kind == b.kind && a.user_id == b.user_id && a.api_key_id == b.api_key_id && a.object == b.object &&
           strcmp(a.database_role, b.database_role) == 0 && strcmp(a.client_address, b.client_address) == 0 &&
           strcmp(a.action, b.action) == 0 && strcmp(a.who, b.who) == 0;
}

bool has_room(const AuditNotes& notes, const AuditNote& note) noexcept {
    if (notes.count == AuditNotes::kMost) return false;
    const AuditNote* end = notes.notes + notes.count;
    const auto count_of = [&](NoteKind kind) {
        return std::count_if(notes.notes, end, [kind](const AuditNote& other) { return other.kind == kind; });
    };
    if (note.kind == NoteKind::key_used) return count_of(NoteKind::key_used) < AuditNotes::kMostKeyUses;
    if (note.kind != NoteKind::denied) return true;
    const auto of_one = std::count_if(notes.notes, end, [&](const AuditNote& other) {
        return other.kind == NoteKind::denied && other.user_id == note.user_id &&
               strcmp(other.database_role, note.database_role) == 0;
    });
    return count_of(NoteKind::denied) < AuditNotes::kMostDenials && of_one < AuditNotes::kMostDenialsOfOne;
}

}  // namespace

bool add_note(AuditNotes& notes, const AuditNote& note) noexcept {
    const bool first = !any_notes(notes);
    AuditNote* end = notes.notes + notes.count;
    AuditNote* same =
        std::find_if(notes.notes, end, [&](const AuditNote& other) { return !other.taken && is_same(other, note); });
    if (same != end) {
        same->times++;
        same->at = note.at;
    } else if (has_room(notes, note)) {
        notes.notes[notes.count++] = note;
    } else if (note.kind != NoteKind::key_used) {
        notes.lost++;
    }
    return first;
}

bool any_notes(const AuditNotes& notes) noexcept {
    return notes.count > 0 || notes.lost > 0;
}

void clear_notes(AuditNotes& notes) noexcept {
    notes.count = 0;
    notes.lost = notes.lost_taken = 0;
}

void take_notes(AuditNotes& notes, AuditNotes& copy) noexcept {
    for (int i = 0; i < notes.count; i++) notes.notes[i].taken = true;
    notes.lost_taken = notes.lost;
    copy = notes;
}

void release_taken(AuditNotes& notes) noexcept {
    AuditNote* end = std::remove_if(notes.notes, notes.notes + notes.count, [](const AuditNote& note) { return note.taken; });
    notes.count = static_cast<int>(end - notes.notes);
    notes.lost -= notes.lost_taken;
    notes.lost_taken = 0;
}

}  // namespace pulsimo::worker
