// The server's headers, made fit for C++. Include after every standard header: postgres.h turns ordinary words
// (LOG, ERROR, Min, snprintf) into macros.
#pragma once

extern "C" {
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/elog.h"
}

// gettext's macros would turn every `_` into a function call.
#undef _
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext

// On version 15 PGDLLEXPORT is empty on Linux, and -fvisibility=hidden would hide what the server must find.
#define PULSIMO_EXPORT extern "C" __attribute__((visibility("default")))
