//===- SafeTensors.h - Reading safetensors files ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_SAFETENSORS_H
#define TRANSMAMBA_PACKAGE_SAFETENSORS_H

#include "transmamba/Package/Bytes.h"
#include "transmamba/Package/ElementType.h"
#include "transmamba/Package/Error.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace transmamba::package {

/// One tensor of a safetensors file.
struct SafeTensor {
  std::string name;
  /// The file's name of the type: "F32", "BF16", "U8", ...
  std::string dtype;
  /// Our type; nothing where the compiler has none (U8, BOOL, F8_E4M3, ...).
  std::optional<ElementType> type;
  std::vector<int64_t> shape;
  /// Row-major little-endian elements. Not necessarily aligned: copy, or read
  /// with loadAsDouble.
  ByteView data;
};

/// A mapped safetensors file whose header has been checked entirely: each
/// tensor's size is that of its type and shape, and the tensors cover the data
/// exactly once.
class SafeTensorsFile {
public:
  static Result<std::shared_ptr<const SafeTensorsFile>>
  open(const std::string &path);
  /// Opens a file in memory, which is copied; `name` stands for the path.
  static Result<std::shared_ptr<const SafeTensorsFile>>
  fromMemory(ByteView bytes, std::string name);

  const std::string &path() const { return file.path(); }
  /// In the order of their data.
  const std::vector<SafeTensor> &tensors() const { return list; }
  /// The tensor of that name, or null.
  const SafeTensor *find(std::string_view name) const;
  /// The pairs of `__metadata__`.
  const std::vector<std::pair<std::string, std::string>> &metadata() const {
    return notes;
  }

private:
  SafeTensorsFile() = default;
  static Result<std::shared_ptr<const SafeTensorsFile>> load(MappedFile file);

  MappedFile file;
  std::vector<SafeTensor> list;
  /// Indices into `list`, sorted by name.
  std::vector<size_t> byName;
  std::vector<std::pair<std::string, std::string>> notes;
};

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_SAFETENSORS_H
