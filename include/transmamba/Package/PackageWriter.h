//===- PackageWriter.h - Writing packages -----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
//   Manifest manifest = ...;            // everything but `files`
//   WeightsBuilder weights;
//   Argument qkv = Argument::parameter(
//       weights.add("layers.0.mixer.qkv", ElementType::F32, {192, 576}, data));
//   manifest.parameters = weights.parameters();
//   Error error = writePackage("model.tmpkg", manifest,
//                              {Blob::fromString("code/a.so", object),
//                               weights.blob()});
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_PACKAGEWRITER_H
#define TRANSMAMBA_PACKAGE_PACKAGEWRITER_H

#include "transmamba/Package/Bytes.h"
#include "transmamba/Package/Error.h"
#include "transmamba/Package/Manifest.h"

#include <functional>
#include <string>
#include <vector>

namespace transmamba::package {

/// Takes the next bytes of a blob; after an error the producer returns it.
using ByteSink = std::function<Error(ByteView)>;
/// Hands all bytes of a blob to the sink, in order, in chunks of any size.
using ByteProducer = std::function<Error(const ByteSink &)>;

/// The contents of an archive entry: a size that is known beforehand, and a
/// function that produces the bytes when the entry is written.
struct Blob {
  std::string name;
  uint64_t size = 0;
  ByteProducer produce;

  /// Borrows `bytes`, which must outlive the writing.
  static Blob fromMemory(std::string name, ByteView bytes);
  static Blob fromString(std::string name, std::string contents);
};

/// Lays parameters out in weights.bin, each at a multiple of 64 bytes, and
/// streams them, so that weights never need to be in memory at once.
class WeightsBuilder {
public:
  /// Adds a tensor whose bytes (row-major, little-endian) `data` points at
  /// until the package is written. Returns the index in Manifest::parameters.
  uint64_t add(std::string name, ElementType type, std::vector<int64_t> shape,
               const void *data);
  /// Adds a tensor whose bytes `produce` delivers.
  uint64_t add(std::string name, ElementType type, std::vector<int64_t> shape,
               ByteProducer produce);
  /// Adds a tensor that shares the bytes of an earlier one (tied weights).
  uint64_t addShared(std::string name, uint64_t other);

  const std::vector<Parameter> &parameters() const { return tensors; }
  /// The entry weights.bin. The builder may go away; borrowed data may not.
  Blob blob() const;

private:
  std::vector<Parameter> tensors;
  /// Parallel to `tensors`; empty for shared ones.
  std::vector<ByteProducer> producers;
  uint64_t end = 0;
};

struct WriteOptions {
  /// Use zip64 records even where 32 bits would do (for tests of them).
  bool forceZip64 = false;
};

/// Writes a package. `manifest.files` is computed; everything else is validated
/// as a reader would. The file appears under its name only when it is complete:
/// it is written beside the target and renamed, and removed on any failure.
Error writePackage(const std::string &path, Manifest manifest,
                   const std::vector<Blob> &blobs, WriteOptions options = {});

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_PACKAGEWRITER_H
