//===- TensorBox.cpp - A part of a tensor in global memory ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TensorBox.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace transmamba::tile {

TensorBox::TensorBox(Emitter &emit, MemRefType type, ValueRange tensor,
                     ArrayRef<ValueRange> indices)
    : emit(emit), type(type), pointer(tensor.front()) {
  OpBuilder &builder = emit.builder;
  int64_t rank = type.getRank();
  auto getIndex = [&](int64_t dim) -> Value { return indices[dim].front(); };
  auto truncate = [&](Value size) -> Value {
    return arith::TruncIOp::create(builder, emit.loc, emit.i32, size);
  };
  start = emit.extend(getIndex(0));
  for (int64_t dim = 1; dim < rank; ++dim) {
    start =
        arith::MulIOp::create(builder, emit.loc, start, getSize(tensor, dim));
    start = emit.add(start, emit.extend(getIndex(dim)));
  }
  firstRow = getIndex(rank - 2);
  firstColumn = getIndex(rank - 1);
  rowLength = getSize(tensor, rank - 1);
  columns = truncate(rowLength);
  rows = truncate(getSize(tensor, rank - 2));
  // A matrix that is not in the tensor has no rows.
  for (int64_t dim = 0; dim < rank - 2; ++dim)
    rows = emit.select(isBelow(getIndex(dim), truncate(getSize(tensor, dim))),
                       rows, emit.constant(0));
}

Value TensorBox::getSize(ValueRange tensor, int64_t dim) {
  if (type.isDynamicDim(dim))
    return tensor[1 + type.getDynamicDimIndex(dim)];
  return emit.constant64(type.getDimSize(dim));
}

// Without a sign, what lies before the start lies far beyond the end.
Value TensorBox::isBelow(Value x, Value bound) {
  return arith::CmpIOp::create(emit.builder, emit.loc,
                               arith::CmpIPredicate::ult, x, bound);
}

Value TensorBox::getAddress(Value row, Value column) {
  OpBuilder &builder = emit.builder;
  Value offset = start;
  if (row)
    offset =
        emit.add(offset, arith::MulIOp::create(builder, emit.loc,
                                               emit.extend(row), rowLength));
  if (column)
    offset = emit.add(offset, emit.extend(column));
  return LLVM::GEPOp::create(builder, emit.loc, pointer.getType(),
                             getElementType(), pointer, offset);
}

Value TensorBox::hasRow(Value row) {
  // From the first row on, what is added to a thread's own row for a second
  // block of 64 is better taken from the bound, the same in all threads: the sum
  // for a state that a kernel reads would keep a register until it is written.
  auto sum = row ? row.getDefiningOp<arith::AddIOp>() : nullptr;
  std::optional<int64_t> more;
  if (sum && isZeroInteger(firstRow))
    more = getConstantIntValue(sum.getRhs());
  if (more && *more >= 64)
    return arith::CmpIOp::create(emit.builder, emit.loc,
                                 arith::CmpIPredicate::slt, sum.getLhs(),
                                 emit.add(rows, -*more));
  return isBelow(row ? emit.add(firstRow, row) : firstRow, rows);
}

Value TensorBox::hasColumn(Value column) {
  return isBelow(column ? emit.add(firstColumn, column) : firstColumn, columns);
}

} // namespace transmamba::tile
