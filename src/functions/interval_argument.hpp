// Intervals as arguments of SQL functions.
#pragma once

#include <cstdint>

#include "pg/postgres.hpp"

extern "C" {
#include "datatype/timestamp.h"
#include "utils/timestamp.h"
}

namespace pulsimo::functions {

// The microseconds of an argument. Raises 22023, with the argument's name and the hint, for more than a day (and so for
// infinity) and for less than `least_us`, which `least` puts in words.
inline std::int64_t interval_argument(const Interval* value, const char* name, std::int64_t least_us, const char* least,
                                      const char* hint) {
    // As double, because the sum of what the three fields can hold does not fit into 64 bits. Years and months are as
    // long as extract(epoch) has them, which the constraints of pulsimo.endpoints go by.
    const double days = value->day + DAYS_PER_YEAR * (value->month / MONTHS_PER_YEAR) +
                        static_cast<double>(DAYS_PER_MONTH) * (value->month % MONTHS_PER_YEAR);
    const double total_us = static_cast<double>(value->time) + static_cast<double>(USECS_PER_DAY) * days;
    if (total_us < static_cast<double>(least_us) || total_us > static_cast<double>(USECS_PER_DAY)) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be between %s and 1 day", name, least),
                        errhint("%s", hint)));
    }
    return static_cast<std::int64_t>(total_us);  // exact: a day is less than 2^53 microseconds
}

}  // namespace pulsimo::functions
