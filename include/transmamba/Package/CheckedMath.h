//===- CheckedMath.h - 64-bit arithmetic that cannot wrap -------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Every size and offset that comes from a file is computed with these.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_CHECKEDMATH_H
#define TRANSMAMBA_PACKAGE_CHECKEDMATH_H

#include <cstdint>
#include <optional>
#include <vector>

namespace transmamba::package {

/// a + b, or nothing where that does not fit.
template <typename T> std::optional<T> checkedAdd(T a, T b) {
  T result;
  if (__builtin_add_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// a - b, or nothing where that does not fit.
template <typename T> std::optional<T> checkedSub(T a, T b) {
  T result;
  if (__builtin_sub_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// a * b, or nothing where that does not fit.
template <typename T> std::optional<T> checkedMul(T a, T b) {
  T result;
  if (__builtin_mul_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// `value` rounded up to a multiple of `alignment` (a power of two), or nothing
/// where that does not fit.
template <typename T> std::optional<T> checkedAlignTo(T value, T alignment) {
  std::optional<T> sum = checkedAdd<T>(value, alignment - 1);
  if (!sum)
    return std::nullopt;
  return *sum & ~(alignment - 1);
}

/// The number of elements of a tensor of that shape, or nothing where an extent
/// is negative or the product does not fit into 63 bits.
inline std::optional<int64_t>
checkedElementCount(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count))
      return std::nullopt;
  }
  return count;
}

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_CHECKEDMATH_H
