// The settings pulsimo.*, as the server last read them. docs/reference.md lists them with their meaning.
//
// Here and not in src/pg, because the check hooks ask the engine whether a list of networks makes sense.
#pragma once

#include "engine/engine.hpp"

namespace pulsimo::worker::settings {

inline constexpr int kMaxProbers = 8;

extern int probers;
extern int max_databases;
extern int max_running_probes;
extern int max_running_per_host;
extern int batch_delay_ms;
extern int batch_size;
extern int max_pending_results;
extern int late_limit_ms;
extern int check_retention_minutes;
extern int password_memory_kb;
extern int password_rounds;
extern int password_length;
extern int sign_in_attempts;
extern int sign_in_window_s;
extern int session_life_minutes;
extern bool session_sliding;
extern int audit_retention_minutes;
extern char* secret_key_file;
extern char* blocked_networks;
extern char* allowed_networks;

// Once, from _PG_init.
void define();

engine::EngineSettings for_engine();

}  // namespace pulsimo::worker::settings
