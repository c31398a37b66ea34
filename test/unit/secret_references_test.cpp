// References to secrets: where they may stand, what replaces them, and that no message ever tells what they stand for.
#include "engine/secret_references.hpp"

#include <gtest/gtest.h>

#include <map>

#include "engine/http_options.hpp"
#include "unit/support/engine_harness.hpp"
#include "unit/support/scripted_target.hpp"

namespace pulsimo::test {
namespace {

using engine::CheckResult;
using engine::ErrorClass;
using engine::InvalidOption;
using engine::parse_http_options;
using engine::with_secrets;
using Names = std::vector<std::string>;
using Headers = std::vector<std::pair<std::string, std::string>>;

// Knows what the map holds.
engine::FindSecret those_of(const std::map<std::string, std::string, std::less<>>& secrets) {
    return [secrets](std::string_view name) {
        const auto found = secrets.find(name);
        return found != secrets.end() ? std::optional(found->second) : std::nullopt;
    };
}

// What is said about options that are refused: message and hint.
std::pair<std::string, std::string> refusal_of(const std::string& options) {
    try {
        parse_http_options(options);
    } catch (const InvalidOption& error) {
        return {error.what(), error.hint()};
    }
    return {"was taken", ""};
}

// Of each place, how options look with `value` there.
const std::vector<std::pair<std::string, std::string>> kPlaces = {
    {"auth.bearer", R"({"auth": {"bearer": VALUE}})"},
    {"auth.basic.password", R"({"auth": {"basic": {"username": "me", "password": VALUE}}})"},
    {"auth.api_key.value", R"({"auth": {"api_key": {"header": "X-Key", "value": VALUE}}})"},
    {"headers.Cookie", R"({"headers": {"Cookie": VALUE}})"},
};

std::string with_value(std::string options, const std::string& value) {
    return options.replace(options.find("VALUE"), 5, value);
}

TEST(SecretReferences, MayStandWhereCredentialsDo) {
    for (const auto& [path, options] : kPlaces) {
        const auto parsed = parse_http_options(with_value(options, R"({"secret": "shop"})"));
        EXPECT_EQ(parsed.secrets, Names{"shop"}) << path;
        EXPECT_TRUE(parse_http_options(with_value(options, R"("text")")).secrets.empty()) << path;
    }
}

TEST(SecretReferences, AreListedOnceEach) {
    const auto options = parse_http_options(
        R"({"auth": {"bearer": {"secret": "token"}},
            "headers": {"A": {"secret": "b"}, "B": {"secret": "token"}, "C": {"secret": "a"}, "D": "plain"}})");
    EXPECT_EQ(options.secrets, (Names{"token", "b", "a"}));
    EXPECT_EQ(options.headers.size(), 4u);
    EXPECT_EQ(options.headers.back(), std::pair(std::string("D"), std::string("plain")));
}

TEST(SecretReferences, CountAsValuesForTheOtherOptions) {
    EXPECT_EQ(
        refusal_of(R"({"auth": {"bearer": {"secret": "a"}}, "headers": {"authorization": {"secret": "b"}}})").first,
        "option \"auth\" contradicts the header \"Authorization\"");
    EXPECT_EQ(refusal_of(R"({"auth": {"api_key": {"header": "X-Key", "value": {"secret": "a"}}},
                             "headers": {"x-key": {"secret": "a"}}})")
                  .first,
              "option \"headers\" gives \"x-key\" twice");
    EXPECT_EQ(refusal_of(R"({"auth": {"bearer": {"secret": "a"}, "api_key": {}}})").first,
              "option \"auth.api_key\" must have the keys \"header\" and \"value\"");
}

