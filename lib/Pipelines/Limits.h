//===- Limits.h - What no package can hold ----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Checks that would otherwise fail when the package is written, after all work
// and without a place in the model.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_PIPELINES_LIMITS_H
#define TRANSMAMBA_LIB_PIPELINES_LIMITS_H

#include "transmamba/Pipelines/Compiler.h"

namespace transmamba {

/// What a package cannot say or a kernel cannot count, before any work.
mlir::LogicalResult checkLimits(mlir::ModuleOp module);

/// Whether the manifest will be valid, before any code is made: sizes at the
/// largest batch and sequence, names, expressions.
mlir::LogicalResult checkPlans(mlir::ModuleOp module,
                               const CompiledModel &model,
                               package::Variant variant);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_PIPELINES_LIMITS_H
