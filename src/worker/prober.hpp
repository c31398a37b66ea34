// What a keeper tells the prober it starts; travels in bgw_extra.
#pragma once

#include <type_traits>

#include "pg/postgres.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
}

namespace pulsimo::worker {

struct ProberStart {
    int slot;      // of its database in Shared::slots
    int number;    // 0 to pulsimo.probers - 1
    dsm_handle channel;
};
static_assert(std::is_trivially_copyable_v<ProberStart> && sizeof(ProberStart) <= BGW_EXTRALEN);

inline constexpr const char* kProberEntryPoint = "pulsimo_prober_main";

}  // namespace pulsimo::worker
