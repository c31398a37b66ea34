#include "engine/duration_text.hpp"

#include <algorithm>

namespace pulsimo::engine {

namespace {

std::string counted(std::int64_t count, const char* unit) {
    return std::to_string(count) + " " + unit + (count == 1 ? "" : "s");
}

}  // namespace

std::string duration_text(std::int64_t us) {
    const std::int64_t ms = us / 1000;
    if (ms < 1000) return std::to_string(ms) + " ms";
    std::string text = std::to_string(ms / 1000);
    if (ms % 1000 != 0) {
        const std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
        text += "." + fraction.substr(0, fraction.find_last_not_of('0') + 1);
    }
    return text + " s";
}

std::string days_text(std::int64_t seconds) {
    seconds = std::max<std::int64_t>(seconds, 0);
    if (seconds >= 86400) return counted(seconds / 86400, "day");
    if (seconds >= 3600) return counted(seconds / 3600, "hour");
    return counted(seconds / 60, "minute");
}

}  // namespace pulsimo::engine
