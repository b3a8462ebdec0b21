//===- Checks.h - Sizes and rows --------------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// What every operation asks before it computes.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_CHECKS_H
#define TRANSMAMBA_REFERENCE_CHECKS_H

#include "transmamba/Reference/Tensor.h"

#include <algorithm>

namespace transmamba::reference {

/// Fails unless the tensor has this shape; -1 stands for any extent.
template <typename T>
llvm::Error requireShape(const char *what, const TensorOf<T> &tensor,
                         llvm::ArrayRef<int64_t> expected) {
  bool fits = tensor.shape().size() == expected.size();
  for (size_t dim = 0; fits && dim < expected.size(); ++dim)
    fits = expected[dim] < 0 || expected[dim] == tensor.shape()[dim];
  if (fits)
    return llvm::Error::success();
  std::string wanted;
  for (int64_t extent : expected)
    wanted += (wanted.empty() ? "" : "x") +
              (extent < 0 ? std::string("?") : std::to_string(extent));
  return fail(llvm::Twine(what) + " is " + shapeText(tensor.shape()) +
              " where " + (wanted.empty() ? "a scalar" : wanted) +
              " is expected");
}

/// As above, where there is a tensor.
template <typename T>
llvm::Error requireShape(const char *what, const TensorOf<T> *tensor,
                         llvm::ArrayRef<int64_t> expected) {
  return tensor ? requireShape(what, *tensor, expected)
                : llvm::Error::success();
}

/// Lengths or positions: one for each of `rows` rows, none negative.
llvm::Error requireRows(const char *what, const IntTensor *perRow,
                        int64_t rows);

/// How many of `tokens` tokens of a row are valid.
inline int64_t validTokens(const IntTensor *lengths, int64_t row,
                           int64_t tokens) {
  return lengths ? std::min((*lengths)[row], tokens) : tokens;
}

/// The absolute position of the first token of a row.
inline int64_t firstPosition(const IntTensor *positions, int64_t row) {
  return positions ? (*positions)[row] : 0;
}

/// The number of heads of an operation, the largest of its operands', where
/// every one divides it.
llvm::Expected<int64_t> groupedHeads(llvm::ArrayRef<int64_t> counts);

/// The head of an operand with `own` heads that head `head` of `heads` reads.
inline int64_t headOf(int64_t head, int64_t heads, int64_t own) {
  return head / (heads / own);
}

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_CHECKS_H
