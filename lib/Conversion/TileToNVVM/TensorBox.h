//===- TensorBox.h - A part of a tensor in global memory --------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TILETONVVM_TENSORBOX_H
#define TRANSMAMBA_LIB_CONVERSION_TILETONVVM_TENSORBOX_H

#include "Emitter.h"

namespace transmamba::tile {

/// The part of a tensor that starts at some indices; the last two are its first
/// row and its first column. A row or column that is null is 0.
class TensorBox {
public:
  TensorBox(Emitter &emit, mlir::MemRefType type, mlir::ValueRange tensor,
            llvm::ArrayRef<mlir::ValueRange> indices);

  mlir::Value getAddress(mlir::Value row, mlir::Value column);
  /// Whether the tensor has that row or column of the box.
  mlir::Value hasRow(mlir::Value row);
  mlir::Value hasColumn(mlir::Value column);

  mlir::Type getElementType() const { return type.getElementType(); }
  int64_t getElementBytes() const { return type.getElementTypeBitWidth() / 8; }
  /// Bytes from one row to the next, where the size is static.
  int64_t getRowBytes() const {
    return type.getShape().back() * getElementBytes();
  }

private:
  mlir::Value getSize(mlir::ValueRange tensor, int64_t dim);
  mlir::Value isBelow(mlir::Value x, mlir::Value bound);

  Emitter &emit;
  mlir::MemRefType type;
  mlir::Value pointer, start, rowLength, rows, columns, firstRow, firstColumn;
};

} // namespace transmamba::tile

#endif // TRANSMAMBA_LIB_CONVERSION_TILETONVVM_TENSORBOX_H
