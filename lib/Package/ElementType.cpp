//===- ElementType.cpp - Element types of tensors -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/ElementType.h"

#include <cstring>

namespace transmamba::package {

namespace {
struct TypeInfo {
  ElementType type;
  std::string_view name;
  unsigned bytes;
  bool integer;
};
} // namespace

/// In the order of the enumeration.
static constexpr TypeInfo typeTable[] = {
    {ElementType::F32, "f32", 4, false}, {ElementType::BF16, "bf16", 2, false},
    {ElementType::F16, "f16", 2, false}, {ElementType::F64, "f64", 8, false},
    {ElementType::I8, "i8", 1, true},    {ElementType::I32, "i32", 4, true},
    {ElementType::I64, "i64", 8, true},
};

static const TypeInfo &info(ElementType type) {
  return typeTable[static_cast<size_t>(type)];
}

unsigned byteSize(ElementType type) { return info(type).bytes; }

std::string_view name(ElementType type) { return info(type).name; }

bool isInteger(ElementType type) { return info(type).integer; }

std::optional<ElementType> parseElementType(std::string_view name) {
  for (const TypeInfo &entry : typeTable)
    if (entry.name == name)
      return entry.type;
  return std::nullopt;
}

template <typename T> static T loadAs(const void *data, uint64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char *>(data) + index * sizeof(T),
              sizeof(T));
  return value;
}

int64_t loadAsInteger(ElementType type, const void *data, uint64_t index) {
  switch (type) {
  case ElementType::I8:
    return loadAs<int8_t>(data, index);
  case ElementType::I32:
    return loadAs<int32_t>(data, index);
  default:
    return loadAs<int64_t>(data, index);
  }
}

double loadAsDouble(ElementType type, const void *data, uint64_t index) {
  switch (type) {
  case ElementType::F32:
    return loadAs<float>(data, index);
  case ElementType::BF16:
    return bfloat16ToFloat(loadAs<uint16_t>(data, index));
  case ElementType::F16:
    return float16ToFloat(loadAs<uint16_t>(data, index));
  case ElementType::F64:
    return loadAs<double>(data, index);
  default:
    return static_cast<double>(loadAsInteger(type, data, index));
  }
}

static float bitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

static uint32_t floatToBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

float bfloat16ToFloat(uint16_t bits) {
  return bitsToFloat(static_cast<uint32_t>(bits) << 16);
}

float float16ToFloat(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 0x1f;
  uint32_t mantissa = half & 0x3ff;
  if (exponent == 0x1f) // infinity, NaN
    return bitsToFloat(sign | 0x7f800000 | (mantissa << 13));
  if (exponent != 0)
    return bitsToFloat(sign | ((exponent + 112) << 23) | (mantissa << 13));
  // Zero or subnormal: mantissa * 2^-24, exact in float.
  float magnitude = static_cast<float>(mantissa) * 5.9604644775390625e-08f;
  return sign ? -magnitude : magnitude;
}

uint16_t floatToBFloat16(float value) {
  uint32_t bits = floatToBits(value);
  if ((bits & 0x7fffffff) > 0x7f800000) // NaN: keep it quiet, keep the sign
    return static_cast<uint16_t>((bits >> 16) | 0x40);
  uint32_t rounding = 0x7fff + ((bits >> 16) & 1);
  return static_cast<uint16_t>((bits + rounding) >> 16);
}

uint16_t floatToFloat16(float value) {
  uint32_t bits = floatToBits(value);
  uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) // NaN
    return sign | 0x7e00;
  if (magnitude >= 0x477ff000) // rounds to 65520 or more: infinity
    return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Below 2^-14, a subnormal: adding 0.5 puts the unit of the last place of
    // the sum at 2^-24, so the addition rounds to nearest even.
    uint32_t sum = floatToBits(bitsToFloat(magnitude) + 0.5f);
    return sign | static_cast<uint16_t>(sum - floatToBits(0.5f));
  }
  uint32_t rounding = 0xfff + ((magnitude >> 13) & 1);
  return sign |
         static_cast<uint16_t>((magnitude + rounding - (112u << 23)) >> 13);
}

} // namespace transmamba::package
