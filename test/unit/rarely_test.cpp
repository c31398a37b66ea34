// A value that nearly always is as usual.
#include "engine/rarely.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pulsimo::engine {
namespace {

using Text = Rarely<std::string>;

TEST(Rarely, TakesTheRoomOfAPointer) {
    EXPECT_EQ(sizeof(Text), sizeof(void*));
}

TEST(Rarely, IsAValue) {
    Text text = std::string("rare");
    const Text copy = text;
    EXPECT_EQ(*copy, "rare");
    text = std::string("other");
    EXPECT_EQ(*copy, "rare");
    EXPECT_FALSE(text == copy);
    text = copy;
    EXPECT_TRUE(text == copy);
    Text& same = text;
    text = std::move(same);
    EXPECT_EQ(*text, "rare");
    const Text moved = std::move(text);
    EXPECT_EQ(moved->size(), 4u);
}

TEST(Rarely, IsAsUsualUnlessSaidOtherwise) {
    Text text;
    EXPECT_EQ(*text, "");
    EXPECT_TRUE(text == Text(std::string()));
    text = std::string("rare");
    text = std::string();
    EXPECT_TRUE(text == Text());
    EXPECT_EQ(&*text, &*Text());  // nothing of its own
}

}  // namespace
}  // namespace pulsimo::engine
