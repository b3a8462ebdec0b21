//===- TransMambaToTile.h - Hot operations to tile kernels ------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_TRANSMAMBATOTILE_H
#define TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_TRANSMAMBATOTILE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace transmamba {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "transmamba/Conversion/TransMambaToTile/Passes.h.inc"

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_TRANSMAMBATOTILE_H
