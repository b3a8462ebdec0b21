//===- ThreadMapping.h - Iterations of an op to threads ---------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Decides which iterations of a linalg op a thread computes. Barrier insertion
// and the distribution itself ask the same function, so that they agree.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_THREADMAPPING_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_THREADMAPPING_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace transmamba {

/// Threads of a warp: they shuffle values without a barrier.
inline constexpr int64_t kWarpSize = 32;

/// How the iterations of one linalg.generic are spread over a thread block.
struct ThreadMapping {
  /// Dimensions that are spread over the threads, the slowest first. Every
  /// output is indexed by all of them, so no two threads write one element.
  llvm::SmallVector<unsigned> parallelDims;

  /// Dimensions that one thread (or the lanes of a warp) walks, outermost
  /// first.
  llvm::SmallVector<unsigned> sequentialDims;

  /// For each loop dimension: how many of its iterations one thread holds in
  /// registers at once. 1 but for register-blocked contractions, and for
  /// vectors that share an operand. Divides a static size; a dynamic one may
  /// leave the last tiles ragged.
  llvm::SmallVector<int64_t> tile;

  /// Neighbours along the last parallel dimension that one thread moves as a
  /// vector. Divides its size, which is static where this is not 1.
  int64_t vector = 1;

  /// Adjacent threads that share one parallel iteration and split its
  /// reduction: a power of two up to a warp.
  int64_t lanes = 1;

  /// Operations that combine partial results of two lanes, one an output.
  /// Filled where lanes > 1.
  llvm::SmallVector<mlir::Operation *> combiners;

  bool isSequential(unsigned dim) const;

  /// Whether the output with this indexing map keeps its value in a register
  /// while the sequential dimensions are walked.
  bool isAccumulated(mlir::AffineMap outputMap) const;

  /// Product of the tile sizes: outputs (or vectors of them) of one thread in
  /// one step.
  int64_t getNumPoints() const;
};

/// What an unknown size is taken for where a mapping is chosen.
enum class DynamicSizes { Tile, One };

/// The mapping for `op` in a block of `blockSize` threads.
ThreadMapping planThreadMapping(mlir::linalg::GenericOp op, int64_t blockSize,
                                DynamicSizes dynamicSizes = DynamicSizes::Tile);

/// Names the set of elements of `operand` that each thread touches: two
/// accesses of one memref with the same key go from a thread to its own
/// elements. Null where several threads touch an element, or sizes are unknown.
mlir::Attribute getOwnershipKey(mlir::OpOperand &operand,
                                const ThreadMapping &mapping);

/// Threads of a block of up to `maxBlockSize` that `op` can keep busy.
int64_t getUsefulThreads(mlir::linalg::GenericOp op, int64_t maxBlockSize);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_THREADMAPPING_H
