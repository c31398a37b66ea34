// What functions do with other rights than those of their caller: look something up for their own decision, or be
// carried out with the rights of the owner of the extension. In both cases the text that runs is fixed, fully qualified
// and ours.
//
// This instead of SECURITY DEFINER, which forgets who called: inside pulsimo.X_as_owner(), caller() is the effective
// user of whoever called pulsimo.X(), not the one at the bottom of the session, on whose behalf a function of somebody
// else may be calling.
#pragma once

#include <span>

#include "pg/postgres.hpp"

extern "C" {
#include "executor/spi.h"
}

namespace pulsimo::functions {

// The role whose rights count for what is being done: the effective user, or within pulsimo.X_as_owner() its caller.
// InvalidOid within maintenance of the server (autovacuum, REINDEX ...), where a superuser runs functions of others.
Oid caller() noexcept;

// For functions that only those of the extension call, with the rights of its owner. Somebody may have been granted
// EXECUTE on all functions of the schema. Raises 42501.
void require_owner(const char* function);

// One question with one answer, planned once a session. To be kept in a static: its plan is never freed.
class Lookup {
  public:
    // `types` of the parameters live as long.
    constexpr Lookup(const char* sql, std::span<const Oid> types) : sql_(sql), types_(types) {}

    // The first column of the first row, by value; `found` is false without a row or when it is NULL. Asked with the
    // rights of a superuser; sees what the statement that runs sees. For functions called by Postgres: raises as
    // Postgres does.
    Datum run(const Datum* arguments, bool& found);

  private:
    const char* sql_;
    std::span<const Oid> types_;
    SPIPlanPtr plan_ = nullptr;
};

}  // namespace pulsimo::functions
