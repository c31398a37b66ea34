// The key file of the setting pulsimo.secret_key_file, as sessions that seal and keepers that open use it. Read anew each
// time: that is rare, and a key that is taken out of the file must be good for nothing from then on.
#pragma once

#include <string_view>

#include "secrets/key_file.hpp"
#include "secrets/sealing.hpp"

namespace pulsimo::worker {

// Both throw pg::PgError with SQLSTATE 55000 and a hint.
secrets::KeyRing secret_keys();
secrets::SecretText open_sealed(const secrets::KeyRing& keys, std::string_view sealed, std::string_view context);

}  // namespace pulsimo::worker
