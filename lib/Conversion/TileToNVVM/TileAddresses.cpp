//===- TileAddresses.cpp - Where elements of a tile lie -------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TileAddresses.h"

#include "KernelPlan.h"

using namespace mlir;

namespace transmamba::tile {

TileAddresses::TileAddresses(Emitter &emit, Value address, Value original)
    : emit(emit), address(address), type(cast<SharedType>(original.getType())),
      panelBytes(getPanelRows(original) * type.getPanelRowBytes()) {}

Value TileAddresses::at(Value row, Value column) {
  int64_t panel = type.getPanelColumns(), rowBytes = type.getPanelRowBytes();
  Value inPanel = emit.mask(column, panel - 1);
  Value offset = emit.add(emit.mul(row, rowBytes), emit.mul(inPanel, 2));
  Value start =
      emit.mul(emit.shiftRight(column, llvm::Log2_64(panel)), panelBytes);
  return emit.sharedPointer(
      emit.add(emit.add(address, start), emit.swizzle(offset, rowBytes)));
}

// The swizzle looks at the row modulo 8 alone, so `rows` and whole panels are
// a distance; columns inside a panel are one more exclusive or.
Value TileAddresses::at(Value row, Value column, int64_t rows,
                        int64_t columns) {
  int64_t panel = type.getPanelColumns(), rowBytes = type.getPanelRowBytes();
  int64_t inPanel = columns % panel;
  Value &start = starts[{{row, column}, inPanel}];
  if (!start) {
    Value rowStart = emit.mul(row, rowBytes);
    Value inRow = emit.exclusiveOr(emit.swizzleBits(rowStart, rowBytes),
                                   emit.mul(column, 2));
    if (inPanel != 0)
      inRow = emit.exclusiveOr(inRow, emit.constant(2 * inPanel));
    start = emit.sharedPointer(emit.add(emit.add(address, rowStart), inRow));
  }
  return emit.offset(start, columns / panel * panelBytes + rows * rowBytes);
}

SmallVector<Value> loadMatrices(Emitter &emit, Value pointer, int64_t count,
                                bool transpose) {
  MLIRContext *context = emit.builder.getContext();
  auto structure = LLVM::LLVMStructType::getLiteral(
      context, SmallVector<Type>(count, emit.i32));
  Value loaded = NVVM::LdMatrixOp::create(
      emit.builder, emit.loc, structure, pointer, count,
      transpose ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
      NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> results;
  for (int64_t i = 0; i < count; ++i)
    results.push_back(
        LLVM::ExtractValueOp::create(emit.builder, emit.loc, loaded, i));
  return results;
}

} // namespace transmamba::tile
