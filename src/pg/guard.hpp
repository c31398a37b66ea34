// The two crossings between Postgres errors and C++ exceptions; there are no others.
//
//   call(f)   C++ -> Postgres: runs f; an ERROR raised inside comes out as a PgError.
//   entry(f)  Postgres -> C++: the body of every function that Postgres calls; an exception becomes an ERROR.
//
// ereport(ERROR) longjmps past destructors, and an exception that reaches a C frame ends the process (and with it,
// every session of the cluster). So:
//  - the callable given to call() owns nothing with a destructor: references and plain values only;
//  - after a PgError the (sub)transaction must be aborted or the error raised on; only then may Postgres be called;
//  - raise() happens when no C++ object with a destructor is alive.
// SQLSTATE, detail and hint survive both ways.
#pragma once

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "pg/postgres.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace pulsimo::pg {

// An error on its way; plain memory, so that it may be alive when we longjmp.
struct Failure {
    int sqlstate = ERRCODE_INTERNAL_ERROR;
    char message[1024] = {};
    char detail[1024] = {};
    char hint[512] = {};
};
static_assert(std::is_trivially_destructible_v<Failure>);

// Copies text in the server's encoding, cut at a character if it is too long.
template <std::size_t N>
void copy_text(char (&to)[N], const char* from) noexcept {
    const auto length = static_cast<std::size_t>(pg_mbcliplen(from, static_cast<int>(strlen(from)), N - 1));
    memcpy(to, from, length);
    to[length] = '\0';
}

// A Postgres ERROR travelling as a C++ exception.
class PgError final : public std::exception {
  public:
    explicit PgError(const Failure& failure) noexcept : failure_(failure) {}
    const Failure& failure() const noexcept { return failure_; }
    const char* what() const noexcept override { return failure_.message; }

  private:
    Failure failure_;
};

// Copies the error on Postgres' error stack into plain memory and clears it.
Failure take_current_error();

// Describes the exception being handled; call inside a catch block.
Failure describe_current_exception() noexcept;

[[noreturn]] void raise(const Failure& failure);

// PG_exception_stack must never point at a frame that is gone.
class StackGuard {
  public:
    StackGuard() = default;
    StackGuard(const StackGuard&) = delete;
    StackGuard& operator=(const StackGuard&) = delete;
    ~StackGuard() {
        PG_exception_stack = exception_stack_;
        error_context_stack = context_stack_;
    }

  private:
    sigjmp_buf* exception_stack_ = PG_exception_stack;
    ErrorContextCallback* context_stack_ = error_context_stack;
};

template <class F>
auto call(F&& f) -> std::invoke_result_t<F> {
    static_assert(std::is_trivially_destructible_v<std::remove_reference_t<F>>);
    MemoryContext context = CurrentMemoryContext;
    {
        StackGuard guard;
        sigjmp_buf landing;
        if (sigsetjmp(landing, 0) == 0) {
            PG_exception_stack = &landing;
            return std::forward<F>(f)();
        }
    }
    MemoryContextSwitchTo(context);
    throw PgError(take_current_error());
}

template <class F>
Datum entry(F&& f) {
    Failure failure;
    try {
        return std::forward<F>(f)();
    } catch (...) {
        failure = describe_current_exception();
    }
    raise(failure);
}

}  // namespace pulsimo::pg
