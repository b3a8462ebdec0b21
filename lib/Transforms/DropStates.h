//===- DropStates.h - Drop state that no layer reads ------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_TRANSFORMS_DROPSTATES_H
#define TRANSMAMBA_LIB_TRANSFORMS_DROPSTATES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace transmamba {

/// Of the kinds of state for which `isCandidate` holds, drops those from the
/// signatures of the entry points that no entry point reads for anything but
/// their own next version. Returns how many kinds, counted once a layer.
unsigned dropDeadStates(mlir::ModuleOp module,
                        llvm::function_ref<bool(mlir::Type)> isCandidate);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_TRANSFORMS_DROPSTATES_H
