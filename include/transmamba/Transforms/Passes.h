//===- Passes.h - Rewrites of the model -------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The phases "schedule" and "fuse": rewrites from transmamba to transmamba.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TRANSFORMS_PASSES_H
#define TRANSMAMBA_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
class OpPassManager;
class RewritePatternSet;
} // namespace mlir

namespace transmamba {

#define GEN_PASS_DECL
#include "transmamba/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "transmamba/Transforms/Passes.h.inc"

/// Patterns by which operations over no tokens disappear, and slices of whole
/// tensors, and casts that hide either.
void populateNoTokensPatterns(mlir::RewritePatternSet &patterns);

/// Patterns that form `transmamba.switch`.
void populateFuseSwitchPatterns(mlir::RewritePatternSet &patterns);

/// Canonical form without common subexpressions, for use between passes while
/// loops over workgroups are kernels in the making: none of them disappears,
/// however few iterations it has.
void populateCleanUp(mlir::OpPassManager &pm);

/// Phase "schedule".
void populateSchedulePipeline(mlir::OpPassManager &pm);

/// Phase "fuse".
void populateFusePipeline(mlir::OpPassManager &pm);

} // namespace transmamba

#endif // TRANSMAMBA_TRANSFORMS_PASSES_H
