// Statements that carry a secret, a password or a token do not belong into the log of the server, whatever it is told to
// log: log_statement, log_min_duration_statement, auto_explain, the statement and the context of an error.
//
// They are told by the functions that take such things, named in the text. What is wrapped into functions of an
// application, executed by the name of a prepared statement (EXECUTE p('secret')) or misspelled is not recognized.
#pragma once

namespace pulsimo::worker {

// What is shown in place of such a statement.
inline constexpr char kHiddenStatement[] = "<a statement of pulsimo with a secret in it>";

// Once, from _PG_init of the preloaded library.
void redact_log();

}  // namespace pulsimo::worker
