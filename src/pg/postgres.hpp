// The server's headers, made fit for C++. Include after every standard header: postgres.h turns ordinary words
// (LOG, ERROR, Min, snprintf) into macros.
#pragma once

#include "pg_config.h"

// Before version 16 the server marks nothing as exported on Linux, and -fvisibility=hidden would hide what it must find.
#if PG_VERSION_NUM < 160000
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

extern "C" {
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/elog.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
}

// gettext's macros would turn every `_` into a function call.
#undef _
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext

#define PULSIMO_EXPORT extern "C" PGDLLEXPORT
