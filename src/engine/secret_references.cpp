// The places where a reference may stand are those where header_options.cpp accepts one.
#include "engine/secret_references.hpp"

#include "engine/option_parsers.hpp"

namespace pulsimo::engine {

namespace {

using nlohmann::json;

// The name in a reference; nullptr when the value is none.
const std::string* referenced(const json& value) {
    if (!value.is_object() || value.size() != 1 || !value.contains(kSecretKey)) return nullptr;
    const auto* name = value.begin()->get_ptr<const std::string*>();
    return name != nullptr && !name->empty() && name->size() <= kMaxSecretName ? name : nullptr;
}

// dump() would refuse such a text with words that quote from it.
void refuse_unless_utf8(const json& text, const std::string& path) {
    try {
        static_cast<void>(text.dump());
    } catch (const json::type_error&) {
        Option{path, text}.refuse("is a secret that is not UTF-8 text");
    }
}

class Replacement {
  public:
    explicit Replacement(const FindSecret& find) : find_(find) {}

    bool happened() const noexcept { return happened_; }

    void replace(json& value, const std::string& path) {
        const std::string* name = referenced(value);
        if (name == nullptr) return;
        auto secret = find_(*name);
        if (!secret) return;
        value = std::move(*secret);
        refuse_unless_utf8(value, path);
        happened_ = true;
    }

  private:
    const FindSecret& find_;
    bool happened_ = false;
};

// The member `key` of an object; nullptr when there is none, or no object.
json* member(json* object, const char* key) {
    if (object == nullptr || !object->is_object()) return nullptr;
    const auto found = object->find(key);
    return found != object->end() ? &*found : nullptr;
}

void replace_in_auth(json* auth, Replacement& replacement) {
    if (json* bearer = member(auth, "bearer")) replacement.replace(*bearer, "auth.bearer");
    if (json* password = member(member(auth, "basic"), "password")) {
        replacement.replace(*password, "auth.basic.password");
    }
    if (json* value = member(member(auth, "api_key"), "value")) replacement.replace(*value, "auth.api_key.value");
}

void replace_in_headers(json* headers, Replacement& replacement) {
    if (headers == nullptr || !headers->is_object()) return;
    for (auto header = headers->begin(); header != headers->end(); ++header) {
        if (!goes_to_every_origin(header.key())) replacement.replace(header.value(), "headers." + header.key());
    }
}

}  // namespace

std::string with_secrets(std::string_view options_json, const FindSecret& find) {
    json root = parse_options_object(options_json);
    Replacement replacement(find);
    replace_in_auth(member(&root, "auth"), replacement);
    replace_in_headers(member(&root, "headers"), replacement);
    return replacement.happened() ? root.dump() : std::string(options_json);
}

}  // namespace pulsimo::engine
