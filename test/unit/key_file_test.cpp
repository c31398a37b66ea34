#include "secrets/key_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "secrets/key_file_access.hpp"

namespace pulsimo::secrets {
namespace {

namespace fs = std::filesystem;

// The bytes 0 to 31 and 255 to 224 in both spellings, and their ids from Python's hashlib.
constexpr const char* kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr const char* kBase64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr const char* kId = "cb2f5160fc1f7e05";
constexpr const char* kOtherHex = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0";
constexpr const char* kOtherBase64 = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";
constexpr const char* kOtherId = "4bc64fa6d2ae2329";

constexpr const char* kMakeHint =
    "If anything has been sealed already, bring back the file from its backup. If not, make one with: "
    "(umask 077; openssl rand -hex 32 > FILE)";
constexpr const char* kFormatHint =
    "A key is 64 hexadecimal digits or the base64 of 32 bytes, one key a line; lines that begin with # do not count.";

class KeyFile : public testing::Test {
  protected:
    KeyFile() {
        std::string name = fs::temp_directory_path() / "pulsimo-keys-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
        directory_ = name;
    }
    ~KeyFile() override { fs::remove_all(directory_); }

    std::string path() const { return directory_ / "keys"; }
    std::string write(const std::string& text, mode_t mode = 0600) const {
        std::ofstream(path(), std::ios::binary) << text;
        chmod(path().c_str(), mode);
        return path();
    }
    std::vector<std::string> ids(const std::string& text) const { return read_key_file(write(text)).ids(); }

    // The message without the path of this test, and the hint.
    std::string refusal() const {
        try {
            read_key_file(path());
        } catch (const KeyFileError& error) {
            hint_ = error.hint();
            std::string message = error.what();
            if (const auto at = message.find(path()); at != std::string::npos) message.replace(at, path().size(), "F");
            return message;
        }
        return "no error";
    }
    std::string refusal_of(const std::string& text, mode_t mode = 0600) const {
        write(text, mode);
        return refusal();
    }

