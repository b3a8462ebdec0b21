//===- PackageReader.h - Opening packages -----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_PACKAGEREADER_H
#define TRANSMAMBA_PACKAGE_PACKAGEREADER_H

#include "transmamba/Package/Bytes.h"
#include "transmamba/Package/Error.h"
#include "transmamba/Package/Manifest.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace transmamba::package {

/// An open package. Opening checks the whole structure of the archive, the
/// manifest's checksum and contents, and that the parameters lie inside
/// weights.bin. The other files' checksums are checked on request, because that
/// reads all of them.
class Package {
public:
  /// Opens the file at `path`.
  static Result<std::shared_ptr<const Package>> open(const std::string &path);
  /// Opens a package in memory, which is copied; `name` stands for the path.
  static Result<std::shared_ptr<const Package>> fromMemory(ByteView bytes,
                                                           std::string name);

  const std::string &path() const { return file.path(); }
  /// Size of the archive in bytes.
  uint64_t size() const { return file.bytes().size(); }
  const Manifest &manifest() const { return contents; }
  /// The manifest as it stands in the archive.
  std::string_view manifestText() const { return text; }
  uint64_t manifestChecksum() const { return manifestHash; }

  /// The data of the archive entry `name`, unverified, or an error.
  Result<ByteView> data(std::string_view name) const;
  /// As `data`, after comparing the checksum.
  Result<ByteView> verifiedData(std::string_view name) const;
  /// Checks the checksums of all files.
  Error verify() const;
  /// The data of a parameter of the manifest, aligned to 64 bytes.
  ByteView parameter(size_t index) const;

private:
  Package() = default;
  static Result<std::shared_ptr<const Package>> load(MappedFile file);

  MappedFile file;
  Manifest contents;
  std::string_view text;
  uint64_t manifestHash = 0;
  /// Parallel to contents.files.
  std::vector<ByteView> fileData;
  ByteView weights;
};

/// The XXH3-64 checksum that manifests hold.
uint64_t checksum(ByteView bytes);

/// A checksum as 16 hexadecimal digits.
std::string checksumText(uint64_t value);

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_PACKAGEREADER_H
