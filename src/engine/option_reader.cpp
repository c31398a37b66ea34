#include "engine/option_reader.hpp"

#include <numeric>

#include "engine/invalid_option.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {
namespace {

// How many letters have to be added, dropped or changed to make one word of the other (Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

std::string hint_for(std::string_view name, const std::vector<std::string_view>& known) {
    constexpr std::size_t kLongestName = 40;  // what is longer is no slip of the hand
    constexpr std::size_t kSlips = 2;
    const auto nearest = std::min_element(known.begin(), known.end(), [name](std::string_view a, std::string_view b) {
        return distance(name, a) < distance(name, b);
    });
    if (name.size() <= kLongestName && distance(name, *nearest) <= kSlips) {
        return "Did you mean \"" + std::string(*nearest) + "\"?";
    }
    std::string hint = "Known here are ";
    for (const std::string_view word : known) {
        if (word != known.front()) hint += ", ";
        hint += '"' + std::string(word) + '"';
    }
    return hint + '.';
}

}  // namespace

void refuse_unknown(const std::string& path, std::string_view name, const std::vector<std::string_view>& known) {
    throw InvalidOption("unknown option " + in_quotes(path), hint_for(name, known));
}

void Option::refuse(const std::string& reason, const std::string& hint) const {
    throw InvalidOption("option " + in_quotes(path) + ' ' + reason, hint);
}

bool Option::boolean() const {
    if (!value.is_boolean()) refuse("must be true or false");
    return value.get<bool>();
}

std::int64_t Option::whole_number(std::int64_t least, std::int64_t most) const {
    // An unsigned number beyond int64_t would come out negative, and below any least that is in use.
    const bool fits =
        value.is_number_integer() && value.get<std::int64_t>() >= least && value.get<std::int64_t>() <= most;
    if (!fits) refuse("must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return value.get<std::int64_t>();
}

const std::string& Option::text(std::size_t max_bytes) const {
    if (!value.is_string()) refuse("must be a string");
    const auto& string = value.get_ref<const std::string&>();
    if (string.size() > max_bytes) refuse("must not be longer than " + std::to_string(max_bytes) + " bytes");
    return string;
}

const std::string& Option::non_empty_text(std::size_t max_bytes) const {
    const std::string& string = text(max_bytes);
    if (string.empty()) refuse("must not be empty");
    return string;
}

std::vector<Option> Option::elements(std::size_t most) const {
    if (!value.is_array()) return {*this};
    if (value.empty()) refuse("must not be an empty list");
    if (value.size() > most) refuse("must not have more than " + std::to_string(most) + " elements");
    std::vector<Option> options;
    for (std::size_t i = 0; i < value.size(); ++i) options.push_back({path + '[' + std::to_string(i) + ']', value[i]});
    return options;
}

std::vector<std::pair<std::string, Option>> Option::members() const {
    if (!value.is_object()) refuse("must be an object");
    std::vector<std::pair<std::string, Option>> options;
    for (const auto& [name, member] : value.items()) {
        options.emplace_back(name, Option{path.empty() ? name : path + '.' + name, member});
    }
    return options;
}

}  // namespace pulsimo::engine
