// A gzip stream that expands far, made without a compression library.
#pragma once

#include <cstddef>
#include <string>

namespace pulsimo::test {

// Decompresses to at least `bytes` times 'a'; about 1/160 of that in size. The checksum at its end is wrong.
std::string gzip_run(std::size_t bytes);

}  // namespace pulsimo::test
