//===- Archive.h - The zip records of a package -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Private to lib/Package. A package is a zip archive in one canonical form:
// stored entries one after the other from byte 0 on, their data aligned by an
// extra field, then the directory, then the end record with a comment. Reader
// and writer share the functions that build the records, and the reader
// compares what it finds with what they build, so that there is no byte in an
// archive that nobody looks at.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_PACKAGE_ARCHIVE_H
#define TRANSMAMBA_LIB_PACKAGE_ARCHIVE_H

#include "transmamba/Package/Bytes.h"
#include "transmamba/Package/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace transmamba::package {

/// One stored entry.
struct ArchiveEntry {
  std::string name;
  uint64_t size = 0;
  uint32_t crc = 0;
  /// Where the local header starts.
  uint64_t offset = 0;
  /// Sizes and offsets stand in zip64 extra fields.
  bool zip64 = false;

  /// Where the data starts; `offset` and the name have been bounded.
  uint64_t dataOffset() const;
};

/// True where 32 bits are too few for an entry of that size and offset.
bool needsZip64(uint64_t size, uint64_t offset);

/// The record before an entry's data. Its length depends on name, offset and
/// zip64 only.
std::string localHeader(const ArchiveEntry &entry);

/// The directory of the entries and the end records, to be written at `offset`.
std::string directory(const std::vector<ArchiveEntry> &entries, uint64_t offset,
                      const std::string &comment, bool zip64);

/// The comment of a package whose manifest has that checksum.
std::string archiveComment(uint64_t manifestChecksum);

struct ArchiveContents {
  std::vector<ArchiveEntry> entries;
  uint64_t manifestChecksum = 0;
};

/// Reads the directory of the archive `bytes`; `path` is named in errors.
Result<ArchiveContents> readArchive(ByteView bytes, const std::string &path);

} // namespace transmamba::package

#endif // TRANSMAMBA_LIB_PACKAGE_ARCHIVE_H
