#include <algorithm>

#include "pg/encoding.hpp"

#include "pg/guard.hpp"

namespace pulsimo::pg {

std::string from_utf8(std::string text) {
    if (GetDatabaseEncoding() == PG_UTF8) return text;
    std::replace_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) > 0x7e; }, '?');
    return text;
}

std::string to_utf8(const char* text) {
    return call([&] { return pg_server_to_any(text, static_cast<int>(strlen(text)), PG_UTF8); });
}

}  // namespace pulsimo::pg
