#include "engine/cron_parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string>
#include <vector>

#include "engine/cron.hpp"
#include "engine/invalid_option.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {

namespace {

constexpr std::size_t kQuoted = 40;  // bytes of the user's text in a message

constexpr const char* kHint =
    "Write minute, hour, day of month, month and day of week, for example \"*/5 9-17 * * mon-fri\", or one of @hourly, "
    "@daily, @weekly, @monthly and @yearly.";

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
    const char* name;
    int least;
    int most;
    std::span<const std::string_view> words{};  // names of the values from `least` on
};

constexpr Field kMinute{"minute", 0, 59};
constexpr Field kHour{"hour", 0, 23};
constexpr Field kDay{"day of month", 1, 31};
constexpr Field kMonth{"month", 1, 12, kMonths};
constexpr Field kWeekday{"day of week", 0, 7, kWeekdays};

[[noreturn]] void refuse(const Field& field, std::string_view part, const std::string& why) {
    throw InvalidOption("cron: " + std::string(field.name) + " " + in_quotes(part, kQuoted) + " " + why, kHint);
}

std::string values_of(const Field& field) {
    return std::to_string(field.least) + " to " + std::to_string(field.most);
}

int parse_value(const Field& field, std::string_view text) {
    for (std::size_t i = 0; i < field.words.size(); ++i) {
        if (equals_ignoring_case(text, field.words[i])) return field.least + static_cast<int>(i);
    }
    int value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    if (!whole || value < field.least || value > field.most) {
        const std::string name = field.words.empty() ? "" : " or a name like " + std::string(field.words[1]);
        refuse(field, text, "must be from " + values_of(field) + name);
    }
    return value;
}

int parse_step(const Field& field, std::string_view item, std::string_view text) {
    int step = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    if (!whole || step < 1 || step > field.most) {
        refuse(field, item, "must have a step from 1 to " + std::to_string(field.most));
    }
    return step;
}

// "*", "5", "1-5", "sat-sun", each of the ranges perhaps with "/2".
std::uint64_t parse_item(const Field& field, std::string_view item) {
    const auto slash = item.find('/');
    const std::string_view range = item.substr(0, slash);
    const auto dash = range.find('-');
    int first = field.least;
    int last = field.most;
    if (range != "*") {
        first = parse_value(field, range.substr(0, dash));
        last = dash == std::string_view::npos ? first : parse_value(field, range.substr(dash + 1));
        if (slash != std::string_view::npos && dash == std::string_view::npos) {
            refuse(field, item, "must have a range before the step");
        }
        if (&field == &kWeekday && last == 0 && first > 0) last = 7;  // Sunday ends the week
        if (last < first) refuse(field, item, "must have the smaller end of the range first");
    }
    const int step = slash == std::string_view::npos ? 1 : parse_step(field, item, item.substr(slash + 1));
    std::uint64_t values = 0;
    for (int value = first; value <= last; value += step) values |= std::uint64_t{1} << value;
    return values;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators, bool keep_empty) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto end = text.find_first_of(separators);
        const std::string_view part = text.substr(0, end);
        if (keep_empty || !part.empty()) parts.push_back(part);
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::uint64_t parse_field(const Field& field, std::string_view text) {
    std::uint64_t values = 0;
    for (const std::string_view item : split(text, ",", true)) values |= parse_item(field, item);
    return values;
}

void parse_days(std::string_view text, CronFields& fields) {
    fields.any_day = text.starts_with('*');
    for (const std::string_view item : split(text, ",", true)) {
        if (equals_ignoring_case(item, "L")) {
            fields.last_day = true;
        } else {
            fields.days |= parse_item(kDay, item);
        }
    }
}

void parse_weekdays(std::string_view text, CronFields& fields) {
    constexpr std::uint64_t kSeven = 1 << 7;
    fields.any_weekday = text.starts_with('*');
    fields.weekdays = parse_field(kWeekday, text);
    if ((fields.weekdays & kSeven) != 0) fields.weekdays = (fields.weekdays & ~kSeven) | 1;
}

std::string_view without_macro(std::string_view word) {
    constexpr std::pair<std::string_view, std::string_view> kMacros[] = {
        {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
        {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}};
    for (const auto& [macro, meaning] : kMacros) {
        if (equals_ignoring_case(word, macro)) return meaning;
    }
    throw InvalidOption("cron: " + in_quotes(word, kQuoted) + " is not known", kHint);
}

}  // namespace

CronFields parse_cron(std::string_view text) {
    if (text.size() > Cron::kMaxLength) {
        throw InvalidOption("cron must have at most " + std::to_string(Cron::kMaxLength) + " bytes", kHint);
    }
    std::vector<std::string_view> words = split(text, " \t", false);
    if (words.size() == 1 && words[0].starts_with('@')) words = split(without_macro(words[0]), " ", false);
    if (words.size() != 5) {
        throw InvalidOption("cron must have 5 fields, not " + std::to_string(words.size()), kHint);
    }
    CronFields fields;
    fields.minutes = parse_field(kMinute, words[0]);
    fields.hours = parse_field(kHour, words[1]);
    parse_days(words[2], fields);
    fields.months = parse_field(kMonth, words[3]);
    parse_weekdays(words[4], fields);
    return fields;
}

}  // namespace pulsimo::engine