TEST(SecretReferences, HaveOneKeyAndAName) {
    for (const auto& [path, options] : kPlaces) {
        const auto expect_refused = [&, &place = path, &form = options](const std::string& value,
                                                                        const std::string& message) {
            EXPECT_EQ(refusal_of(with_value(form, value)).first, message) << place;
        };
        expect_refused(R"({})", "option \"" + path + "\" must have the key \"secret\"");
        expect_refused(R"({"secert": "a"})", "unknown option \"" + path + ".secert\"");
        expect_refused(R"({"secret": "a", "version": 1})", "unknown option \"" + path + ".version\"");
        expect_refused(R"({"secret": ""})", "option \"" + path + ".secret\" must not be empty");
        expect_refused(R"({"secret": 1})", "option \"" + path + ".secret\" must be a string");
        expect_refused(R"({"secret": null})", "option \"" + path + ".secret\" must be a string");
        expect_refused(R"({"secret": {"secret": "a"}})", "option \"" + path + ".secret\" must be a string");
        expect_refused(R"([{"secret": "a"}])", "option \"" + path + "\" must be a string");
        expect_refused("{\"secret\": \"" + std::string(201, 'n') + "\"}",
                       "option \"" + path + ".secret\" must not be longer than 200 bytes");
        EXPECT_EQ(refusal_of(with_value(options, R"({"secert": "a"})")).second, "Did you mean \"secret\"?");
    }
    EXPECT_NO_THROW(parse_http_options(R"({"auth": {"bearer": {"secret": ")" + std::string(200, 'n') + "\"}}}"));
}

TEST(SecretReferences, MayStandNowhereElse) {
    for (const auto& [options, message] : {
             std::pair{R"({"body": {"secret": "a"}})", "option \"body\" must be a string"},
             std::pair{R"({"auth": {"basic": {"username": {"secret": "a"}, "password": "p"}}})",
                       "option \"auth.basic.username\" must be a string"},
             std::pair{R"({"auth": {"api_key": {"header": {"secret": "a"}, "value": "v"}}})",
                       "option \"auth.api_key.header\" must be a string"},
             std::pair{R"({"headers": {"secret": {"secret": 5}}})",
                       "option \"headers.secret.secret\" must be a string"},
             std::pair{R"({"auth": {"secret": "a"}})", "unknown option \"auth.secret\""},
             std::pair{R"({"secret": "a"})", "unknown option \"secret\""},
         }) {
        EXPECT_EQ(refusal_of(options).first, message);
    }
}

TEST(SecretReferences, MayNotStandInHeadersThatGoToEveryOrigin) {
    for (const std::string name : {"User-Agent", "accept", "Cache-Control"}) {
        const std::string options = R"({"headers": {")" + name + R"(": {"secret": "a"}}})";
        EXPECT_EQ(refusal_of(options).first,
                  "option \"headers." + name + "\" must not be a secret, because it is sent wherever a redirect leads");
        EXPECT_EQ(with_secrets(options, those_of({{"a", "hunter2"}})), options);
    }
    EXPECT_NO_THROW(parse_http_options(R"({"auth": {"api_key": {"header": "User-Agent", "value": {"secret": "a"}}}})"));
}

TEST(WithSecrets, ReplacesThemWhereCredentialsStand) {
    for (const auto& [path, options] : kPlaces) {
        const std::string referring = with_value(options, R"({"secret": "shop"})");
        const std::string replaced = with_secrets(referring, those_of({{"shop", "hunter2"}}));
        EXPECT_TRUE(parse_http_options(replaced).secrets.empty()) << path;
        EXPECT_NE(replaced.find("\"hunter2\""), std::string::npos) << path;
        EXPECT_EQ(replaced.find("shop"), std::string::npos) << path;
    }
    const std::string all =
        with_secrets(R"({"auth": {"bearer": {"secret": "a"}}, "headers": {"X-B": {"secret": "b"}, "x-a": "plain"}})",
                     those_of({{"a", "one"}, {"b", "quote \" and Grüße"}}));
    const auto options = parse_http_options(all);
    EXPECT_EQ(options.bearer, "one");
    EXPECT_EQ(options.headers, (Headers{{"X-B", "quote \" and Grüße"}, {"x-a", "plain"}}));
}

