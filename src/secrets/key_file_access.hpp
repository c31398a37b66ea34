// Who may be able to read the key file: the rule that PostgreSQL has for ssl_key_file. It belongs to the server's user
// and to nobody else, or to root, who may lend it to a group for reading.
#pragma once

#include <sys/stat.h>

#include <string>

namespace pulsimo::secrets {

// Throws KeyFileError. `path` is for the message.
void check_access(const std::string& path, const struct stat& file, uid_t server_user);

}  // namespace pulsimo::secrets
