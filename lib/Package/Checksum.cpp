//===- Checksum.cpp - XXH3-64 ---------------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Checksum.h"

#include "transmamba/Package/PackageReader.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace transmamba::package {

struct ChecksumStream::Impl {
  // The state's own type demands 64-byte alignment, which new honours in C++17.
  XXH3_state_t state;
};

ChecksumStream::ChecksumStream() : impl(std::make_unique<Impl>()) {
  XXH3_64bits_reset(&impl->state);
}

ChecksumStream::~ChecksumStream() = default;

void ChecksumStream::update(ByteView bytes) {
  XXH3_64bits_update(&impl->state, bytes.data(), bytes.size());
}

uint64_t ChecksumStream::digest() const {
  return XXH3_64bits_digest(&impl->state);
}

uint64_t checksum(ByteView bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string checksumText(uint64_t value) {
  static const char digits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (unsigned i = 0; i < 16; ++i)
    text[15 - i] = digits[(value >> (4 * i)) & 15];
  return text;
}

} // namespace transmamba::package
