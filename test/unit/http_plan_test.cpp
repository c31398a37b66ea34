#include "engine/http_plan.hpp"

#include <gtest/gtest.h>

#include <set>

namespace pulsimo::engine {
namespace {

HttpPlan plan_with(const std::string& options) {
    return HttpPlan({1, 60'000'000, 10'000'000, "https://example.com/", options});
}

std::set<std::string> lines_of(const CurlList& list) {
    std::set<std::string> lines;
    for (const curl_slist* line = list.get(); line != nullptr; line = line->next) lines.insert(line->data);
    return lines;
}

TEST(HttpPlan, GivesAnApiKeyToTheOwnOriginOnlyWhateverItsHeader) {
    for (const std::string name : {"X-Key", "User-Agent", "Accept"}) {
        const HttpPlan plan = plan_with(R"({"auth": {"api_key": {"header": ")" + name + R"(", "value": "secret"}}})");
        EXPECT_TRUE(lines_of(plan.own_headers).contains(name + ": secret"));
        EXPECT_FALSE(lines_of(plan.foreign_headers).contains(name + ": secret"));
    }
    const HttpPlan plan = plan_with(R"({"headers": {"User-Agent": "monitor"}})");
    EXPECT_TRUE(lines_of(plan.foreign_headers).contains("User-Agent: monitor"));
}

}  // namespace
}  // namespace pulsimo::engine