    fs::path directory_;
    mutable std::string hint_;
};

TEST_F(KeyFile, HoldsAKeyInAnySpelling) {
    const std::string upper = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
    for (const std::string& text :
         {std::string(kHex), kHex + std::string("\n"), upper + "\n", std::string(kBase64), std::string(kBase64, 43),
          std::string(kBase64, 43) + "\r\n", std::string(" \t") + kHex + "\t \n"}) {
        const KeyRing keys = read_key_file(write(text));
        EXPECT_EQ(keys.ids(), std::vector<std::string>{kId}) << text;
        for (std::size_t i = 0; i < Key::kSize; ++i) EXPECT_EQ(keys.current().bytes()[i], i) << text;
    }
    EXPECT_EQ(ids(kOtherHex), std::vector<std::string>{kOtherId});
    EXPECT_EQ(ids(kOtherBase64), std::vector<std::string>{kOtherId});
}

TEST_F(KeyFile, BeginsWithTheCurrentKey) {
    const std::string text = std::string("# 2024\n\n") + kOtherBase64 + "\n \n  # before\n" + kHex + "\n#end";
    const KeyRing keys = read_key_file(write(text));
    EXPECT_EQ(keys.current().id(), kOtherId);
    EXPECT_EQ(keys.ids(), (std::vector<std::string>{kOtherId, kId}));
    ASSERT_NE(keys.find(kId), nullptr);
    EXPECT_EQ(keys.find(kId)->bytes()[31], 31);
    EXPECT_EQ(keys.find(kOtherId), &keys.current());
    EXPECT_EQ(keys.find(""), nullptr);
    EXPECT_EQ(keys.find("0000000000000000"), nullptr);
}

TEST_F(KeyFile, NamesAKeyOnceThatIsWrittenTwice) {
    EXPECT_EQ(ids(kHex + std::string("\n") + kBase64 + "\n"), std::vector<std::string>{kId});
}

TEST_F(KeyFile, MustBeThere) {
    EXPECT_EQ(refusal(), "could not open key file \"F\": No such file or directory");
    EXPECT_EQ(hint_, kMakeHint);
}

TEST_F(KeyFile, MustBeReadable) {
    if (geteuid() == 0) GTEST_SKIP() << "root may open every file";
    EXPECT_EQ(refusal_of(kHex, 0), "could not open key file \"F\": Permission denied");
    EXPECT_EQ(hint_, "The user that runs the server must be able to read it.");
}

TEST_F(KeyFile, MustNotBeADirectory) {
    fs::create_directory(path());
    EXPECT_EQ(refusal(), "key file \"F\" is not a regular file");
    EXPECT_EQ(hint_, "Name a file that holds one key a line.");
}

TEST_F(KeyFile, MustNotBeAFifoAndDoesNotWaitForItsWriter) {
    ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
    EXPECT_EQ(refusal(), "key file \"F\" is not a regular file");
}

TEST_F(KeyFile, MustNotBeADevice) {
    fs::create_symlink("/dev/zero", path());
    EXPECT_EQ(refusal(), "key file \"F\" is not a regular file");
}

TEST_F(KeyFile, MayBeALinkToAFile) {
    fs::rename(write(kHex), directory_ / "real");
    fs::create_symlink("real", path());
    EXPECT_EQ(read_key_file(path()).current().id(), kId);
}

TEST_F(KeyFile, MustHaveAKey) {
    for (const char* text : {"", "\n\n", "# only a comment\n", "#"}) {
        EXPECT_EQ(refusal_of(text), "key file \"F\" has no key in it") << text;
        EXPECT_EQ(hint_, kMakeHint);
    }
}

TEST_F(KeyFile, NamesTheLineThatIsNotAKeyWithoutQuotingIt) {
    const std::string hex = kHex;
    const std::string base64 = kBase64;
    for (const std::string& line : {
             std::string("hunter2"),
             hex.substr(1),
             hex + "0",
             "g" + hex.substr(1),
             hex.substr(0, 63) + " 0",
             hex + " # mine",
             hex.substr(0, 63) + std::string(1, '\0'),
             std::string(64, ':'),
             base64.substr(0, 42),
             base64 + "=",
             base64.substr(0, 42) + "==",
             base64.substr(0, 42) + "9",  // bits beyond the last byte
             "-" + base64.substr(1),
             std::string(44, '='),
             "\xef\xbb\xbf" + hex,
             std::string(60000, 'a'),
         }) {
        EXPECT_EQ(refusal_of("# keys\n" + hex + "\n" + line + "\n" + hex), "line 3 of key file \"F\" is not a key")
            << line;
        EXPECT_EQ(hint_, kFormatHint);
    }
}

TEST_F(KeyFile, HoldsAHundredKeysAtMost) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += kHex + std::string("\n");
    EXPECT_EQ(ids(text).size(), 1U);
    EXPECT_EQ(refusal_of(text + kHex), "key file \"F\" has more than 100 keys");
    EXPECT_EQ(hint_, "Take out old keys that nothing is sealed with any more.");
}

TEST_F(KeyFile, IsOfLimitedSize) {
    const std::string key = kHex + std::string("\n");
    const std::string fill(64 * 1024 - key.size(), '#');
    EXPECT_EQ(ids(key + fill), std::vector<std::string>{kId});
    EXPECT_EQ(refusal_of(key + fill + "#"), "key file \"F\" is larger than 64 kB");
    EXPECT_EQ(hint_, kFormatHint);
}

// The file belongs to who runs the test. What only root could prepare is below, without files.
TEST_F(KeyFile, IsForItsOwnerOnly) {
    EXPECT_NO_THROW(read_key_file(write(kHex, 0600)));
    EXPECT_NO_THROW(read_key_file(write(kHex, 0400)));
    for (const mode_t mode : {0644U, 0660U, 0604U, 0602U, 0601U, 0620U, 0610U}) {
        EXPECT_EQ(refusal_of(kHex, mode), "key file \"F\" can be read or written by others") << std::oct << mode;
        EXPECT_EQ(hint_, "Take that away with chmod 600, or with chmod 640 when it belongs to root.");
    }
}

constexpr uid_t kServer = 105;
constexpr uid_t kStranger = 1000;

std::string access_refusal(uid_t owner, mode_t mode) {
    struct stat file {};
    file.st_uid = owner;
    file.st_mode = mode;
    try {
        check_access("F", file, kServer);
    } catch (const KeyFileError& error) {
        return error.what();
    }
    return "";
}

TEST(KeyFileAccess, IsTheRuleOfPostgresForSslKeys) {
    for (mode_t mode = 0; mode < 01000; ++mode) {
        const bool others = (mode & 077) != 0;
        const bool more_than_group_reads = (mode & 037) != 0;
        const std::string refused = "key file \"F\" can be read or written by others";
        EXPECT_EQ(access_refusal(kServer, S_IFREG | mode), others ? refused : "") << std::oct << mode;
        EXPECT_EQ(access_refusal(0, S_IFREG | mode), more_than_group_reads ? refused : "") << std::oct << mode;
    }
}

TEST(KeyFileAccess, IsNotForTheFileOfAStranger) {
    EXPECT_EQ(access_refusal(kStranger, S_IFREG | 0600), "key file \"F\" belongs to another user");
    EXPECT_EQ(access_refusal(kStranger, S_IFREG | 0640), "key file \"F\" belongs to another user");
}

TEST(KeyFileAccess, IsForRegularFilesOnly) {
    for (const mode_t type : {S_IFDIR, S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK}) {
        EXPECT_EQ(access_refusal(kServer, type | 0600), "key file \"F\" is not a regular file") << std::oct << type;
    }
}

TEST_F(KeyFile, OfAStrangerIsRefused) {
    if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    write(kHex);
    ASSERT_EQ(chown(path().c_str(), 65534, 65534), 0);
    EXPECT_EQ(refusal(), "key file \"F\" belongs to another user");
}

TEST(KeyRing, NeedsAKey) {
    EXPECT_THROW(KeyRing({}), std::invalid_argument);
}

}  // namespace
}  // namespace pulsimo::secrets