TEST(WithSecrets, LeavesEverythingElseAlone) {
    const engine::FindSecret never = [](std::string_view name) -> std::optional<std::string> {
        ADD_FAILURE() << "was asked for " << name;
        return "hunter2";
    };
    for (const std::string options : {
             R"({"body": {"secret": "a"}})",
             R"({"body": "{\"secret\": \"a\"}"})",
             R"({"json": {"path": "$.a", "value": {"secret": "a"}}})",
             R"({"json": [{"path": "$.a", "value": {"bearer": {"secret": "a"}}}]})",
             R"({"auth": {"basic": {"username": {"secret": "a"}, "password": "p"}}})",
             R"({"auth": {"api_key": {"header": {"secret": "a"}, "value": "v"}}})",
             R"({"auth": {"secret": "a"}})",
             R"({"headers": {"secret": "a"}})",
             R"({"secret": "a"})",
             R"({"auth": {"bearer": {"secret": "a", "more": 1}}})",
             R"({"auth": {"bearer": {"secret": ""}}})",
             R"({"auth": {"bearer": {"secret": 1}}})",
             R"({"auth": {"bearer": [{"secret": "a"}]}})",
             R"({"auth": "x", "headers": []})",
             R"({"auth": null, "headers": null})",
             R"({ "method" : "GET" })",
         }) {
        EXPECT_EQ(with_secrets(options, never), options);
    }
    const std::string replaced = with_secrets(
        R"({"auth": {"bearer": {"secret": "a"}}, "json": {"path": "$", "value": {"secret": "a"}}, "body": "a"})",
        those_of({{"a", "hunter2"}}));
    EXPECT_EQ(replaced, R"({"auth":{"bearer":"hunter2"},"body":"a","json":{"path":"$","value":{"secret":"a"}}})");
}

TEST(WithSecrets, LeavesAReferenceThatLeadsNowhere) {
    const std::string replaced =
        with_secrets(R"({"headers": {"A": {"secret": "a"}, "B": {"secret": "b"}}})", those_of({{"b", "hunter2"}}));
    EXPECT_EQ(replaced, R"({"headers":{"A":{"secret":"a"},"B":"hunter2"}})");
}

TEST(WithSecrets, DoesNotLookIntoASecret) {
    const std::string tricky = R"({"secret": "b"})";
    const auto options = parse_http_options(
        with_secrets(R"({"headers": {"A": {"secret": "a"}}})", those_of({{"a", tricky}, {"b", "hunter2"}})));
    EXPECT_EQ(options.headers, (Headers{{"A", tricky}}));
}

TEST(WithSecrets, RefusesWhatIsNoObject) {
    for (const char* text : {"", "[]", "null", "\"x\"", "{\"auth\":", "{} x"}) {
        EXPECT_THROW(with_secrets(text, those_of({})), InvalidOption) << text;
    }
}

TEST(WithSecrets, RefusesBytesThatAreNotText) {
    for (const auto& [path, options] : kPlaces) {
        try {
            with_secrets(with_value(options, R"({"secret": "a"})"), those_of({{"a", "hunter2\xFF"}}));
            ADD_FAILURE() << path;
        } catch (const InvalidOption& error) {
            EXPECT_EQ(error.what(), "option \"" + path + "\" is a secret that is not UTF-8 text");
        }
    }
}

class SecretCheck : public testing::Test {
  protected:
    CheckResult check(const std::string& options, const std::map<std::string, std::string, std::less<>>& secrets) {
        return harness.check(server.url("/"), with_secrets(options, those_of(secrets)));
    }

    TestServer server{ScriptedTarget()};
    EngineHarness harness;
};

TEST_F(SecretCheck, IsOurTroubleWhenASecretIsMissing) {
    for (const auto& [path, options] : kPlaces) {
        const CheckResult result = check(with_value(options, R"({"secret": "shop"})"), {{"other", "hunter2"}});
        EXPECT_EQ(result.error, ErrorClass::internal) << path;
        EXPECT_EQ(result.detail, "the secret \"shop\" is not available");
    }
    const std::string longest(200, 'n');
    const CheckResult result = check(R"({"auth": {"bearer": {"secret": ")" + longest + "\"}}}", {});
    EXPECT_EQ(result.detail, "the secret \"" + longest + "\" is not available");
    EXPECT_EQ(server.connections(), 0);
}

TEST_F(SecretCheck, SendsWhatASecretHolds) {
    const std::map<std::string, std::string, std::less<>> secrets = {{"shop", "hunter2"}};
    const std::vector<std::pair<std::string, std::string>> expected = {{"Authorization", "Bearer hunter2"},
                                                                       {"Authorization", "Basic bWU6aHVudGVyMg=="},
                                                                       {"X-Key", "hunter2"},
                                                                       {"Cookie", "hunter2"}};
    for (std::size_t i = 0; i < kPlaces.size(); ++i) {
        const CheckResult result = check(with_value(kPlaces[i].second, R"({"secret": "shop"})"), secrets);
        EXPECT_EQ(result.error, ErrorClass::none) << result.detail;
        EXPECT_EQ(server.requests().back().header(expected[i].first), expected[i].second);
    }
}

