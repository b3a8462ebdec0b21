//===- ElementType.h - Element types of tensors -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_ELEMENTTYPE_H
#define TRANSMAMBA_PACKAGE_ELEMENTTYPE_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace transmamba::package {

/// The element types that a package's tensors can have. The values are part of
/// the C ABI (`tm_type`).
enum class ElementType : uint8_t {
  F32 = 0,
  BF16 = 1,
  F16 = 2,
  F64 = 3,
  I8 = 4,
  I32 = 5,
  I64 = 6,
};

/// Size of one element in bytes.
unsigned byteSize(ElementType type);

/// The name in a manifest: "f32", "bf16", ...
std::string_view name(ElementType type);

/// The type of that name, or nothing.
std::optional<ElementType> parseElementType(std::string_view name);

/// True for i8, i32 and i64.
bool isInteger(ElementType type);

/// Reads element `index` of a tensor as a double; integers beyond 2^53 are
/// rounded.
double loadAsDouble(ElementType type, const void *data, uint64_t index);

/// Reads element `index` of a tensor of an integer type.
int64_t loadAsInteger(ElementType type, const void *data, uint64_t index);

/// Exact conversions to float, and rounding to nearest even from it.
float bfloat16ToFloat(uint16_t bits);
float float16ToFloat(uint16_t bits);
uint16_t floatToBFloat16(float value);
uint16_t floatToFloat16(float value);

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_ELEMENTTYPE_H
