//===- SplitHeads.h - Heads as columns of a tensor --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_SPLITHEADS_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_SPLITHEADS_H

#include "mlir/IR/Builders.h"
#include "transmamba/Conversion/TransMambaToTile/Config.h"

namespace transmamba {

/// [B, T, H * D] behind a tensor [B, T, H, D], and the first of its columns.
struct SplitHeads {
  mlir::Value tensor;
  int64_t first = 0;
};

/// Sees through what takes columns of a tensor, or its first tokens.
SplitHeads findColumns(mlir::Value heads, mlir::OpBuilder &builder);
/// Likewise of a tensor [B, T, H * D].
SplitHeads findColumns(mlir::Value joined);

HeadColumns describe(const SplitHeads &columns, mlir::Value heads);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_SPLITHEADS_H
