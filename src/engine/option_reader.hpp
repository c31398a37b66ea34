// Reading a JSON object of options by a table of its keys. What a table does not list is refused, and whatever is
// refused is named by its full path: "auth.basic.username", "json[2].op". Values are not quoted, they may be secrets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pulsimo::engine {

// A value and where it stands.
struct Option {
    std::string path;
    const nlohmann::json& value;

    // Throws InvalidOption: `option "max_redirects" must be a whole number from 0 to 20`.
    [[noreturn]] void refuse(const std::string& reason, const std::string& hint = {}) const;

    bool boolean() const;
    std::int64_t whole_number(std::int64_t least, std::int64_t most) const;
    const std::string& text(std::size_t max_bytes) const;  // may be empty
    const std::string& non_empty_text(std::size_t max_bytes) const;
    std::vector<Option> elements(std::size_t most) const;         // of an array; a value that is none is the only one
    std::vector<std::pair<std::string, Option>> members() const;  // of an object, which it must be
};

// One of several words.
template <class T>
T choice(const Option& option, std::initializer_list<std::pair<std::string_view, T>> choices) {
    std::string words;
    for (const auto& [word, meaning] : choices) {
        if (option.value == word) return meaning;
        words += words.empty() ? "\"" : ", \"";
        words += std::string(word) + '"';
    }
    option.refuse("must be one of " + words);
}

// Which keys an object may have, and what takes their values.
template <class T>
struct Key {
    std::string_view name;
    void (*read)(T& target, const Option& option);
};

[[noreturn]] void refuse_unknown(const std::string& path, std::string_view name,
                                 const std::vector<std::string_view>& known);

template <class T>
const Key<T>& find_key(std::span<const Key<T>> keys, std::string_view name, const std::string& path) {
    const auto key = std::find_if(keys.begin(), keys.end(), [&](const Key<T>& k) { return k.name == name; });
    if (key != keys.end()) return *key;
    std::vector<std::string_view> known;
    for (const Key<T>& k : keys) known.push_back(k.name);
    refuse_unknown(path, name, known);
}

template <class T>
void read_keys(T& target, const Option& object, std::span<const Key<T>> keys) {
    for (const auto& [name, option] : object.members()) find_key(keys, name, option.path).read(target, option);
}

}  // namespace pulsimo::engine
