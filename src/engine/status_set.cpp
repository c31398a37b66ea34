#include "engine/status_set.hpp"

#include <algorithm>
#include <charconv>

#include "engine/invalid_option.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {
namespace {

using Range = std::pair<int, int>;

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// 0 when the text is no status code.
int parse_code(std::string_view text) {
    int code = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && code >= 100 && code <= 999 ? code : 0;
}

Range parse_range(std::string_view word) {
    const auto dash = word.find('-');
    const int first = parse_code(trimmed(word.substr(0, dash)));
    const int last = dash == std::string_view::npos ? first : parse_code(trimmed(word.substr(dash + 1)));
    if (first == 0 || last < first) {
        throw InvalidOption("\"" + safe_text(word, 40) + "\" is neither a status code nor a range of them",
                            "Write codes from 100 to 999 and ranges, for example \"200-299,304\".");
    }
    return {first, last};
}

std::vector<Range> merged(std::vector<Range> ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<Range> result;
    for (const Range& range : ranges) {
        if (!result.empty() && range.first <= result.back().second + 1) {
            result.back().second = std::max(result.back().second, range.second);
        } else {
            result.push_back(range);
        }
    }
    return result;
}

std::string written(const std::vector<Range>& ranges) {
    std::string text;
    for (const auto& [first, last] : ranges) {
        if (!text.empty()) text += ',';
        text += std::to_string(first);
        if (last != first) text += '-' + std::to_string(last);
    }
    return text;
}

}  // namespace

StatusSet::StatusSet() : ranges_{{200, 299}}, text_(written(ranges_)) {}

StatusSet::StatusSet(std::string_view text) {
    while (true) {
        const auto comma = text.find(',');
        ranges_.push_back(parse_range(trimmed(text.substr(0, comma))));
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    ranges_ = merged(std::move(ranges_));
    text_ = written(ranges_);
}

bool StatusSet::contains(int status) const noexcept {
    return std::any_of(ranges_.begin(), ranges_.end(),
                       [status](const Range& range) { return status >= range.first && status <= range.second; });
}

const std::string& StatusSet::text() const noexcept {
    return text_;
}

}  // namespace pulsimo::engine
