// The tripwire of the rooms engine, health and secrets: they know nothing of Postgres.
//
// Both builds put this file in front of every source file of these rooms (-include), so no file can forget it. It
// cannot be a last #include of their headers instead: the worker rooms include those headers after postgres.h. Words
// that the server's headers cannot do without become errors, wherever such a header comes in from.
#pragma once

#ifdef POSTGRES_H
#error "postgres.h comes before src/no_postgres.hpp: engine, health and secrets must not know Postgres"
#endif

#pragma GCC poison palloc pfree ereport elog Datum MemoryContext
