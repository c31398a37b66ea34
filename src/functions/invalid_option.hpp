// What the engine refuses, as an error of SQL.
#pragma once

#include "engine/invalid_option.hpp"

#include "pg/encoding.hpp"

#include "pg/guard.hpp"

namespace pulsimo::functions {

// False, with the reason in `failure`, when `check` throws: 22023 for an InvalidOption, with `default_hint` if it has
// none.
template <class Check>
bool passes(const Check& check, const char* default_hint, pg::Failure& failure) noexcept {
    try {
        check();
        return true;
    } catch (const engine::InvalidOption& error) {
        failure.sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
        pg::copy_text(failure.message, pg::from_utf8(error.what()).c_str());
        pg::copy_text(failure.hint, pg::from_utf8(error.hint().empty() ? default_hint : error.hint()).c_str());
    } catch (...) {
        failure = pg::describe_current_exception();
    }
    return false;
}

}  // namespace pulsimo::functions
