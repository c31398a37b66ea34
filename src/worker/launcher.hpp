#pragma once

namespace pulsimo::worker {

inline constexpr const char* kKeeperEntryPoint = "pulsimo_keeper_main";

// From _PG_init, while the server preloads libraries.
void register_launcher();

}  // namespace pulsimo::worker
