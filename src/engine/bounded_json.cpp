#include "engine/bounded_json.hpp"

#include <string>

namespace pulsimo::engine {
namespace {

using nlohmann::json;

// Called by the parser for each thing it finds.
class Limits {
  public:
    bool operator()(int, json::parse_event_t event, json&) {
        using Event = json::parse_event_t;
        if (event == Event::object_start || event == Event::array_start) {
            if (++level_ > kMaxJsonLevels) refuse(kMaxJsonLevels, "levels");
        } else if (event == Event::object_end || event == Event::array_end) {
            --level_;
        } else if (++values_ > kMaxJsonValues) {
            refuse(kMaxJsonValues, "values");
        }
        return true;
    }

  private:
    [[noreturn]] static void refuse(int limit, const char* of_what) {
        throw JsonError("JSON with more than " + std::to_string(limit) + ' ' + of_what);
    }

    int level_ = 0;
    int values_ = 0;
};

}  // namespace

json parse_bounded_json(std::string_view text) {
    try {
        return json::parse(text.begin(), text.end(), Limits());
    } catch (const json::parse_error& error) {
        throw JsonError("not JSON at byte " + std::to_string(error.byte));
    } catch (const json::out_of_range&) {
        throw JsonError("JSON with a number that is too large");
    }
}

}  // namespace pulsimo::engine
