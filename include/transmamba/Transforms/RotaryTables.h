//===- RotaryTables.h - Tables of rotary positions --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TRANSFORMS_ROTARYTABLES_H
#define TRANSMAMBA_TRANSFORMS_ROTARYTABLES_H

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/IR/SymbolTable.h"

namespace transmamba {

/// The cosines and sines of `positions` positions, for pairs that make up
/// `rotaryDim` elements: names of parameters.
struct RotaryTables {
  mlir::StringAttr cos, sin;
  /// [positions, rotaryDim / 2] of f32.
  mlir::RankedTensorType type;
};

/// Declares the tables, unless the module has them.
RotaryTables declareRotaryTables(mlir::SymbolTable &symbols, mlir::Location loc,
                                 double theta, int64_t positions,
                                 int64_t rotaryDim);

/// The values of one of them.
mlir::Value readRotaryTable(mlir::OpBuilder &builder, mlir::Location loc,
                            const RotaryTables &tables, bool sine);

} // namespace transmamba

#endif // TRANSMAMBA_TRANSFORMS_ROTARYTABLES_H
