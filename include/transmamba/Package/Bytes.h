//===- Bytes.h - Views of memory and mapped files ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_BYTES_H
#define TRANSMAMBA_PACKAGE_BYTES_H

#include "transmamba/Package/Error.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace transmamba::package {

/// Bytes that somebody else owns.
class ByteView {
public:
  ByteView() = default;
  ByteView(const void *data, uint64_t size)
      : bytes(static_cast<const uint8_t *>(data)), length(size) {}

  const uint8_t *data() const { return bytes; }
  uint64_t size() const { return length; }
  bool empty() const { return length == 0; }
  const uint8_t *begin() const { return bytes; }
  const uint8_t *end() const { return bytes + length; }

  /// True where [offset, offset + count) lies inside.
  bool contains(uint64_t offset, uint64_t count) const {
    return offset <= length && count <= length - offset;
  }
  /// The part [offset, offset + count), which `contains` has accepted.
  ByteView slice(uint64_t offset, uint64_t count) const {
    return ByteView(bytes + offset, count);
  }
  std::string_view text() const {
    return std::string_view(reinterpret_cast<const char *>(bytes), length);
  }

private:
  const uint8_t *bytes = nullptr;
  uint64_t length = 0;
};

/// A read-only file in memory: mapped, or a copy of bytes given. The data is
/// aligned to 64 bytes or more. A mapped file that another process shortens
/// while it is open makes reads fail with SIGBUS, as any mapping does.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  /// Maps a regular file.
  static Result<MappedFile> open(const std::string &path);
  /// Copies `bytes`; `name` stands for the path in errors.
  static Result<MappedFile> copy(ByteView bytes, std::string name);

  const std::string &path() const { return name; }
  ByteView bytes() const { return ByteView(base, length); }

private:
  std::string name;
  void *base = nullptr;
  uint64_t length = 0;
  bool mapped = false;
};

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_BYTES_H
