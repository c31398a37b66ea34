#include "health/history.hpp"

#include <bit>

namespace pulsimo::health {

void FlapHistory::add(bool failed) noexcept {
    constexpr std::uint32_t kFull = 1U << kLength;
    const bool was_full = complete();
    bits_ = bits_ << 1 | (failed ? 1U : 0U);
    if (was_full) bits_ = (bits_ & (kFull - 1)) | kFull;
}

int FlapHistory::differing() const noexcept {
    constexpr std::uint32_t kPairs = (1U << (kLength - 1)) - 1;
    return std::popcount((bits_ ^ bits_ >> 1) & kPairs);
}

void FailureWindow::add(bool failed, std::int64_t at_us, int length, int threshold) {
    if (bits_ == 0 && !failed) return;
    bits_ = (bits_ << 1 | (failed ? 1U : 0U)) & (0xFFFFFFFFU >> (32 - length));
    if (failed) failed_at_us_.push_back(at_us);
    const auto gone = failed_at_us_.size() - static_cast<std::size_t>(std::popcount(bits_));
    failed_at_us_.erase(failed_at_us_.begin(), failed_at_us_.begin() + static_cast<std::ptrdiff_t>(gone));
    if (failures() < threshold) {
        outage_began_us_ = 0;
    } else if (outage_began_us_ == 0) {
        outage_began_us_ = failed_at_us_.front();
    }
}

}  // namespace pulsimo::health
