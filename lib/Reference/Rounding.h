//===- Rounding.h - Declared types ------------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_ROUNDING_H
#define TRANSMAMBA_REFERENCE_ROUNDING_H

#include "mlir/IR/BuiltinTypes.h"
#include "transmamba/Reference/Tensor.h"

namespace transmamba::reference {

/// `value` as the floating-point type would hold it (to nearest even).
double roundTo(mlir::FloatType type, double value);
void roundTo(mlir::FloatType type, FloatTensor &tensor);

/// `value` as a two's complement number of the integer type, or an index, holds
/// it: sign-extended, except for i1, which is 0 or 1.
int64_t wrapTo(mlir::Type type, int64_t value);

/// The bits of a value of that type, zero-extended.
uint64_t unsignedBits(mlir::Type type, int64_t value);

/// Bits of an integer type; an index has 64.
unsigned widthOf(mlir::Type type);

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_ROUNDING_H
