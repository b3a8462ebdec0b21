//===- Checksum.h - XXH3-64 -------------------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Private to lib/Package.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_PACKAGE_CHECKSUM_H
#define TRANSMAMBA_LIB_PACKAGE_CHECKSUM_H

#include "transmamba/Package/Bytes.h"

#include <cstdint>
#include <memory>

namespace transmamba::package {

/// The checksum of bytes that come in pieces.
class ChecksumStream {
public:
  ChecksumStream();
  ~ChecksumStream();
  void update(ByteView bytes);
  uint64_t digest() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace transmamba::package

#endif // TRANSMAMBA_LIB_PACKAGE_CHECKSUM_H
