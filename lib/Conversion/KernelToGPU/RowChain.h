//===- RowChain.h - Ops that work row by row --------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A normalisation is a chain of ops: sums over rows, the scale of each row, the
// scaled rows. Some threads of a warp, a *team*, take a row through all of them
// and keep it in registers: it is read once, and nothing waits for other rows.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_ROWCHAIN_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_ROWCHAIN_H

#include "ThreadMapping.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseSet.h"

namespace transmamba {

/// Ops of one block with nothing but pure ops between them. The first loop
/// dimensions of each are the rows; one more is the column, which some ops
/// reduce and some do not have.
struct RowChain {
  llvm::SmallVector<mlir::linalg::GenericOp> ops;
  unsigned numRowDims = 0;
  int64_t columns = 0;

  /// Threads of a team: a power of two up to a warp.
  int64_t lanes = 1;
  /// Neighbouring columns that a thread moves at once.
  int64_t vector = 1;

  /// Buffers that nothing else uses: their elements live in registers.
  llvm::DenseSet<mlir::Value> registers;

  /// The most rows of a workgroup, if that is known.
  std::optional<int64_t> maxRows;

  bool hasColumn(mlir::linalg::GenericOp op) const {
    return op.getNumLoops() > numRowDims;
  }
  /// Vectors of a row that each thread holds; the last may lie past its end.
  int64_t getSlots() const;
};

/// The chains of a kernel whose scratch is placed; no op is in two.
llvm::SmallVector<RowChain> findRowChains(mlir::gpu::GPUFuncOp kernel);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_ROWCHAIN_H
