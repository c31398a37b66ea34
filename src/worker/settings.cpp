#include "worker/settings.hpp"

#include <string>

#include "engine/address_policy.hpp"
#include "engine/invalid_option.hpp"
#include "worker/sign_in_attempts.hpp"
#include "pg/guard.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace pulsimo::worker::settings {

int probers = 1;
int max_databases = 16;
int max_running_probes = 1000;
int max_running_per_host = 50;
int batch_delay_ms = 200;
int batch_size = 1000;
int max_pending_results = 100000;
int late_limit_ms = 1000;
int check_retention_minutes = 30 * 24 * 60;
int password_memory_kb = 65536;
int password_rounds = 2;
int password_length = 12;
int sign_in_attempts = 5;
int sign_in_window_s = 15 * 60;
int session_life_minutes = 24 * 60;
bool session_sliding = false;
int audit_retention_minutes = 2 * 365 * 24 * 60;
char* secret_key_file = nullptr;
char* blocked_networks = nullptr;
char* allowed_networks = nullptr;

namespace {

constexpr int kMostRetentionMinutes = 100 * 365 * 24 * 60;

// Boot values of GUC strings must be literals that live as long as the server.
const std::string kBlockedDefault(engine::kDefaultBlockedNetworks);

// Says what is wrong with a list of networks; false with an empty message when memory ran out.
bool networks_are_valid(const char* text, char (&why)[256]) noexcept {
    try {
        engine::parse_networks(text);
        return true;
    } catch (const std::exception& error) {
        strlcpy(why, error.what(), sizeof why);
        return false;
    }
}

bool check_networks(char** value, void** /*extra*/, GucSource /*source*/) {
    char why[256] = {};
    if (*value == nullptr || networks_are_valid(*value, why)) return true;
    GUC_check_errdetail("%s", why);
    return false;
}

// It sizes shared memory, so a session that loads the library by itself cannot have it: that would be fatal.
void define_max_databases() {
    DefineCustomIntVariable("pulsimo.max_databases", "Databases of this cluster that can be monitored.",
                            "Sizes a small area of shared memory.", &max_databases, 16, 1, 1000, PGC_POSTMASTER, 0,
                            nullptr, nullptr, nullptr);
}

void define_sizes() {
    DefineCustomIntVariable("pulsimo.probers", "Prober processes of each monitored database.",
                            "Each takes one of max_worker_processes.", &probers, 1, 1, kMaxProbers, PGC_SIGHUP, 0,
                            nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pulsimo.max_running_probes", "Checks that one prober runs at the same time.",
                            "Further checks wait for a place; one that waits longer than pulsimo.late_limit is skipped.",
                            &max_running_probes, 1000, 1, 100000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pulsimo.max_running_per_host",
                            "Checks that one prober runs at the same time against one host and port.", nullptr,
                            &max_running_per_host, 50, 1, 100000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pulsimo.batch_size", "Most results written in one transaction.", nullptr, &batch_size, 1000,
                            1, 100000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pulsimo.max_pending_results",
                            "Results that wait in memory while the database cannot be written.",
                            "With so many waiting no further check is started until there is room; what was not "
                            "checked counts as unknown.",
                            &max_pending_results, 100000, 10, 10000000, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

void define_times() {
    DefineCustomIntVariable("pulsimo.batch_delay", "Longest time a result waits for others before it is written.",
                            "A failure, the first success after one, and a check that somebody waits for are "
                            "written at once, and what waits with them.", &batch_delay_ms, 200, 0, 1000,
                            PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pulsimo.late_limit", "How late our own work may be before it spoils a check.",
                            "A check that cannot start within this time is skipped. When our loop was later than "
                            "this during a check, a lack of answer counts as unknown, and a slow response as up.",
                            &late_limit_ms, 1000, 10, 60000, PGC_SIGHUP, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pulsimo.check_retention", "How long check results are kept.",
                            "Whole days are dropped once all of a day is older. Three days are always kept; 0 keeps "
                            "all forever.",
                            &check_retention_minutes, 30 * 24 * 60, 0, kMostRetentionMinutes, PGC_SIGHUP, GUC_UNIT_MIN, nullptr,
                            nullptr, nullptr);
}

// The least of memory and rounds is what libsodium has for interactive use.
void define_passwords() {
    DefineCustomIntVariable("pulsimo.password_memory", "Memory that hashing a password takes.",
                            "Argon2id. More makes guessing dearer; each sign-in takes it for a moment. Holds for "
                            "passwords that are set from now on.",
                            &password_memory_kb, 65536, 65536, 4194303, PGC_SIGHUP, GUC_UNIT_KB, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("pulsimo.password_rounds", "Passes over that memory.", nullptr, &password_rounds, 2, 2, 1000,
                            PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pulsimo.password_length", "Fewest characters of a password.", nullptr, &password_length, 12,
                            8, 128, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

void define_sign_in() {
    DefineCustomIntVariable("pulsimo.sign_in_attempts",
                            "Attempts to sign in with one address within pulsimo.sign_in_window that may fail.",
                            "Further ones are refused until the first of them is older than that.", &sign_in_attempts, 5,
                            1, SignInAttempts::kMostRemembered, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pulsimo.sign_in_window", "How long a failed attempt to sign in counts.", nullptr,
                            &sign_in_window_s, 15 * 60, 1, 7 * 24 * 60 * 60, PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr,
                            nullptr);
    DefineCustomIntVariable("pulsimo.session_life", "How long a session lasts.", nullptr, &session_life_minutes, 24 * 60,
                            1, 365 * 24 * 60, PGC_SIGHUP, GUC_UNIT_MIN, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("pulsimo.session_sliding", "Whether use makes a session last longer.",
                             "If on, a session ends when it was not used for pulsimo.session_life.", &session_sliding,
                             false, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

void define_secrets() {
    DefineCustomStringVariable("pulsimo.secret_key_file", "File with the key that secrets are sealed with.",
                               "32 random bytes as 64 hexadecimal digits, a key a line, the current one first. Belongs "
                               "to the server's user, or root, and nobody else may read it.",
                               &secret_key_file, "", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("pulsimo.audit_retention", "How long entries of the audit log are kept.", "0 keeps all forever.",
                            &audit_retention_minutes, 2 * 365 * 24 * 60, 0, kMostRetentionMinutes, PGC_SIGHUP,
                            GUC_UNIT_MIN, nullptr, nullptr, nullptr);
}

void define_networks() {
    DefineCustomStringVariable("pulsimo.blocked_networks", "Networks that are never probed.",
                               "Addresses in CIDR form, separated by commas. Decided on the address that a name "
                               "resolves to, at every redirect again.",
                               &blocked_networks, kBlockedDefault.c_str(), PGC_SIGHUP, GUC_LIST_INPUT, check_networks,
                               nullptr, nullptr);
    DefineCustomStringVariable("pulsimo.allowed_networks", "Exceptions to pulsimo.blocked_networks.",
                               "Addresses in CIDR form, separated by commas.", &allowed_networks, "", PGC_SIGHUP,
                               GUC_LIST_INPUT, check_networks, nullptr, nullptr);
}

}  // namespace

void define() {
    if (process_shared_preload_libraries_in_progress) define_max_databases();
    define_sizes();
    define_times();
    define_passwords();
    define_sign_in();
    define_secrets();
    define_networks();
    MarkGUCPrefixReserved("pulsimo");
}

engine::EngineSettings for_engine() {
    engine::EngineSettings settings;
    settings.max_running = max_running_probes;
    settings.max_running_per_host = max_running_per_host;
    settings.late_limit_us = std::int64_t{late_limit_ms} * 1000;
    settings.addresses.blocked = engine::parse_networks(blocked_networks);
    settings.addresses.allowed = engine::parse_networks(allowed_networks);
    return settings;
}

}  // namespace pulsimo::worker::settings
