#include "engine/status_set.hpp"

#include <gtest/gtest.h>

#include "engine/invalid_option.hpp"

namespace pulsimo::engine {
namespace {

TEST(StatusSet, IsAnySuccessByDefault) {
    const StatusSet set;
    EXPECT_EQ(set.text(), "200-299");
    EXPECT_FALSE(set.contains(199));
    EXPECT_TRUE(set.contains(200));
    EXPECT_TRUE(set.contains(299));
    EXPECT_FALSE(set.contains(300));
    EXPECT_FALSE(set.contains(0));
}

TEST(StatusSet, IsWrittenSortedAndMerged) {
    const struct {
        const char* text;
        const char* written;
    } cases[] = {
        {"204", "204"},
        {"200-299,304", "200-299,304"},
        {" 304 , 200 - 299 ", "200-299,304"},
        {"201,200,202", "200-202"},
        {"200-400,250-300", "200-400"},
        {"404,404", "404"},
        {"100,999", "100,999"},
    };
    for (const auto& [text, written] : cases) EXPECT_EQ(StatusSet(text).text(), written) << text;
}

TEST(StatusSet, HoldsWhatItSays) {
    const StatusSet set("301-302,200,503");
    for (int status = 0; status < 1000; ++status) {
        const bool expected = status == 200 || status == 301 || status == 302 || status == 503;
        EXPECT_EQ(set.contains(status), expected) << status;
    }
}

TEST(StatusSet, RefusesWhatIsNoStatus) {
    for (const char* text : {"", " ", ",", "200,", ",200", "2xx", "99", "1000", "299-200", "200-", "-200",
                             "200-299-300", "200 204", "+200", "2e2", "200;204", "99999999999999999999"}) {
        EXPECT_THROW(StatusSet{text}, InvalidOption) << text;
    }
}

TEST(StatusSet, NamesTheWordThatIsWrong) {
    try {
        StatusSet("200,2xx,304");
        FAIL() << "was taken";
    } catch (const InvalidOption& error) {
        EXPECT_STREQ(error.what(), "\"2xx\" is neither a status code nor a range of them");
        EXPECT_FALSE(error.hint().empty());
    }
}

}  // namespace
}  // namespace pulsimo::engine
