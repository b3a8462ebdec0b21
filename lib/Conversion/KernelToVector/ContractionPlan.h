//===- ContractionPlan.h - Roles and block shapes ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// What Contraction.cpp decides before it emits anything: whether an op is a
// contraction, which dimension plays which role, and how many rows and vectors
// of accumulators a block has.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_CONTRACTIONPLAN_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_CONTRACTIONPLAN_H

#include "LoopNest.h"

namespace transmamba {

/// The dimensions of a contraction by role. Operand `b` is the one with `n`.
struct Contraction {
  unsigned a = 0, b = 1, c = 2;
  mlir::Type accumulatorType;
  std::optional<unsigned> m, n, k;
  /// What is left over: loops around the kernel.
  llvm::SmallVector<unsigned> outer;
  bool isDot = false;
  bool packsB = false;
};

/// Assigns roles to dimensions and picks the form; says why there is none.
mlir::FailureOr<Contraction> planContraction(const LoopNest &nest,
                                             const VectorTarget &target,
                                             std::string &reason);

/// The size of a dimension, a typical one where it is dynamic, or `absent`.
int64_t sizeOr(const LoopNest &nest, std::optional<unsigned> dim,
               int64_t absent);

/// Rows and vectors of accumulators.
struct BlockShape {
  int64_t rows;
  int64_t vectors;
};

/// The cheapest shape for `rows` by `vectors` accumulators.
BlockShape chooseShape(int64_t rows, int64_t vectors, unsigned numRegisters);

/// `first`, then the powers of two below it: what a remainder is made of.
llvm::SmallVector<int64_t> remainderSizes(int64_t first);

/// The panel widths of a block shape.
llvm::SmallVector<int64_t> columnSizes(BlockShape shape);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_CONTRACTIONPLAN_H
