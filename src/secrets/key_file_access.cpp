#include "secrets/key_file_access.hpp"

#include "secrets/key_file.hpp"

namespace pulsimo::secrets {

void check_access(const std::string& path, const struct stat& file, uid_t server_user) {
    const std::string name = "key file \"" + path + "\"";
    if (!S_ISREG(file.st_mode)) {
        throw KeyFileError(name + " is not a regular file", "Name a file that holds one key a line.");
    }
    const bool is_roots = file.st_uid == 0;
    if (!is_roots && file.st_uid != server_user) {
        throw KeyFileError(name + " belongs to another user",
                           "Make it belong to the user that runs the server, or to root: chown.");
    }
    const mode_t forbidden = is_roots ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
    if ((file.st_mode & forbidden) != 0) {
        throw KeyFileError(name + " can be read or written by others",
                           "Take that away with chmod 600, or with chmod 640 when it belongs to root.");
    }
}

}  // namespace pulsimo::secrets