TEST_F(SecretCheck, SendsANewValueOfASecretWithTheNextCheck) {
    const std::string options = R"({"auth": {"bearer": {"secret": "shop"}}})";
    EXPECT_EQ(check(options, {}).error, ErrorClass::internal);
    EXPECT_EQ(check(options, {{"shop", "first"}}).error, ErrorClass::none);
    EXPECT_EQ(check(options, {{"shop", "second"}}).error, ErrorClass::none);
    EXPECT_EQ(server.requests().back().header("Authorization"), "Bearer second");
}

TEST_F(SecretCheck, TellsWhereAValueDoesNotFitButNotTheValue) {
    const std::map<std::string, std::string> complaints = {
        {"auth.bearer", "must be a token of visible ASCII characters"},
        {"auth.basic.password", "must not contain control characters"},
        {"auth.api_key.value", "must not contain line breaks or other control characters"},
        {"headers.Cookie", "must not contain line breaks or other control characters"}};
    for (const auto& [path, options] : kPlaces) {
        const CheckResult result = check(with_value(options, R"({"secret": "shop"})"), {{"shop", "hunter2\n"}});
        EXPECT_EQ(result.error, ErrorClass::internal) << path;
        EXPECT_EQ(result.detail, "cannot use the options: option \"" + path + "\" " + complaints.at(path));
        const CheckResult long_one =
            check(with_value(options, R"({"secret": "shop"})"), {{"shop", std::string(8193, 'x')}});
        EXPECT_EQ(long_one.detail,
                  "cannot use the options: option \"" + path + "\" must not be longer than 8192 bytes");
    }
    EXPECT_EQ(check(R"({"auth": {"bearer": {"secret": "shop"}}})", {{"shop", "Grüße"}}).detail,
              "cannot use the options: option \"auth.bearer\" must be a token of visible ASCII characters");
    EXPECT_EQ(check(R"({"auth": {"bearer": {"secret": "shop"}}})", {{"shop", ""}}).detail,
              "cannot use the options: option \"auth.bearer\" must not be empty");
    EXPECT_EQ(server.connections(), 0);
}

// Whatever goes wrong with a request, what was sent in it is not told.
TEST_F(SecretCheck, NeverTellsASecretInAFailure) {
    for (const char* path : {"/status/503", "/reset", "/close", "/close-middle", "/garbage", "/bad-chunk", "/bad-gzip",
                             "/headers/1000000", "/redirect-loop", "/redirect-to/302/ftp://x/", "/hang"}) {
        for (const auto& place : kPlaces) {
            const std::string options =
                with_secrets(with_value(place.second, R"({"secret": "shop"})"), those_of({{"shop", "hunter2"}}));
            const CheckResult result = harness.check(server.url(path), options, 300'000);
            EXPECT_NE(result.error, ErrorClass::none) << path;
            EXPECT_EQ(result.detail.find("hunter2"), std::string::npos) << result.detail;
            EXPECT_EQ(result.detail.find("bWU6aHVudGVyMg"), std::string::npos) << result.detail;
        }
    }
}

TEST_F(SecretCheck, KeepsSecretsFromOtherOrigins) {
    TestServer elsewhere{ScriptedTarget()};
    const std::string url = server.url("/redirect-to/302/" + elsewhere.url("/"));
    for (const auto& [path, options] : kPlaces) {
        const std::string referring = with_value(options, R"({"secret": "shop"})");
        EXPECT_EQ(harness.check(url, with_secrets(referring, those_of({{"shop", "hunter2"}}))).error, ErrorClass::none);
        const Request foreign = elsewhere.requests().back();
        EXPECT_FALSE(foreign.headers.empty());
        for (const auto& [name, value] : foreign.headers) {
            EXPECT_EQ(value.find("hunter2"), std::string::npos) << path << " in " << name;
            EXPECT_NE(name, "Authorization") << path;
        }
    }
    EXPECT_EQ(elsewhere.requests().size(), kPlaces.size());
}

}  // namespace
}  // namespace pulsimo::test
