//===- GemmMatch.h - Products and what follows them -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_GEMMMATCH_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_GEMMMATCH_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "transmamba/Conversion/TransMambaToTile/Config.h"

namespace transmamba {

/// What one kernel computes: products of one left operand, and the elementwise
/// operations that follow, of which only the last one's result is seen.
struct GemmMatch {
  GemmShape shape;
  mlir::Value a;
  llvm::SmallVector<mlir::Value> rights;
  /// In the order of the epilogue's, as the program has them: in the shape of
  /// the result or as vectors.
  llvm::SmallVector<mlir::Value> operands;
  /// In program order. The last one's result is that of the kernel, in a shape
  /// of its own.
  llvm::SmallVector<mlir::Operation *> ops;
  /// Names of the functions, for the name of the kernel.
  std::string suffix;

  mlir::Value getResult() const { return ops.back()->getResult(0); }
};

/// The most that can be one kernel with `op`.
std::optional<GemmMatch> matchGemm(mlir::linalg::MatmulOp op,
                                   const tile::Target &target);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_GEMMMATCH_H
