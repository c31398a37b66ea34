// What functions note for the audit log, whatever becomes of their transaction.
#pragma once

#include "pg/postgres.hpp"
#include "worker/audit_notes.hpp"

namespace pulsimo::functions {

// `who` is as whom somebody tried to sign in; may be nullptr. Does nothing without shared memory or on a standby.
void note_sign_in_trouble(worker::NoteKind kind, const char* action, const char* who);

}  // namespace pulsimo::functions
