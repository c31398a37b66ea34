// Intervals as results of SQL functions.
#pragma once

#include <cstdint>

#include "pg/postgres.hpp"

extern "C" {
#include "datatype/timestamp.h"
#include "utils/timestamp.h"
}

namespace pulsimo::functions {

inline Datum interval_datum(std::int64_t us) {
    auto* interval = static_cast<Interval*>(palloc0(sizeof(Interval)));
    interval->time = us;
    return IntervalPGetDatum(interval);
}

}  // namespace pulsimo::functions
