#include "engine/json_path.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "engine/text.hpp"

namespace pulsimo::engine {

using nlohmann::json;

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool begins_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

class JsonPathParser {
  public:
    explicit JsonPathParser(std::string_view text) : text_(text) {}

    std::vector<JsonPath::Step> parse() {
        if (text_.size() > kMaxPath) throw std::invalid_argument("longer than 1024 bytes");
        if (peek() != '$') fail("a path begins with \"$\"");
        ++at_;
        std::vector<JsonPath::Step> steps;
        while (at_ < text_.size()) {
            skip_blanks();
            if (peek() == '[') {
                steps.push_back(bracketed());
            } else if (peek() == '.') {
                steps.push_back(dotted_name());
            } else {
                fail("expected \".name\" or \"[index]\"");
            }
        }
        return steps;
    }

  private:
    static constexpr std::size_t kMaxPath = 1024;

    [[noreturn]] void fail(const std::string& reason) const {
        throw std::invalid_argument(reason + " at character " + std::to_string(character_number(text_, at_)));
    }

    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    void skip_blanks() {
        while (is_blank(peek())) ++at_;
    }

    std::string dotted_name() {
        ++at_;
        if (peek() == '.' || peek() == '*') fail("only names and indexes are supported");
        if (!begins_name(peek())) fail("expected a name, which may need quotes: [\"...\"]");
        const std::size_t begin = at_;
        while (begins_name(peek()) || is_digit(peek())) ++at_;
        return std::string(text_.substr(begin, at_ - begin));
    }

    JsonPath::Step bracketed() {
        ++at_;
        skip_blanks();
        JsonPath::Step step = selector();
        skip_blanks();
        if (peek() == ',' || peek() == ':') fail("only names and indexes are supported");
        if (peek() != ']') fail("expected \"]\"");
        ++at_;
        return step;
    }

    JsonPath::Step selector() {
        if (peek() == '"' || peek() == '\'') return quoted_name();
        if (peek() == '-' || is_digit(peek())) return index();
        if (peek() == '*' || peek() == '?' || peek() == ':') fail("only names and indexes are supported");
        fail("expected an index or a name in quotes");
    }

    std::int64_t index() {
        constexpr std::int64_t kLargest = (std::int64_t{1} << 53) - 1;  // RFC 9535: what every JSON reader can hold
        std::int64_t value = 0;
        const char* const begin = text_.data() + at_;
        const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
        const std::string_view digits(begin, static_cast<std::size_t>(end - begin));
        if (error != std::errc() || value > kLargest || value < -kLargest || digits != std::to_string(value)) {
            fail("not an index");
        }
        at_ += digits.size();
        return value;
    }

    // A name in quotes is a JSON string, but for the kind of quotes: brought into that form, the JSON parser reads it.
    std::string quoted_name() {
        const std::size_t begin = at_;
        const char quote = text_[at_++];
        std::string literal = "\"";
        while (peek() != quote) {
            if (at_ >= text_.size()) fail("quotes are not closed");
            const bool escaped = peek() == '\\' && at_ + 1 < text_.size();
            if (escaped && text_[at_ + 1] == '\'' && quote == '\'') {
                literal += '\'';
            } else if (escaped) {
                literal += text_.substr(at_, 2);
            } else {
                literal += peek() == '"' ? "\\\"" : std::string(1, peek());
            }
            at_ += escaped ? 2 : 1;
        }
        ++at_;
        const json name = json::parse(literal + '"', nullptr, false);
        if (!name.is_string()) {
            at_ = begin;
            fail("not a valid name in quotes");
        }
        return name.get<std::string>();
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

namespace {

const json* member(const json& object, const std::string& name) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
}

const json* element(const json& array, std::int64_t index) {
    if (!array.is_array()) return nullptr;
    const auto size = static_cast<std::int64_t>(array.size());
    const std::int64_t place = index < 0 ? index + size : index;
    return place >= 0 && place < size ? &array[static_cast<std::size_t>(place)] : nullptr;
}

}  // namespace

JsonPath::JsonPath(std::string_view text) : text_(text), steps_(JsonPathParser(text).parse()) {}

const json* JsonPath::find(const json& document) const {
    const json* place = &document;
    for (const Step& step : steps_) {
        if (place == nullptr) break;
        const auto* name = std::get_if<std::string>(&step);
        place = name != nullptr ? member(*place, *name) : element(*place, std::get<std::int64_t>(step));
    }
    return place;
}

}  // namespace pulsimo::engine
