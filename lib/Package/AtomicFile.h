//===- AtomicFile.h - Files that appear when complete -----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Private to lib/Package.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_PACKAGE_ATOMICFILE_H
#define TRANSMAMBA_LIB_PACKAGE_ATOMICFILE_H

#include "transmamba/Package/Bytes.h"
#include "transmamba/Package/Error.h"

#include <cstdint>
#include <string>

namespace transmamba::package {

/// A file under construction. It is written beside its target under a temporary
/// name and takes the target's place when it is committed; without a commit it
/// disappears with this object.
class AtomicFile {
public:
  explicit AtomicFile(std::string target) : target(std::move(target)) {}
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  ~AtomicFile();

  /// Creates the temporary file.
  Error open();
  /// Takes disk space for that many bytes, so that too little is known before
  /// the work of making them.
  Error reserve(uint64_t bytes);
  /// Appends bytes.
  Error append(ByteView bytes);
  /// Replaces bytes that have been appended.
  Error overwrite(uint64_t offset, ByteView bytes);
  /// Flushes the file to disk and renames it.
  Error commit();

  /// Bytes appended so far.
  uint64_t size() const { return length; }

private:
  Error writeAt(uint64_t offset, ByteView bytes);
  Error systemError(const char *what) const;

  std::string target;
  std::string temporary;
  int descriptor = -1;
  uint64_t length = 0;
};

} // namespace transmamba::package

#endif // TRANSMAMBA_LIB_PACKAGE_ATOMICFILE_H
