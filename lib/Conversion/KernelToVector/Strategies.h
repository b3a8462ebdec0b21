//===- Strategies.h - Ways to emit a loop nest ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Each strategy either emits the whole nest at the builder's insertion point or
// emits nothing and says why in `reason`.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_STRATEGIES_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_STRATEGIES_H

#include "LoopNest.h"

namespace transmamba {

/// c += a * b with register blocks; contracted dimensions are not vectorised
/// unless they are all that is contiguous.
mlir::LogicalResult emitContraction(mlir::OpBuilder &builder,
                                    const LoopNest &nest,
                                    const VectorTarget &target,
                                    std::string &reason);

/// Whether every output is updated by one associative operation at the end of
/// the body, so that partial results can be kept per lane.
bool hasCombiners(const LoopNest &nest, std::string &reason);

/// Vectors along the reduced dimension `dim`; needs `hasCombiners`.
void emitReduction(mlir::OpBuilder &builder, const LoopNest &nest, unsigned dim,
                   const VectorTarget &target);

/// Vectors along the parallel dimension `dim`.
void emitPointwise(mlir::OpBuilder &builder, const LoopNest &nest, unsigned dim,
                   const VectorTarget &target);

/// Combines the lanes of `vector` pairwise, in a fixed order:
/// lane i with lane i + n/2, until one is left.
mlir::Value
reduceLanes(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value vector,
            llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_STRATEGIES_H
