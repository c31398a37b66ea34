// A compiled regular expression in the syntax of Perl, safe to run on any text in a loop that must not stall.
//
// PCRE2 backtracks, and its own limits hold for one starting position: a megabyte of text has a million of them. So the
// expression is compiled with a callout before each of its items, and search() gives up after so many callouts over all
// positions, or after so much processor time should the steps between them be long. The JIT compiler stays off: it does
// not know these limits.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace pulsimo::engine {

class Regex {
  public:
    enum class Answer : unsigned char { no_match, match, gave_up };

    // Throws std::invalid_argument telling what is wrong and at which character.
    explicit Regex(std::string pattern);

    // Finds the pattern anywhere in `text`, which may be invalid UTF-8: nothing matches across an invalid byte.
    Answer search(std::string_view text) const;
    const std::string& pattern() const noexcept { return pattern_; }

  private:
    struct FreeCode {
        void operator()(pcre2_real_code_8* code) const noexcept;
    };
    std::string pattern_;
    std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
};

}  // namespace pulsimo::engine
