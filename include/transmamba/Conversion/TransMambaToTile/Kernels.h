//===- Kernels.h - Tile kernels from a configuration ------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_KERNELS_H
#define TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_KERNELS_H

#include "Tile/IR/TileOps.h"
#include "transmamba/Conversion/TransMambaToTile/Config.h"

namespace transmamba {

/// `@name(%a, %b..., %operands..., %c)`, for a grid of any number of blocks:
/// they share out the tiles of the result among them. A configuration for few
/// rows means at most `blockM` rows, and a block for each `blockN` columns.
tile::KernelOp buildGemm(mlir::OpBuilder &builder, mlir::Location loc,
                         llvm::StringRef name, const GemmShape &shape,
                         const GemmConfig &config);

/// `@name(%q, %k, %v, [%cosines, %sines,] [%lengths,] [%keys,] %o
/// [, %logarithms])`, for a grid of heads, blocks of queries and rows of the
/// batch. The number of keys is an argument where not as many as queries are
/// seen: attention to all keys.
tile::KernelOp buildAttention(mlir::OpBuilder &builder, mlir::Location loc,
                              llvm::StringRef name, const AttentionShape &shape,
                              const AttentionConfig &config);

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_KERNELS_H
