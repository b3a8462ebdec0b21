//===- Activation.h - Pointwise functions -----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ACTIVATION_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ACTIVATION_H

#include "TileBuilder.h"
#include "TransMamba/IR/TransMambaDialect.h"

namespace transmamba {

/// `function(x)` of a scalar f32 or f64; finite x of any size give the value,
/// not a NaN.
mlir::Value emitActivation(TileBuilder &tile, Activation function,
                           mlir::Value x);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ACTIVATION_H
