// Short transactions of a background worker, and SPI inside them.
//
// StartTransactionCommand and CommitTransactionCommand leave CurrentMemoryContext at their own contexts; transaction()
// puts back the caller's, which must be long-lived.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pg/guard.hpp"

extern "C" {
#include "executor/spi.h"
}

namespace pulsimo::pg {

// Runs `body` in a transaction of its own with an active snapshot and SPI connected; `activity` is what
// pg_stat_activity shows meanwhile. When body throws, the transaction is aborted and the exception goes on.
void transaction(const char* activity, const std::function<void()>& body);

// A statement kept for the life of the session. Parameters are passed as Datums.
class Statement {
  public:
    Statement(const char* sql, std::vector<Oid> types) : sql_(sql), types_(std::move(types)) {}
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    // Inside transaction(). nulls may be empty: none. Returns the number of rows; they are in SPI_tuptable until the
    // next execution.
    std::uint64_t run(const std::vector<Datum>& values, const std::string& nulls = {});

  private:
    const char* sql_;
    std::vector<Oid> types_;
    SPIPlanPtr plan_ = nullptr;
};

// Columns of the current SPI result, 1-based. The text is copied.
std::int64_t column_int64(std::uint64_t row, int column);
bool column_bool(std::uint64_t row, int column);
std::string column_text(std::uint64_t row, int column);  // empty when NULL
std::vector<std::string> column_text_array(std::uint64_t row, int column);
std::vector<std::int64_t> column_int64_array(std::uint64_t row, int column);

// Builds in the current (per-transaction) memory context.
Datum text_datum(const std::string& text);
Datum int64_array_datum(const std::vector<std::int64_t>& values);

}  // namespace pulsimo::pg
