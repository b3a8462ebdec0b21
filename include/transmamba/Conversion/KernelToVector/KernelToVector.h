//===- KernelToVector.h - Kernels to vector code ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Passes that turn the linalg ops of a CPU kernel into vector loops, and the
// math functions of those loops into arithmetic.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_KERNELTOVECTOR_KERNELTOVECTOR_H
#define TRANSMAMBA_CONVERSION_KERNELTOVECTOR_KERNELTOVECTOR_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Support/LLVM.h"

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace transmamba {

/// The unit attribute of the functions that are device code.
inline constexpr llvm::StringLiteral kKernelAttrName = "transmamba.kernel";

#define GEN_PASS_DECL
#include "transmamba/Conversion/KernelToVector/Passes.h.inc"

/// Patterns that expand math functions on f32 and vectors of f32 to arithmetic.
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns, bool useFma);

/// Patterns that convert between f16 and f32 with integer arithmetic.
void populateExpandF16Patterns(mlir::RewritePatternSet &patterns);

#define GEN_PASS_REGISTRATION
#include "transmamba/Conversion/KernelToVector/Passes.h.inc"

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_KERNELTOVECTOR_KERNELTOVECTOR_H
