//===- Rounding.cpp - Declared types --------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Rounding.h"

#include "llvm/ADT/APFloat.h"

using namespace transmamba::reference;

double transmamba::reference::roundTo(mlir::FloatType type, double value) {
  if (type.isF64())
    return value;
  if (type.isF32())
    return static_cast<float>(value);
  llvm::APFloat number(value);
  bool losesInfo;
  number.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven,
                 &losesInfo);
  number.convert(llvm::APFloat::IEEEdouble(),
                 llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

void transmamba::reference::roundTo(mlir::FloatType type, FloatTensor &tensor) {
  for (double &element : tensor.values())
    element = roundTo(type, element);
}

unsigned transmamba::reference::widthOf(mlir::Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

int64_t transmamba::reference::wrapTo(mlir::Type type, int64_t value) {
  unsigned width = widthOf(type);
  if (width == 1)
    return value & 1;
  if (width >= 64)
    return value;
  // Up, and down again with the sign.
  return static_cast<int64_t>(static_cast<uint64_t>(value) << (64 - width)) >>
         (64 - width);
}

uint64_t transmamba::reference::unsignedBits(mlir::Type type, int64_t value) {
  unsigned width = widthOf(type);
  uint64_t bits = static_cast<uint64_t>(value);
  return width >= 64 ? bits : bits & ((uint64_t(1) << width) - 1);
}
