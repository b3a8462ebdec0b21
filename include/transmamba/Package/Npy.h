//===- Npy.h - NumPy array files --------------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_NPY_H
#define TRANSMAMBA_PACKAGE_NPY_H

#include "transmamba/Package/Bytes.h"
#include "transmamba/Package/ElementType.h"
#include "transmamba/Package/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace transmamba::package {

/// A dense row-major array.
struct NpyArray {
  ElementType type = ElementType::F32;
  std::vector<int64_t> shape;
  std::vector<uint8_t> data;

  uint64_t elementCount() const { return data.size() / byteSize(type); }
};

/// Reads an .npy file (format 1.0 to 3.0): little-endian f2, f4, f8, i1, i4, i8
/// in C order; bool is read as i8. Anything else is an error that says so.
Result<NpyArray> readNpy(const std::string &path);
/// As readNpy, from memory; `name` stands for the path in errors.
Result<NpyArray> parseNpy(ByteView bytes, const std::string &name);

/// Writes an .npy file (format 1.0), replacing `path` only once the new file is
/// complete. NumPy has no bf16: such data is written as f32, without loss.
Error writeNpy(const std::string &path, ElementType type,
               const std::vector<int64_t> &shape, const void *data);

/// The elements converted to `type` (floating point to floating point, integer
/// to integer); an error where a value does not fit or the kinds differ.
/// `name` is named in errors.
Result<NpyArray> convert(const NpyArray &array, ElementType type,
                         const std::string &name);

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_NPY_H
