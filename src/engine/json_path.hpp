// A way to one value in a JSON document: the part of RFC 9535 that leads to at most one, names and indexes.
//
//   $.checks[0].name    $["a name"]['another']    $.queue[-1]
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pulsimo::engine {

class JsonPath {
  public:
    // Throws std::invalid_argument telling what is wrong and at which character.
    explicit JsonPath(std::string_view text);

    // Null when nothing is there.
    const nlohmann::json* find(const nlohmann::json& document) const;
    const std::string& text() const noexcept { return text_; }

  private:
    using Step = std::variant<std::string, std::int64_t>;  // a name, or an index (negative: from the end)
    std::string text_;
    std::vector<Step> steps_;

    friend class JsonPathParser;
};

}  // namespace pulsimo::engine
