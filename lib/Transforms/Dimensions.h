//===- Dimensions.h - Where a size comes from -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_TRANSFORMS_DIMENSIONS_H
#define TRANSMAMBA_LIB_TRANSFORMS_DIMENSIONS_H

#include "mlir/IR/OpDefinition.h"

namespace transmamba {

/// Where a size comes from: a constant, a dimension of a tensor that nothing is
/// known about, or an index that nothing is known about (`dim` is -1).
struct SizeOrigin {
  mlir::Value value;
  int64_t dim = -1;
  int64_t constant = -1;

  bool operator==(const SizeOrigin &other) const {
    return value == other.value && dim == other.dim &&
           constant == other.constant;
  }
};

/// Follows a dimension of a tensor to its origin: through casts, reshapes,
/// slices, `tensor.empty` and operations whose result is shaped like an
/// operand.
SizeOrigin getOrigin(mlir::Value tensor, int64_t dim);

/// The same for an index or a constant.
SizeOrigin getOrigin(mlir::OpFoldResult size);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_TRANSFORMS_DIMENSIONS_H
