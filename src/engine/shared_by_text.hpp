// What many endpoints have in common, by the text that it is made of. Each thing lives as long as somebody uses it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

namespace pulsimo::engine {

template <class Value>
class SharedByText {
  public:
    // Where the thing is kept that `text` gives; expired: nobody has it. Valid until the next call.
    std::weak_ptr<const Value>& operator[](const std::string& text) {
        if (known_.size() >= sweep_at_) {
            std::erase_if(known_, [](const auto& known) { return known.second.expired(); });
            sweep_at_ = 2 * known_.size() + 64;
        }
        return known_[text];
    }

  private:
    std::unordered_map<std::string, std::weak_ptr<const Value>> known_;
    std::size_t sweep_at_ = 64;  // forget those that nobody uses any more when there are so many
};

}  // namespace pulsimo::engine
