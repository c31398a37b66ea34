#include "worker/secret_keys.hpp"

#include "pg/guard.hpp"
#include "worker/settings.hpp"

namespace pulsimo::worker {

namespace {

[[noreturn]] void refuse(const char* message, const char* hint) {
    pg::Failure failure;
    failure.sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
    pg::copy_text(failure.message, message);
    pg::copy_text(failure.hint, hint);
    throw pg::PgError(failure);
}

}  // namespace

secrets::KeyRing secret_keys() {
    if (settings::secret_key_file[0] == '\0') {
        refuse("there is no key to seal secrets with",
               "Make a key outside of the data directory with (umask 077; openssl rand -hex 32 > FILE), owned by the "
               "server's user, and name the file in pulsimo.secret_key_file.");
    }
    try {
        return secrets::read_key_file(settings::secret_key_file);
    } catch (const secrets::KeyFileError& error) {
        refuse(error.what(), error.hint().c_str());
    }
}

secrets::SecretText open_sealed(const secrets::KeyRing& keys, std::string_view sealed, std::string_view context) {
    try {
        return secrets::open(keys, sealed, context);
    } catch (const secrets::SealError& error) {
        refuse(error.what(), "Store it again, or put the key that it was sealed with back into pulsimo.secret_key_file, behind the current one.");
    }
}

}  // namespace pulsimo::worker
