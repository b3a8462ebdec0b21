//===- TileAddresses.h - Where elements of a tile lie -----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TILETONVVM_TILEADDRESSES_H
#define TRANSMAMBA_LIB_CONVERSION_TILETONVVM_TILEADDRESSES_H

#include "Emitter.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace transmamba::tile {

/// Addresses of elements of a swizzled tile of 16-bit elements, which starts at
/// a multiple of 8 rows.
class TileAddresses {
public:
  /// `original` is the tile before its conversion to `address`.
  TileAddresses(Emitter &emit, mlir::Value address, mlir::Value original);

  mlir::Value at(mlir::Value row, mlir::Value column);

  /// Of element (row + rows, column + columns), where `rows` is a multiple of 8
  /// and the bits of `column` and `columns` are different ones. What depends on
  /// the thread is computed once for all constants, which are part of
  /// instructions.
  mlir::Value at(mlir::Value row, mlir::Value column, int64_t rows,
                 int64_t columns);

private:
  Emitter &emit;
  mlir::Value address;
  SharedType type;
  int64_t panelBytes;
  /// Pointers to (row, column + some columns of the first panel).
  llvm::DenseMap<std::pair<std::pair<mlir::Value, mlir::Value>, int64_t>,
                 mlir::Value>
      starts;
};

/// ldmatrix: `count` matrices of 8 x 8, a register each. Lane i knows row
/// (i mod 8) of matrix i / 8.
mlir::SmallVector<mlir::Value> loadMatrices(Emitter &emit, mlir::Value pointer,
                                            int64_t count, bool transpose);

} // namespace transmamba::tile

#endif // TRANSMAMBA_LIB_CONVERSION_TILETONVVM_TILEADDRESSES_H
