// The answer of pulsimo.has_permission() for C++: an action of the matrix and the id of its object.
#pragma once

#include <cstdint>

#include "pg/postgres.hpp"

namespace pulsimo::functions {

// Raises 22023 for an action that the matrix does not know.
bool has_permission(const text* action, std::int64_t object);

}  // namespace pulsimo::functions
