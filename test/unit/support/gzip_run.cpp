// One deflate block with the fixed codes of RFC 1951: a literal, then copies of 258 bytes from a distance of 1.
#include "unit/support/gzip_run.hpp"

#include <cstdint>

namespace pulsimo::test {

namespace {

class BitWriter {
  public:
    // Huffman codes are written from their highest bit.
    void code(unsigned int bits, int count) {
        for (int i = count - 1; i >= 0; --i) bit(bits >> i & 1);
    }

    std::string finish() {
        while (filled_ != 0) bit(0);
        return std::move(bytes_);
    }

  private:
    void bit(unsigned int value) {
        current_ = static_cast<std::uint8_t>(current_ | value << filled_);
        if (++filled_ < 8) return;
        bytes_ += static_cast<char>(current_);
        current_ = 0;
        filled_ = 0;
    }

    std::string bytes_;
    std::uint8_t current_ = 0;
    int filled_ = 0;
};

}  // namespace

std::string gzip_run(std::size_t bytes) {
    BitWriter bits;
    bits.code(1, 1);           // the last block
    bits.code(0b10, 2);        // of fixed codes (type 1, lowest bit first)
    bits.code(0x30 + 'a', 8);  // the literal
    for (std::size_t written = 1; written < bytes; written += 258) {
        bits.code(0b11000101, 8);  // length 258
        bits.code(0, 5);           // distance 1
    }
    bits.code(0, 7);  // end of block
    const std::string header("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10);
    return header + bits.finish() + std::string(8, '\0');
}

}  // namespace pulsimo::test
