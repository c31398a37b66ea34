#include "engine/http_plan.hpp"

#include <gtest/gtest.h>

#include <set>

namespace pulsimo::engine {
namespace {

HttpPlan plan_with(const std::string& options) {
    HttpProfiles profiles;
    OwnPolicies policies;
    return HttpPlan({1, 60'000'000, 10'000'000, "https://example.com/", options}, profiles, policies);
}

std::set<std::string> lines_of(const CurlList& list) {
    std::set<std::string> lines;
    for (const curl_slist* line = list.get(); line != nullptr; line = line->next) lines.insert(line->data);
    return lines;
}

TEST(HttpPlan, GivesAnApiKeyToTheOwnOriginOnlyWhateverItsHeader) {
    for (const std::string name : {"X-Key", "User-Agent", "Accept"}) {
        const HttpPlan plan = plan_with(R"({"auth": {"api_key": {"header": ")" + name + R"(", "value": "secret"}}})");
        EXPECT_TRUE(lines_of(plan.profile->own_headers).contains(name + ": secret"));
        EXPECT_FALSE(lines_of(plan.profile->foreign_headers).contains(name + ": secret"));
    }
    const HttpPlan plan = plan_with(R"({"headers": {"User-Agent": "monitor"}})");
    EXPECT_TRUE(lines_of(plan.profile->foreign_headers).contains("User-Agent: monitor"));
}

TEST(HttpPlan, SharesItsOwnPolicy) {
    HttpProfiles profiles;
    OwnPolicies policies;
    const EndpointConfig config{
        1, 60'000'000, 10'000'000, "https://example.com/", "{}", OwnNetworks{"10.0.0.0/8", "10.0.0.1"}};
    const HttpPlan plan(config, profiles, policies);
    EXPECT_NE(plan.own_policy, nullptr);
    EXPECT_EQ(HttpPlan(config, profiles, policies).own_policy, plan.own_policy);
    EXPECT_EQ(plan_with("{}").own_policy, nullptr);
}

TEST(HttpProfiles, AreSharedByEndpointsWithTheSameOptions) {
    HttpProfiles profiles;
    const HttpTarget shop = HttpTarget::parse("https://shop.example/").value();
    const HttpTarget wiki = HttpTarget::parse("https://wiki.example/").value();
    const auto profile = profiles.get(R"({"method": "HEAD"})", shop);
    EXPECT_EQ(profiles.get(R"({"method": "HEAD"})", wiki), profile);
    EXPECT_NE(profiles.get(R"({"method": "GET"})", shop), profile);
    // Here the Host header is that of the target.
    const std::string renamed = R"({"server_name": "other.example"})";
    EXPECT_TRUE(lines_of(profiles.get(renamed, shop)->own_headers).contains("Host: shop.example"));
    EXPECT_TRUE(lines_of(profiles.get(renamed, wiki)->own_headers).contains("Host: wiki.example"));
}

TEST(HttpProfiles, StayWhileTheyAreUsed) {
    HttpProfiles profiles;
    const HttpTarget target = HttpTarget::parse("https://example.com/").value();
    const auto kept = profiles.get("{}", target);
    std::weak_ptr<const HttpProfile> dropped;
    for (int i = 0; i < 1000; ++i) dropped = profiles.get(R"({"body": ")" + std::to_string(i) + R"("})", target);
    EXPECT_TRUE(dropped.expired());
    EXPECT_EQ(profiles.get("{}", target), kept);
}

}  // namespace
}  // namespace pulsimo::engine
