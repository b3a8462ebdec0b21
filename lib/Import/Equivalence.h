//===- Equivalence.h - Two modules compute the same -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_EQUIVALENCE_H
#define TRANSMAMBA_LIB_IMPORT_EQUIVALENCE_H

#include "mlir/IR/BuiltinOps.h"

namespace transmamba::graph {

/// Checks that two models say the same: attributes, signatures, and every
/// result made by the same operations from the same arguments and weights. The
/// order of operations, duplicates, unused operations, names of symbols and
/// locations do not count. Reports the first difference at `original`.
mlir::LogicalResult checkEquivalent(mlir::ModuleOp original,
                                    mlir::ModuleOp other);

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_EQUIVALENCE_H
