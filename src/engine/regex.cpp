#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/regex.hpp"

#include <pcre2.h>
#include <time.h>

#include <cstdint>
#include <new>
#include <stdexcept>
#include <utility>

#include "engine/freer.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {
namespace {

constexpr std::size_t kMaxPattern = 4096;
constexpr std::int64_t kMaxCallouts = 2'000'000;       // some 100 ms
constexpr std::int64_t kMaxCpuNs = 200'000'000;        // when single steps are long
constexpr std::int64_t kCalloutsPerClockReading = 16;  // a reading costs as much as a few callouts
constexpr std::uint32_t kMaxMatchSteps = 10'000'000;
constexpr std::uint32_t kMaxDepth = 250'000;
constexpr std::uint32_t kMaxHeapKib = 16 * 1024;

// UTF-8 throughout. \C would split characters.
constexpr std::uint32_t kCompileOptions =
    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;

using MatchContext = std::unique_ptr<pcre2_match_context, Freer<pcre2_match_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Freer<pcre2_match_data_free>>;

// CPU time, not wall-clock time: a busy machine is not the pattern's fault.
std::int64_t cpu_ns() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

struct Budget {
    std::int64_t callouts = 0;
    std::int64_t began_ns = cpu_ns();

    bool spent() noexcept {
        if (++callouts > kMaxCallouts) return true;
        return callouts % kCalloutsPerClockReading == 0 && cpu_ns() - began_ns > kMaxCpuNs;
    }
};

int on_callout(pcre2_callout_block*, void* budget) noexcept {
    return static_cast<Budget*>(budget)->spent() ? PCRE2_ERROR_CALLOUT : 0;
}

MatchContext limited_context(Budget& budget) {
    MatchContext context(pcre2_match_context_create(nullptr));
    if (!context) throw std::bad_alloc();
    pcre2_set_match_limit(context.get(), kMaxMatchSteps);
    pcre2_set_depth_limit(context.get(), kMaxDepth);
    pcre2_set_heap_limit(context.get(), kMaxHeapKib);
    pcre2_set_callout(context.get(), on_callout, &budget);
    return context;
}

std::string error_message(int error) {
    PCRE2_UCHAR buffer[128];
    pcre2_get_error_message(error, buffer, sizeof buffer);
    return reinterpret_cast<const char*>(buffer);
}

PCRE2_SPTR bytes(std::string_view text) {
    return reinterpret_cast<PCRE2_SPTR>(text.data());
}

}  // namespace

void Regex::FreeCode::operator()(pcre2_real_code_8* code) const noexcept {
    pcre2_code_free(code);
}

Regex::Regex(std::string pattern) : pattern_(std::move(pattern)) {
    if (pattern_.size() > kMaxPattern) throw std::invalid_argument("longer than 4096 bytes");
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_.reset(pcre2_compile(bytes(pattern_), pattern_.size(), kCompileOptions, &error, &offset, nullptr));
    if (!code_) {
        throw std::invalid_argument(error_message(error) + " at character " +
                                    std::to_string(character_number(pattern_, offset)));
    }
}

Regex::Answer Regex::search(std::string_view text) const {
    if (text.data() == nullptr) text = "";  // which PCRE2 before 10.40 does not take
    Budget budget;
    const MatchContext context = limited_context(budget);
    const MatchData data(pcre2_match_data_create(1, nullptr));
    if (!data) throw std::bad_alloc();
    const int result = pcre2_match(code_.get(), bytes(text), text.size(), 0, 0, data.get(), context.get());
    if (result == PCRE2_ERROR_NOMATCH) return Answer::no_match;
    return result >= 0 ? Answer::match : Answer::gave_up;
}

}  // namespace pulsimo::engine
