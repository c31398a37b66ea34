#include "engine/json_path.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

namespace pulsimo::engine {
namespace {

const nlohmann::json& document() {
    static const auto kDocument = nlohmann::json::parse(R"({
        "status": "ok",
        "checks": [{"name": "db", "ok": true}, {"name": "cache"}, [10, 20]],
        "a name": {"it's": 1, "say \"hi\"": 2, "back\\slash": 3, "ä": 4, "tab\t": 5, "": 6},
        "_x9": null,
        "0": "zero",
        "größe": 7
    })");
    return kDocument;
}

TEST(JsonPath, LeadsToAValue) {
    const std::pair<const char*, const char*> cases[] = {
        {"$.status", R"("ok")"},
        {"$['status']", R"("ok")"},
        {"$[\"status\"]", R"("ok")"},
        {"$.checks[0].name", R"("db")"},
        {"$.checks[ 1 ] [ 'name' ]", R"("cache")"},
        {"$ .checks [2] [1]", "20"},
        {"$.checks[-1][-2]", "10"},
        {"$['a name'][\"it's\"]", "1"},
        {"$['a name']['it\\'s']", "1"},
        {"$['a name'][\"say \\\"hi\\\"\"]", "2"},
        {"$['a name']['say \"hi\"']", "2"},
        {"$['a name']['back\\\\slash']", "3"},
        {"$['a name']['\\u00e4']", "4"},
        {"$['a name'].ä", "4"},
        {"$['a name']['tab\\t']", "5"},
        {"$['a name']['']", "6"},
        {"$._x9", "null"},
        {"$['0']", R"("zero")"},
        {"$.größe", "7"},
    };
    for (const auto& [path, expected] : cases) {
        const nlohmann::json* found = JsonPath(path).find(document());
        ASSERT_NE(found, nullptr) << path;
        EXPECT_EQ(found->dump(), expected) << path;
    }
    EXPECT_EQ(JsonPath("$").find(document()), &document());
}

TEST(JsonPath, LeadsNowhereWhereNothingIs) {
    for (const char* path : {"$.nothing", "$.status.x", "$.status[0]", "$.checks[3]", "$.checks[-4]", "$.checks.name",
                             "$[0]", "$._x9.y", "$.Status", "$.checks[9007199254740991]", "$.nothing.at[0].all"}) {
        EXPECT_EQ(JsonPath(path).find(document()), nullptr) << path;
    }
}

TEST(JsonPath, KeepsItsText) {
    EXPECT_EQ(JsonPath("$.a[0]").text(), "$.a[0]");
}

TEST(JsonPath, SaysWhatIsWrongAndWhere) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "a path begins with \"$\" at character 1"},
        {"status", "a path begins with \"$\" at character 1"},
        {" $", "a path begins with \"$\" at character 1"},
        {"$x", "expected \".name\" or \"[index]\" at character 2"},
        {"$.a ", "expected \".name\" or \"[index]\" at character 5"},
        {"$.", "expected a name, which may need quotes: [\"...\"] at character 3"},
        {"$.0", "expected a name, which may need quotes: [\"...\"] at character 3"},
        {"$. a", "expected a name, which may need quotes: [\"...\"] at character 3"},
        {"$.a-b", "expected \".name\" or \"[index]\" at character 4"},
        {"$..a", "only names and indexes are supported at character 3"},
        {"$.*", "only names and indexes are supported at character 3"},
        {"$.ä[*]", "only names and indexes are supported at character 5"},
        {"$[?@.a]", "only names and indexes are supported at character 3"},
        {"$[0:1]", "only names and indexes are supported at character 4"},
        {"$[:1]", "only names and indexes are supported at character 3"},
        {"$[0,1]", "only names and indexes are supported at character 4"},
        {"$[", "expected an index or a name in quotes at character 3"},
        {"$[]", "expected an index or a name in quotes at character 3"},
        {"$[a]", "expected an index or a name in quotes at character 3"},
        {"$[0", "expected \"]\" at character 4"},
        {"$['a'", "expected \"]\" at character 6"},
        {"$[01]", "not an index at character 3"},
        {"$[-0]", "not an index at character 3"},
        {"$[-]", "not an index at character 3"},
        {"$[9007199254740992]", "not an index at character 3"},
        {"$[99999999999999999999]", "not an index at character 3"},
        {"$['a]", "quotes are not closed at character 6"},
        {"$['a\\", "quotes are not closed at character 6"},
        {"$['\\q']", "not a valid name in quotes at character 3"},
        {"$[\"\\'\"]", "not a valid name in quotes at character 3"},
        {"$['\n']", "not a valid name in quotes at character 3"},
        {"$['\\ud800']", "not a valid name in quotes at character 3"},
    };
    for (const auto& [path, message] : cases) {
        try {
            JsonPath parsed(path);
            ADD_FAILURE() << path << " was taken";
        } catch (const std::invalid_argument& error) {
            EXPECT_STREQ(error.what(), message) << path;
        }
    }
    EXPECT_THROW(JsonPath("$." + std::string(1023, 'a')), std::invalid_argument);
}

TEST(JsonPath, SurvivesRandomText) {
    constexpr std::string_view kLetters = "$.[]'\"\\au0-19*?:, \xC3\xA4";
    std::mt19937 random(3);
    int valid = 0;
    for (int round = 0; round < 5000; ++round) {
        std::string path = "$";
        for (unsigned i = random() % 12; i > 0; --i) path += kLetters[random() % kLetters.size()];
        try {
            JsonPath(path).find(document());
            ++valid;
        } catch (const std::invalid_argument&) {
        }
    }
    EXPECT_GT(valid, 30);
}

}  // namespace
}  // namespace pulsimo::engine
