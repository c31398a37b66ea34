#include "engine/file_limit.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace pulsimo::engine {

std::int64_t raise_open_file_limit(std::int64_t needed) noexcept {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    const auto wanted = std::min(static_cast<rlim_t>(std::max<std::int64_t>(needed, 0)), limit.rlim_max);
    if (wanted > limit.rlim_cur) {
        const rlim_t before = limit.rlim_cur;
        limit.rlim_cur = wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
    }
    return static_cast<std::int64_t>(std::min(limit.rlim_cur, static_cast<rlim_t>(INT64_MAX)));
}

}  // namespace pulsimo::engine
