//===- PackageWriter.cpp - Writing packages -------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/PackageWriter.h"

#include "Archive.h"
#include "AtomicFile.h"
#include "Checksum.h"
#include "transmamba/Package/CheckedMath.h"
#include "transmamba/Package/PackageReader.h"

#include <zlib.h>

#include <memory>
#include <set>

namespace transmamba::package {

//===----------------------------------------------------------------------===//
// Blobs
//===----------------------------------------------------------------------===//

Blob Blob::fromMemory(std::string name, ByteView bytes) {
  return {std::move(name), bytes.size(),
          [bytes](const ByteSink &sink) { return sink(bytes); }};
}

Blob Blob::fromString(std::string name, std::string contents) {
  auto owned = std::make_shared<const std::string>(std::move(contents));
  return {std::move(name), owned->size(), [owned](const ByteSink &sink) {
            return sink(ByteView(owned->data(), owned->size()));
          }};
}

uint64_t WeightsBuilder::add(std::string name, ElementType type,
                             std::vector<int64_t> shape, const void *data) {
  uint64_t bytes =
      static_cast<uint64_t>(checkedElementCount(shape).value_or(0)) *
      byteSize(type);
  ByteView view(data, bytes);
  return add(std::move(name), type, std::move(shape),
             [view](const ByteSink &sink) { return sink(view); });
}

uint64_t WeightsBuilder::add(std::string name, ElementType type,
                             std::vector<int64_t> shape, ByteProducer produce) {
  Parameter parameter{std::move(name), type, std::move(shape), end};
  // A size that overflows is caught when the manifest is validated.
  end = checkedAlignTo(end + parameter.bytes(), dataAlignment).value_or(end);
  tensors.push_back(std::move(parameter));
  producers.push_back(std::move(produce));
  return tensors.size() - 1;
}

uint64_t WeightsBuilder::addShared(std::string name, uint64_t other) {
  Parameter parameter = tensors[other];
  parameter.name = std::move(name);
  tensors.push_back(std::move(parameter));
  producers.emplace_back();
  return tensors.size() - 1;
}

/// Passes on what `produce` delivers, which must be exactly `size` bytes.
static Error produceExactly(const ByteProducer &produce, uint64_t size,
                            const std::string &name, const ByteSink &sink) {
  uint64_t left = size;
  Error error = produce([&](ByteView bytes) {
    if (bytes.size() > left)
      return Error(name, "its producer delivers more than the " +
                             std::to_string(size) + " bytes announced");
    left -= bytes.size();
    return sink(bytes);
  });
  if (!error && left != 0)
    return Error(name, "its producer delivers " + std::to_string(size - left) +
                           " of the " + std::to_string(size) +
                           " bytes announced");
  return error;
}

Blob WeightsBuilder::blob() const {
  auto produce = [tensors = tensors, producers = producers,
                  end = end](const ByteSink &sink) {
    static const uint8_t zeros[dataAlignment] = {};
    uint64_t position = 0;
    auto padTo = [&](uint64_t offset) {
      ByteView padding(zeros, offset - position);
      position = offset;
      return sink(padding);
    };
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (!producers[i])
        continue;
      if (Error error = padTo(tensors[i].offset))
        return error;
      uint64_t bytes = tensors[i].bytes();
      if (Error error =
              produceExactly(producers[i], bytes, tensors[i].name, sink))
        return error;
      position += bytes;
    }
    return padTo(end);
  };
  return {weightsFileName, end, std::move(produce)};
}

//===----------------------------------------------------------------------===//
// The package
//===----------------------------------------------------------------------===//

namespace {
/// Writes the entries of one package.
class Writer {
public:
  Writer(const std::string &path, Manifest &manifest,
         const std::vector<Blob> &blobs, WriteOptions options)
      : file(path), path(path), manifest(manifest), blobs(blobs),
        options(options) {}

