#include "secrets/sealing.hpp"

#include <gtest/gtest.h>

#include <array>
#include <type_traits>

namespace pulsimo::secrets {
namespace {

static_assert(!std::is_copy_constructible_v<SecretText> && std::is_nothrow_move_constructible_v<SecretText>);
static_assert(!std::is_copy_constructible_v<Key> && std::is_nothrow_move_constructible_v<Key>);

constexpr std::string_view kContext = "endpoints.options 42";
constexpr std::size_t kOverhead = 49;

Key key(unsigned char fill) {
    std::array<unsigned char, Key::kSize> bytes;
    bytes.fill(fill);
    return Key(bytes.data());
}

template <class... Fill>
KeyRing ring(Fill... fill) {
    std::vector<Key> keys;
    (keys.push_back(key(static_cast<unsigned char>(fill))), ...);
    return KeyRing(std::move(keys));
}

std::string opened(const KeyRing& keys, std::string_view sealed, std::string_view context = kContext) {
    return std::string(open(keys, sealed, context).view());
}

std::string refusal(const KeyRing& keys, std::string_view sealed, std::string_view context = kContext) {
    try {
        return "opened: " + opened(keys, sealed, context);
    } catch (const SealError& error) {
        return error.what();
    }
}

std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    }
    return bytes;
}

constexpr const char* kDoesNotOpen = "the sealed text does not open: it was changed, or belongs to another place";

TEST(Sealing, GoesThereAndBack) {
    const KeyRing keys = ring(1);
    for (const std::string& plain : {std::string(), std::string("x"), std::string("a\0b\xff", 4),
                                     std::string("{\"password\": \"correct horse\"}"), std::string(8192, 'p')}) {
        const std::string sealed = seal(keys, plain, kContext);
        EXPECT_EQ(sealed.size(), plain.size() + kOverhead);
        EXPECT_EQ(opened(keys, sealed), plain);
    }
}

TEST(Sealing, TakesAnyContext) {
    const KeyRing keys = ring(1);
    for (const std::string& context : {std::string(), std::string("\0", 1), std::string(10000, 'c')}) {
        EXPECT_EQ(opened(keys, seal(keys, "plain", context), context), "plain");
    }
}

TEST(Sealing, ShowsNothingOfTheText) {
    const std::string sealed = seal(ring(1), "correct horse battery staple", kContext);
    EXPECT_EQ(sealed.find("horse"), std::string::npos);
}

TEST(Sealing, IsNeverTheSameTwice) {
    const KeyRing keys = ring(1);
    const std::string one = seal(keys, "plain", kContext);
    const std::string other = seal(keys, "plain", kContext);
    EXPECT_NE(one, other);
    EXPECT_NE(one.substr(9, 24), other.substr(9, 24)) << "nonce";
    EXPECT_NE(one.substr(33), other.substr(33)) << "ciphertext";
}

// What the format is must not change under texts that are sealed already. This one was made without this code and
// without libsodium, from the definitions of XChaCha20-Poly1305 and BLAKE2b.
TEST(Sealing, KeepsItsFormat) {
    const std::string sealed = from_hex(
        "01f40ceaf86e577692"
        "000102030405060708090a0b0c0d0e0f1011121314151617"
        "08bcbaecf39ff9741745bdfb3eb98ba42623936961");
    EXPECT_EQ(opened(ring(1), sealed), "plain");
    EXPECT_EQ(key_id_of(sealed), "f40ceaf86e577692");
    EXPECT_EQ(seal(ring(1), "plain", kContext).substr(0, 9), sealed.substr(0, 9));
}

TEST(Sealing, RefusesEveryChangedByte) {
    const KeyRing keys = ring(1);
    const std::string sealed = seal(keys, "plain", kContext);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        for (const int bit : {0x01, 0x80}) {
            std::string changed = sealed;
            changed[i] = static_cast<char>(changed[i] ^ bit);
            EXPECT_THROW(open(keys, changed, kContext), SealError) << i;
        }
    }
    EXPECT_EQ(opened(keys, sealed), "plain");
}

TEST(Sealing, RefusesEveryOtherLength) {
    const KeyRing keys = ring(1);
    const std::string sealed = seal(keys, "plain", kContext);
    for (std::size_t length = 0; length < sealed.size(); ++length) {
        EXPECT_THROW(open(keys, std::string_view(sealed).substr(0, length), kContext), SealError) << length;
    }
    EXPECT_EQ(refusal(keys, sealed + "x"), kDoesNotOpen);
}

TEST(Sealing, RefusesAnotherPlace) {
    const KeyRing keys = ring(1);
    const std::string sealed = seal(keys, "plain", kContext);
    for (const std::string& other : {std::string(), std::string("endpoints.options 43"), std::string(kContext) + "0",
                                     std::string(kContext.substr(1)), std::string(kContext) + std::string(1, '\0')}) {
        EXPECT_EQ(refusal(keys, sealed, other), kDoesNotOpen) << other;
    }
}

// The id of a key that is there, in front of what another one sealed.
TEST(Sealing, RefusesAnotherKeyId) {
    const KeyRing keys = ring(1, 2);
    const std::string by_other = seal(ring(2), "plain", kContext);
    const std::string sealed = seal(keys, "plain", kContext);
    EXPECT_EQ(refusal(keys, by_other.substr(0, 9) + sealed.substr(9)), kDoesNotOpen);
}

TEST(Sealing, RefusesWhatIsNotSealed) {
    const KeyRing keys = ring(1);
    const std::string sealed = seal(keys, "", kContext);
    for (const std::string& text : {std::string(), std::string("plain"), std::string(100, 'x'), std::string(100, '\0'),
                                    sealed.substr(0, kOverhead - 1), "\2" + sealed.substr(1)}) {
        EXPECT_EQ(refusal(keys, text), "not a sealed text") << text;
        EXPECT_THROW(key_id_of(text), SealError) << text;
    }
}

TEST(Sealing, OpensWithOlderKeys) {
    const std::string before = seal(ring(1), "old", kContext);
    const KeyRing rotated = ring(2, 1);
    EXPECT_EQ(opened(rotated, before), "old");
    const std::string after = seal(rotated, "new", kContext);
    EXPECT_EQ(key_id_of(after), key(2).id());
    EXPECT_EQ(opened(ring(2), after), "new");
}

TEST(Sealing, NamesTheKeyThatIsMissing) {
    const std::string sealed = seal(ring(1), "old", kContext);
    EXPECT_EQ(refusal(ring(2), sealed), "the key " + key(1).id() + " that sealed it is not in the key file");
}

TEST(SecretText, MovesWithItsBytes) {
    const KeyRing keys = ring(1);
    SecretText first = open(keys, seal(keys, "first", kContext), kContext);
    SecretText second = open(keys, seal(keys, "the second", kContext), kContext);
    first = std::move(second);
    EXPECT_EQ(first.view(), "the second");
    const SecretText third = std::move(first);
    EXPECT_EQ(third.view(), "the second");
}

}  // namespace
}  // namespace pulsimo::secrets
