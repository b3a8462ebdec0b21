//===- Strided.h - Copies between parts of tensors --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_STRIDED_H
#define TRANSMAMBA_REFERENCE_STRIDED_H

#include "transmamba/Reference/Tensor.h"

namespace transmamba::reference {

/// Advances to the next point of the box `sizes` in row-major order; false
/// after the last one.
inline bool nextPoint(llvm::MutableArrayRef<int64_t> point,
                      llvm::ArrayRef<int64_t> sizes) {
  for (size_t dim = sizes.size(); dim-- > 0;) {
    if (++point[dim] < sizes[dim])
      return true;
    point[dim] = 0;
  }
  return false;
}

/// Whether a box has no point.
inline bool isEmptyBox(llvm::ArrayRef<int64_t> sizes) {
  return llvm::is_contained(sizes, 0);
}

inline int64_t linear(llvm::ArrayRef<int64_t> point,
                      llvm::ArrayRef<int64_t> strides) {
  int64_t offset = 0;
  for (size_t dim = 0; dim < point.size(); ++dim)
    offset += point[dim] * strides[dim];
  return offset;
}

/// target[i] = source[i] for all points i of a box, each side with its own
/// strides.
template <typename T>
void copyBox(T *target, llvm::ArrayRef<int64_t> targetStrides, const T *source,
             llvm::ArrayRef<int64_t> sourceStrides,
             llvm::ArrayRef<int64_t> sizes) {
  if (isEmptyBox(sizes))
    return;
  Shape point(sizes.size(), 0);
  do
    target[linear(point, targetStrides)] = source[linear(point, sourceStrides)];
  while (nextPoint(point, sizes));
}

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_STRIDED_H
