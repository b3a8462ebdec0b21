//===- Activations.h - Functions of f32 numbers -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_ACTIVATIONS_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_ACTIVATIONS_H

#include "TransMamba/IR/TransMambaDialect.h"
#include "mlir/IR/Builders.h"

namespace transmamba {

/// `function(x)` of an f32.
mlir::Value emitActivation(mlir::OpBuilder &builder, mlir::Location loc,
                           Activation function, mlir::Value x);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_ACTIVATIONS_H
