#include "secrets/key_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>
#include <system_error>

#include "secrets/key_file_access.hpp"
#include "secrets/sodium.hpp"

namespace pulsimo::secrets {
namespace {

constexpr std::size_t kMaxKeys = 100;
constexpr std::size_t kMaxFile = 64 * 1024;
constexpr std::size_t kIdBytes = 8;

constexpr const char* kFormatHint =
    "A key is 64 hexadecimal digits or the base64 of 32 bytes, one key a line; lines that begin with # do not count.";
constexpr const char* kMakeHint =
    "If anything has been sealed already, bring back the file from its backup. If not, make one with: "
    "(umask 077; openssl rand -hex 32 > FILE)";
constexpr const char* kReadableHint = "The user that runs the server must be able to read it.";

std::string named(const std::string& path) {
    return "key file \"" + path + "\"";
}

std::string reason(int error) {
    return std::generic_category().message(error);
}

class File {
  public:
    // Not blocking, since a fifo that nobody writes to would otherwise hold the server up.
    explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const noexcept { return fd_; }

  private:
    int fd_;
};

// Fills the buffer as far as the file goes.
std::size_t read_all(int fd, unsigned char* buffer, std::size_t size, const std::string& path) {
    std::size_t length = 0;
    while (length < size) {
        const ssize_t got = ::read(fd, buffer + length, size - length);
        if (got == 0) break;
        if (got > 0) {
            length += static_cast<std::size_t>(got);
        } else if (errno != EINTR) {
            throw KeyFileError("could not read " + named(path) + ": " + reason(errno), kReadableHint);
        }
    }
    return length;
}

std::string_view trimmed(std::string_view line) {
    constexpr std::string_view kSpace = " \t\r";
    const std::size_t begin = line.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return {};
    return line.substr(begin, line.find_last_not_of(kSpace) - begin + 1);
}

bool decode(std::string_view text, unsigned char* key) {
    std::size_t length = 0;
    int failed = -1;
    if (text.size() == 2 * Key::kSize) {
        failed = sodium_hex2bin(key, Key::kSize, text.data(), text.size(), nullptr, &length, nullptr);
    } else if (text.size() == 44) {
        failed = sodium_base642bin(key, Key::kSize, text.data(), text.size(), nullptr, &length, nullptr,
                                   sodium_base64_VARIANT_ORIGINAL);
    } else if (text.size() == 43) {
        failed = sodium_base642bin(key, Key::kSize, text.data(), text.size(), nullptr, &length, nullptr,
                                   sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    }
    return failed == 0 && length == Key::kSize;
}

std::optional<Key> parse_key(std::string_view line) {
    const WipedBytes key = wiped_bytes(Key::kSize);
    if (!decode(line, key.get())) return std::nullopt;
    return Key(key.get());
}

std::vector<Key> parse_keys(std::string_view text, const std::string& path) {
    std::vector<Key> keys;
    for (int number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#') continue;
        std::optional<Key> key = parse_key(line);
        if (!key) {
            throw KeyFileError("line " + std::to_string(number) + " of " + named(path) + " is not a key", kFormatHint);
        }
        if (keys.size() == kMaxKeys) {
            throw KeyFileError(named(path) + " has more than " + std::to_string(kMaxKeys) + " keys",
                               "Take out old keys that nothing is sealed with any more.");
        }
        keys.push_back(*std::move(key));
    }
    return keys;
}

}  // namespace

Key::Key(const unsigned char* bytes) {
    start_sodium();
    bytes_.reset(static_cast<unsigned char*>(sodium_malloc(kSize)));
    if (!bytes_) throw std::bad_alloc();
    std::copy_n(bytes, kSize, bytes_.get());
    unsigned char hash[crypto_generichash_BYTES];
    crypto_generichash(hash, sizeof hash, bytes, kSize, nullptr, 0);
    char id[2 * kIdBytes + 1];
    id_ = sodium_bin2hex(id, sizeof id, hash, kIdBytes);
}

void Key::Free::operator()(unsigned char* bytes) const noexcept {
    sodium_free(bytes);  // wipes
}

KeyRing::KeyRing(std::vector<Key> keys) : keys_(std::move(keys)) {
    if (keys_.empty()) throw std::invalid_argument("a key ring needs a key");
}

const Key* KeyRing::find(std::string_view id) const noexcept {
    const auto found = std::find_if(keys_.begin(), keys_.end(), [id](const Key& key) { return key.id() == id; });
    return found == keys_.end() ? nullptr : &*found;
}

std::vector<std::string> KeyRing::ids() const {
    std::vector<std::string> ids;
    for (const Key& key : keys_) {
        if (std::find(ids.begin(), ids.end(), key.id()) == ids.end()) ids.push_back(key.id());
    }
    return ids;
}

KeyRing read_key_file(const std::string& path) {
    start_sodium();
    const File file(path);
    if (file.get() < 0) {
        const int error = errno;
        throw KeyFileError("could not open " + named(path) + ": " + reason(error),
                           error == ENOENT ? kMakeHint : kReadableHint);
    }
    struct stat status;
    if (::fstat(file.get(), &status) != 0) {
        throw KeyFileError("could not look at " + named(path) + ": " + reason(errno), kReadableHint);
    }
    check_access(path, status, ::geteuid());
    const WipedBytes buffer = wiped_bytes(kMaxFile + 1);
    const std::size_t length = read_all(file.get(), buffer.get(), kMaxFile + 1, path);
    if (length > kMaxFile) throw KeyFileError(named(path) + " is larger than 64 kB", kFormatHint);
    std::vector<Key> keys = parse_keys({reinterpret_cast<const char*>(buffer.get()), length}, path);
    if (keys.empty()) throw KeyFileError(named(path) + " has no key in it", kMakeHint);
    return KeyRing(std::move(keys));
}

}  // namespace pulsimo::secrets
