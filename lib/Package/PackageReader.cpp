//===- PackageReader.cpp - Opening packages -------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/PackageReader.h"

#include "Archive.h"

namespace transmamba::package {

/// The manifest is parsed into memory several times its size.
static constexpr uint64_t maxManifestSize = uint64_t(1) << 28;

Result<std::shared_ptr<const Package>> Package::open(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return load(std::move(*file));
}

Result<std::shared_ptr<const Package>> Package::fromMemory(ByteView bytes,
                                                           std::string name) {
  Result<MappedFile> file = MappedFile::copy(bytes, std::move(name));
  if (!file)
    return file.takeError();
  return load(std::move(*file));
}

/// The manifest lists exactly the entries after itself, in their order.
static Error checkFileList(const Manifest &manifest,
                           const std::vector<ArchiveEntry> &entries,
                           const std::string &path) {
  std::string prefix = std::string(manifestFileName) + " at /files";
  if (manifest.files.size() != entries.size() - 1)
    return Error(
        path, prefix + ": lists " + std::to_string(manifest.files.size()) +
                  " files, but the archive has " +
                  std::to_string(entries.size() - 1) + " besides the manifest");
  for (size_t i = 0; i < manifest.files.size(); ++i) {
    const FileInfo &file = manifest.files[i];
    const ArchiveEntry &entry = entries[i + 1];
    if (file.name == entry.name && file.size == entry.size)
      continue;
    return Error(path, prefix + "/" + std::to_string(i) + ": lists '" +
                           file.name + "' of " + std::to_string(file.size) +
                           " bytes, but the archive has '" + entry.name +
                           "' of " + std::to_string(entry.size));
  }
  return Error::success();
}

Result<std::shared_ptr<const Package>> Package::load(MappedFile file) {
  std::shared_ptr<Package> package(new Package());
  package->file = std::move(file);
  const std::string &path = package->path();
  ByteView bytes = package->file.bytes();

  Result<ArchiveContents> archive = readArchive(bytes, path);
  if (!archive)
    return archive.takeError();
  const std::vector<ArchiveEntry> &entries = archive->entries;
  if (entries.empty() || entries.front().name != manifestFileName)
    return Error(path, "the first entry is not manifest.json, so this is not a "
                       "package");
  if (entries.front().size > maxManifestSize)
    return Error(path, "the manifest has " +
                           std::to_string(entries.front().size) +
                           " bytes; at most 2^28 are read");
  ByteView manifest =
      bytes.slice(entries.front().dataOffset(), entries.front().size);
  package->manifestHash = checksum(manifest);
  if (package->manifestHash != archive->manifestChecksum)
    return Error(path, "manifest.json is damaged: its checksum is " +
                           checksumText(package->manifestHash) +
                           ", the archive's comment says " +
                           checksumText(archive->manifestChecksum));
  package->text = manifest.text();

  Result<Manifest> contents = parseManifest(package->text, path);
  if (!contents)
    return contents.takeError();
  if (Error error = checkFileList(*contents, entries, path))
    return error;
  package->contents = std::move(*contents);
  for (size_t i = 1; i < entries.size(); ++i) {
    package->fileData.push_back(
        bytes.slice(entries[i].dataOffset(), entries[i].size));
    if (entries[i].name == weightsFileName)
      package->weights = package->fileData.back();
  }
  return std::shared_ptr<const Package>(std::move(package));
}

/// The index of the file `name`, or the number of files.
static size_t findFile(const Manifest &manifest, std::string_view name) {
  size_t i = 0;
  while (i < manifest.files.size() && manifest.files[i].name != name)
    ++i;
  return i;
}

Result<ByteView> Package::data(std::string_view name) const {
  size_t index = findFile(contents, name);
  if (index == contents.files.size())
    return Error(path(), "has no file '" + std::string(name) + "'");
  return fileData[index];
}

Result<ByteView> Package::verifiedData(std::string_view name) const {
  Result<ByteView> bytes = data(name);
  if (!bytes)
    return bytes;
  uint64_t expected = contents.files[findFile(contents, name)].xxh3;
  uint64_t actual = checksum(*bytes);
  if (actual != expected)
    return Error(path(), "'" + std::string(name) +
                             "' is damaged: its checksum is " +
                             checksumText(actual) + ", the manifest says " +
                             checksumText(expected) +
                             "; copy the package again, or compile the model "
                             "again");
  return bytes;
}

Error Package::verify() const {
  for (const FileInfo &file : contents.files)
    if (Result<ByteView> bytes = verifiedData(file.name); !bytes)
      return bytes.takeError();
  return Error::success();
}

ByteView Package::parameter(size_t index) const {
  const Parameter &parameter = contents.parameters[index];
  return weights.slice(parameter.offset, parameter.bytes());
}

} // namespace transmamba::package
