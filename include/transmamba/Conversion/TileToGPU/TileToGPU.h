//===- TileToGPU.h - Launches of tile kernels -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TILETOGPU_TILETOGPU_H
#define TRANSMAMBA_CONVERSION_TILETOGPU_TILETOGPU_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace transmamba {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "transmamba/Conversion/TileToGPU/Passes.h.inc"

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TILETOGPU_TILETOGPU_H
