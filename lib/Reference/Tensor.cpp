//===- Tensor.cpp - Dense tensors of the interpreter ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Reference/Tensor.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace transmamba::reference;

llvm::Error transmamba::reference::fail(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

std::string transmamba::reference::shapeText(llvm::ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  return llvm::join(
      llvm::map_range(shape,
                      [](int64_t extent) { return std::to_string(extent); }),
      "x");
}

llvm::Expected<int64_t>
transmamba::reference::checkedSize(llvm::ArrayRef<int64_t> shape) {
  // 2^30 elements are 8 GiB. An interpreter that is asked for more has been
  // given a wrong size, and an allocation that fails would end the process.
  constexpr int64_t limit = int64_t(1) << 30;
  int64_t size = 1;
  for (int64_t extent : shape) {
    if (extent < 0)
      return fail("a tensor cannot have a negative size: " + shapeText(shape));
    if (__builtin_mul_overflow(size, extent, &size))
      size = limit + 1;
    if (size > limit)
      return fail("a tensor of " + shapeText(shape) +
                  " is larger than the interpreter's limit of 2^30 elements");
  }
  return size;
}

Shape transmamba::reference::rowMajorStrides(llvm::ArrayRef<int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim > 1; --dim)
    strides[dim - 2] = strides[dim - 1] * shape[dim - 1];
  return strides;
}
