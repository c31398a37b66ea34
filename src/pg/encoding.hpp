// Between the database's encoding and UTF-8, which is what the engine speaks.
#pragma once

#include <string>

namespace pulsimo::pg {

// Text of the engine, fit for the database: as it is in a UTF-8 database, elsewhere with '?' for what is not ASCII. A
// conversion could fail on a character that the encoding does not have, and no result shall be lost over that.
std::string from_utf8(std::string text);

// Text of the database as UTF-8. Raises 22021 when it is not valid in the database's own encoding.
std::string to_utf8(const char* text);

}  // namespace pulsimo::pg
