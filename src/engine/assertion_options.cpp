// The options that say what a response must hold; assertions.hpp tells what they mean.
#include <stdexcept>

#include "engine/option_parsers.hpp"
#include "engine/text.hpp"

namespace pulsimo::engine {
namespace {

constexpr std::size_t kMostAssertions = 50;
constexpr std::size_t kMaxWord = 8192;

std::vector<std::string> read_words(const Option& option) {
    std::vector<std::string> words;
    for (const Option& element : option.elements(kMostAssertions)) words.push_back(element.non_empty_text(kMaxWord));
    return words;
}

std::shared_ptr<const Regex> read_regex(const Option& option) {
    try {
        return std::make_shared<const Regex>(option.non_empty_text(kMaxWord));
    } catch (const std::invalid_argument& error) {
        option.refuse(std::string("is not a regular expression: ") + error.what());
    }
}

// An assertion before it is known whether its keys fit together. `subject` is the path or the name of the header.
struct Draft {
    std::string subject;
    std::optional<CompareOp> op;
    const nlohmann::json* value = nullptr;
};

void read_op(Draft& draft, const Option& option) {
    draft.op = compare_op_from(option.text(kMaxWord));
    if (!draft.op) {
        option.refuse(
            "is no comparison",
            "There are \"=\", \"!=\", \"<\", \"<=\", \">\", \">=\", \"contains\", \"matches\", \"exists\" and "
            "\"absent\".");
    }
}

void read_value(Draft& draft, const Option& option) {
    draft.value = &option.value;
}

void read_path(Draft& draft, const Option& option) {
    draft.subject = option.non_empty_text(kMaxWord);
}

void read_name(Draft& draft, const Option& option) {
    draft.subject = option.non_empty_text(kMaxWord);
    check_header_name(option, draft.subject);
}

bool is_ordering(CompareOp op) {
    return op == CompareOp::lt || op == CompareOp::le || op == CompareOp::gt || op == CompareOp::ge;
}

// The comparison, with the default filled in and a value where it needs one.
CompareOp checked_op(const Option& option, const Draft& draft, const char* subject_key) {
    if (draft.subject.empty()) option.refuse(std::string("must have the key \"") + subject_key + '"');
    const CompareOp op = draft.op.value_or(draft.value != nullptr ? CompareOp::eq : CompareOp::exists);
    const bool takes_value = op != CompareOp::exists && op != CompareOp::absent;
    const std::string spelled = in_quotes(to_string(op));
    if (takes_value && draft.value == nullptr) option.refuse("must have the key \"value\" with op " + spelled);
    if (!takes_value && draft.value != nullptr) option.refuse("must not have the key \"value\" with op " + spelled);
    return op;
}

Option value_of(const Option& option, const Draft& draft) {
    return {option.path + ".value", *draft.value};
}

JsonPath parse_path(const Option& option, const Draft& draft) {
    try {
        return JsonPath(draft.subject);
    } catch (const std::invalid_argument& error) {
        const Option path{option.path + ".path", option.value};
        path.refuse(std::string("is not a JSON path: ") + error.what(),
                    "Paths have names and indexes, for example $.checks[0].status.");
    }
}

JsonAssertion read_json_assertion(const Option& option) {
    constexpr Key<Draft> kKeys[] = {{"path", read_path}, {"op", read_op}, {"value", read_value}};
    Draft draft;
    read_keys<Draft>(draft, option, kKeys);
    const CompareOp op = checked_op(option, draft, "path");
    JsonAssertion assertion{.path = parse_path(option, draft), .op = op, .value = {}, .regex = nullptr};
    if (draft.value == nullptr) return assertion;
    const Option value = value_of(option, draft);
    if (is_ordering(op) && !value.value.is_number() && !value.value.is_string()) {
        value.refuse("must be a number or a string with op " + in_quotes(to_string(op)));
    }
    if (op == CompareOp::matches) assertion.regex = read_regex(value);
    assertion.value = value.value.dump();
    if (assertion.value.size() > kMaxWord) value.refuse("must not be longer than 8192 bytes");
    return assertion;
}

// Headers are text, but a number may be written as one.
std::string header_text(const Option& value, CompareOp op) {
    if (value.value.is_number()) return value.value.dump();
    const std::string& text = value.text(kMaxWord);
    if (is_ordering(op) && !parse_number(text)) value.refuse("must be a number with op " + in_quotes(to_string(op)));
    if (text.empty() && op == CompareOp::contains) value.refuse("must not be empty");
    return text;
}

HeaderAssertion read_header_assertion(const Option& option) {
    constexpr Key<Draft> kKeys[] = {{"name", read_name}, {"op", read_op}, {"value", read_value}};
    Draft draft;
    read_keys<Draft>(draft, option, kKeys);
    const CompareOp op = checked_op(option, draft, "name");
    HeaderAssertion assertion{.name = draft.subject, .op = op, .value = {}, .regex = nullptr};
    if (draft.value == nullptr) return assertion;
    const Option value = value_of(option, draft);
    if (op == CompareOp::matches) assertion.regex = read_regex(value);
    assertion.value = header_text(value, op);
    return assertion;
}

}  // namespace

void read_body_contains(HttpOptions& options, const Option& option) {
    options.assertions.body_contains = read_words(option);
}

void read_body_not_contains(HttpOptions& options, const Option& option) {
    options.assertions.body_not_contains = read_words(option);
}

void read_body_matches(HttpOptions& options, const Option& option) {
    options.assertions.body_matches = read_regex(option);
}

void read_json_assertions(HttpOptions& options, const Option& option) {
    for (const Option& element : option.elements(kMostAssertions)) {
        options.assertions.json.push_back(read_json_assertion(element));
    }
}

void read_header_assertions(HttpOptions& options, const Option& option) {
    for (const Option& element : option.elements(kMostAssertions)) {
        options.assertions.response_headers.push_back(read_header_assertion(element));
    }
}

}  // namespace pulsimo::engine
