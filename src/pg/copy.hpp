// Many rows into a table at once, by the server's COPY: cheaper than INSERT, which puts each row on its page by itself.
#pragma once

#include <span>
#include <string>

#include "pg/postgres.hpp"

namespace pulsimo::pg {

struct CopyColumn {
    const char* name;
    const char* type;  // as format_type() writes it
};

// Inside transaction(). `rows` is a whole file of the binary format of COPY, with fields for `columns`. Constraints,
// triggers and partitions are those of the table; policies and privileges are not asked, so it is for workers only, and
// rules are not applied. Raises 55000 when a column has another type, since the bytes would mean something else; else what
// COPY raises. Then nothing is written.
void copy_into(const char* schema, const char* table, std::span<const CopyColumn> columns, const std::string& rows);

}  // namespace pulsimo::pg
