//===- ShiftedRows.h - Views of one buffer, rows apart ----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The taps of a convolution read the same tokens, each some rows later than the
// one before. A thread that takes several rows reads an element of theirs once.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_SHIFTEDROWS_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_SHIFTEDROWS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace transmamba {

/// In an iteration an operand reads what operand `base` reads `rows` iterations
/// later along the dimension that was asked for.
struct ShiftedRows {
  unsigned base;
  int64_t rows;
};

/// For each operand of `op` the first one that it is a view of the same buffer
/// with, a constant number of rows apart along loop dimension `row`; itself
/// where there is none.
llvm::SmallVector<ShiftedRows> getShiftedRows(mlir::linalg::GenericOp op,
                                              unsigned row);

/// Whether some operand of `op` is a shifted view of another.
bool hasShiftedRows(mlir::linalg::GenericOp op, unsigned row);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_SHIFTEDROWS_H
