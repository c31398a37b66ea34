// A set of HTTP status codes: "200-299,304".
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pulsimo::engine {

class StatusSet {
  public:
    StatusSet();                                  // 200-299
    explicit StatusSet(std::string_view text);    // throws InvalidOption
    bool contains(int status) const noexcept;
    const std::string& text() const noexcept;     // as an operator reads it

  private:
    std::vector<std::pair<int, int>> ranges_;
    std::string text_;
};

}  // namespace pulsimo::engine
