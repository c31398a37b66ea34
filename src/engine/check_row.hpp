// A check as a row for the binary format of COPY, which is how checks get into health_checks.
//
// Format: "Binary Format" on the page of COPY in PostgreSQL's manual: a signature, rows of length-prefixed fields in
// network byte order, an end. Enum values travel by their names.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "engine/result.hpp"

namespace pulsimo::engine {

struct Column {
    const char* name;
    const char* type;  // as the database writes it
};

// The columns of health_checks in the order of the fields of a row.
inline constexpr std::array kCheckColumns = {Column{"endpoint_id", "bigint"},
                                             Column{"checked_at", "timestamp with time zone"},
                                             Column{"status", "pulsimo.status"},
                                             Column{"response_us", "integer"},
                                             Column{"dns_us", "integer"},
                                             Column{"connect_us", "integer"},
                                             Column{"tls_us", "integer"},
                                             Column{"first_byte_us", "integer"},
                                             Column{"transfer_us", "integer"},
                                             Column{"http_status", "smallint"},
                                             Column{"error_class", "pulsimo.error_class"},
                                             Column{"error", "text"}};

// Before the first row, and after the last.
void begin_rows(std::string& out);
void end_rows(std::string& out);

// `status` is the verdict as the database calls it; `error` is the result's detail in the encoding of the database.
void append_row(std::string& out, const CheckResult& result, std::string_view status, std::string_view error);

}  // namespace pulsimo::engine
