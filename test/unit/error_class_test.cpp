#include "engine/error_class.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace pulsimo::engine {
namespace {

// The labels of the enum pulsimo.error_class, which stores them.
TEST(ErrorClass, IsSpelledAsInSql) {
    EXPECT_EQ(to_string(ErrorClass::none), "none");
    EXPECT_EQ(to_string(ErrorClass::dns), "dns");
    EXPECT_EQ(to_string(ErrorClass::refused), "refused");
    EXPECT_EQ(to_string(ErrorClass::certificate), "certificate");
    EXPECT_EQ(to_string(ErrorClass::too_large), "too_large");
    EXPECT_EQ(to_string(ErrorClass::internal), "internal");
}

TEST(ErrorClass, ComesBackFromItsByte) {
    std::set<std::string> names;
    for (int byte = 0; byte < 256; ++byte) {
        const auto error = error_class_from_byte(static_cast<std::uint8_t>(byte));
        if (!error) continue;
        EXPECT_EQ(static_cast<int>(*error), byte);
        names.insert(std::string(to_string(*error)));
    }
    EXPECT_EQ(names.size(), 14U);
}

TEST(ErrorClass, TellsALackOfAnswerFromAnAnswer) {
    for (const auto error :
         {ErrorClass::dns, ErrorClass::connect, ErrorClass::reset, ErrorClass::timeout, ErrorClass::tls}) {
        EXPECT_TRUE(is_lack_of_an_answer(error)) << to_string(error);
    }
    for (const auto error : {ErrorClass::none, ErrorClass::refused, ErrorClass::certificate, ErrorClass::protocol,
                             ErrorClass::status, ErrorClass::assertion, ErrorClass::too_large, ErrorClass::policy}) {
        EXPECT_FALSE(is_lack_of_an_answer(error)) << to_string(error);
    }
}

}  // namespace
}  // namespace pulsimo::engine