  Error run();

private:
  Error prepare();
  Error writeEntry(const std::string &name, uint64_t size,
                   const ByteProducer &produce, uint64_t &hash);
  Error append(const std::string &text) {
    return file.append(ByteView(text.data(), text.size()));
  }
  Error overwrite(uint64_t offset, const std::string &text) {
    return file.overwrite(offset, ByteView(text.data(), text.size()));
  }

  AtomicFile file;
  const std::string &path;
  Manifest &manifest;
  const std::vector<Blob> &blobs;
  WriteOptions options;
  std::vector<ArchiveEntry> entries;
};
} // namespace

static uint32_t crc32Of(uint32_t crc, ByteView bytes) {
  return static_cast<uint32_t>(::crc32_z(crc, bytes.data(), bytes.size()));
}

/// Fills in what follows from the rest of the manifest.
Error Writer::prepare() {
  manifest.files.clear();
  for (const Blob &blob : blobs)
    manifest.files.push_back({blob.name, blob.size, 0});
  for (LayerInfo &layer : manifest.model.layers) {
    layer.stateBytesPerRow = 0;
    for (const State &state : manifest.states)
      if (state.layer == layer.index && !state.isWorkspace())
        layer.stateBytesPerRow += static_cast<int64_t>(state.rowBytes());
  }
  if (Error error = validateManifest(manifest, path))
    return error;
  // What is written is what is read: names survive the way through JSON.
  Result<Manifest> read = parseManifest(printManifest(manifest), path);
  return read ? Error::success() : read.takeError();
}

/// Writes header and data of an entry, and its checksum to `hash`.
Error Writer::writeEntry(const std::string &name, uint64_t size,
                         const ByteProducer &produce, uint64_t &hash) {
  ArchiveEntry entry;
  entry.name = name;
  entry.size = size;
  entry.offset = file.size();
  entry.zip64 = options.forceZip64 || needsZip64(size, entry.offset);
  // The header holds the CRC, which is known after the data only; its length
  // does not depend on it.
  if (Error error = append(localHeader(entry)))
    return error;
  ChecksumStream checksums;
  Error error = produceExactly(produce, size, name, [&](ByteView bytes) {
    entry.crc = crc32Of(entry.crc, bytes);
    checksums.update(bytes);
    return file.append(bytes);
  });
  if (error)
    return Error(path, "cannot write the entry '" + error.where() +
                           "': " + error.what());
  hash = checksums.digest();
  entries.push_back(entry);
  return overwrite(entry.offset, localHeader(entry));
}

Error Writer::run() {
  if (Error error = prepare())
    return error;
  if (Error error = file.open())
    return error;
  uint64_t total = 0;
  for (const Blob &blob : blobs)
    total += blob.size;
  if (Error error = file.reserve(total))
    return error;
  // The manifest comes first but holds the checksums of the others. Its length
  // does not depend on them, so it is written twice.
  std::string text = printManifest(manifest);
  uint64_t ignored;
  Blob first = Blob::fromString(manifestFileName, text);
  if (Error error = writeEntry(first.name, first.size, first.produce, ignored))
    return error;
  for (size_t i = 0; i < blobs.size(); ++i)
    if (Error error = writeEntry(blobs[i].name, blobs[i].size, blobs[i].produce,
                                 manifest.files[i].xxh3))
      return error;
  text = printManifest(manifest);
  ByteView bytes(text.data(), text.size());
  ArchiveEntry &entry = entries.front();
  if (text.size() != entry.size)
    return Error(path, "internal error: the manifest's length has changed");
  entry.crc = crc32Of(0, bytes);
  if (Error error = overwrite(entry.offset, localHeader(entry) + text))
    return error;
  if (Error error = append(directory(entries, file.size(),
                                     archiveComment(checksum(bytes)),
                                     options.forceZip64)))
    return error;
  return file.commit();
}

Error writePackage(const std::string &path, Manifest manifest,
                   const std::vector<Blob> &blobs, WriteOptions options) {
  return Writer(path, manifest, blobs, options).run();
}

} // namespace transmamba::package
