#include "pg/transaction.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/backend_status.h"
}

namespace pulsimo::pg {

namespace {

void begin(const char* activity) {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    SPI_connect();
    PushActiveSnapshot(GetTransactionSnapshot());
    debug_query_string = activity;
    pgstat_report_activity(STATE_RUNNING, activity);
}

void go_idle() {
    debug_query_string = nullptr;
    pgstat_report_activity(STATE_IDLE, nullptr);
}

void commit() {
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
    pgstat_report_stat(true);
    go_idle();
}

void abort_transaction() {
    AbortCurrentTransaction();
    go_idle();
}

// Detoasted elements of a one-dimensional array without NULLs.
struct Elements {
    Datum* values = nullptr;
    int count = 0;
};

Elements array_elements(std::uint64_t row, int column, Oid type, int16 length, bool by_value, char align) {
    return call([&] {
        Elements elements;
        bool is_null = false;
        Datum array = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null);
        if (!is_null) {
            deconstruct_array(DatumGetArrayTypeP(array), type, length, by_value, align, &elements.values, nullptr,
                              &elements.count);
        }
        return elements;
    });
}

Datum column_datum(std::uint64_t row, int column) {
    return call([&] {
        bool is_null = false;
        Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &is_null);
        return is_null ? Datum(0) : value;
    });
}

}  // namespace

void transaction(const char* activity, const std::function<void()>& body) {
    MemoryContext caller = CurrentMemoryContext;
    try {
        call([&] { begin(activity); });
        body();
        // commit() ends the context that is current now; an error in it needs one that lives on.
        MemoryContextSwitchTo(caller);
        call([] { commit(); });
    } catch (...) {
        MemoryContextSwitchTo(caller);
        call([] { abort_transaction(); });
        MemoryContextSwitchTo(caller);
        throw;
    }
    MemoryContextSwitchTo(caller);
}

std::uint64_t Statement::run(const std::vector<Datum>& values, const std::string& nulls) {
    const Datum* datums = values.data();
    const char* null_flags = nulls.empty() ? nullptr : nulls.c_str();
    return call([&] {
        if (plan_ == nullptr) {
            SPIPlanPtr plan = SPI_prepare(sql_, static_cast<int>(types_.size()), types_.data());
            if (plan == nullptr) {
                elog(ERROR, "could not prepare \"%s\": %s", sql_, SPI_result_code_string(SPI_result));
            }
            SPI_keepplan(plan);
            plan_ = plan;
        }
        int code = SPI_execute_plan(plan_, const_cast<Datum*>(datums), null_flags, false, 0);
        if (code < 0) elog(ERROR, "could not run \"%s\": %s", sql_, SPI_result_code_string(code));
        return static_cast<std::uint64_t>(SPI_processed);
    });
}

std::int64_t column_int64(std::uint64_t row, int column) { return DatumGetInt64(column_datum(row, column)); }

bool column_bool(std::uint64_t row, int column) { return DatumGetBool(column_datum(row, column)); }

std::string column_text(std::uint64_t row, int column) {
    const char* text =
        call([&] { return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column); });
    return text == nullptr ? std::string() : std::string(text);
}

std::vector<std::string> column_text_array(std::uint64_t row, int column) {
    Elements elements = array_elements(row, column, TEXTOID, -1, false, TYPALIGN_INT);
    std::vector<std::string> texts;
    for (int i = 0; i < elements.count; i++) {
        texts.emplace_back(call([&] { return TextDatumGetCString(elements.values[i]); }));
    }
    return texts;
}

std::vector<std::int64_t> column_int64_array(std::uint64_t row, int column) {
    Elements elements = array_elements(row, column, INT8OID, 8, true, TYPALIGN_DOUBLE);
    std::vector<std::int64_t> numbers;
    for (int i = 0; i < elements.count; i++) numbers.push_back(DatumGetInt64(elements.values[i]));
    return numbers;
}

Datum text_datum(const std::string& text) {
    return call([&] { return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size()))); });
}

Datum int64_array_datum(const std::vector<std::int64_t>& values) {
    return call([&] {
        auto* datums = static_cast<Datum*>(palloc(sizeof(Datum) * (values.size() + 1)));
        for (std::size_t i = 0; i < values.size(); i++) datums[i] = Int64GetDatum(values[i]);
        return PointerGetDatum(construct_array(datums, static_cast<int>(values.size()), INT8OID, 8, true, TYPALIGN_DOUBLE));
    });
}

}  // namespace pulsimo::pg
