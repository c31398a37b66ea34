#include "pg/guard.hpp"

#include <cstring>
#include <new>

namespace pulsimo::pg {

namespace {

template <std::size_t N>
void copy(char (&to)[N], const char* from) noexcept {
    if (from != nullptr) copy_text(to, from);
}

}  // namespace

Failure take_current_error() {
    Failure failure;
    ErrorData* error = CopyErrorData();
    FlushErrorState();
    failure.sqlstate = error->sqlerrcode;
    copy(failure.message, error->message);
    copy(failure.detail, error->detail);
    copy(failure.hint, error->hint);
    FreeErrorData(error);
    return failure;
}

Failure describe_current_exception() noexcept {
    Failure failure;
    try {
        throw;
    } catch (const PgError& error) {
        return error.failure();
    } catch (const std::bad_alloc&) {
        failure.sqlstate = ERRCODE_OUT_OF_MEMORY;
        copy(failure.message, "out of memory");
    } catch (const std::exception& error) {
        failure.sqlstate = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
        copy(failure.message, error.what());
    } catch (...) {
        copy(failure.message, "unrecognized C++ exception");
    }
    return failure;
}

void raise(const Failure& failure) {
    ereport(ERROR, (errcode(failure.sqlstate), errmsg("%s", failure.message),
                    failure.detail[0] != '\0' ? errdetail("%s", failure.detail) : 0,
                    failure.hint[0] != '\0' ? errhint("%s", failure.hint) : 0));
    pg_unreachable();
}

}  // namespace pulsimo::pg
