// A user's URL or option that we refuse; becomes SQLSTATE 22023 with detail and hint at the SQL surface.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace pulsimo::engine {

class InvalidOption : public std::runtime_error {
  public:
    // message: lower-case, no period, names the key. hint: a sentence, may be empty.
    InvalidOption(const std::string& message, std::string hint)
        : std::runtime_error(message), hint_(std::move(hint)) {}
    const std::string& hint() const noexcept { return hint_; }

  private:
    std::string hint_;
};

}  // namespace pulsimo::engine
