//===- ShiftedRows.cpp - Views of one buffer, rows apart ------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ShiftedRows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace transmamba {

namespace {
/// `value` (none: 0) and a constant.
struct Sum {
  Value value;
  int64_t constant = 0;
};
} // namespace

static Sum splitConstant(OpFoldResult index) {
  Sum sum;
  while (true) {
    if (std::optional<int64_t> constant = getConstantIntValue(index))
      return {Value(), sum.constant + *constant};
    auto value = cast<Value>(index);
    sum.value = value;
    Operation *op = value.getDefiningOp();
    if (!isa_and_present<arith::AddIOp, arith::SubIOp>(op))
      return sum;
    std::optional<int64_t> step = getConstantIntValue(op->getOperand(1));
    if (!step)
      return sum;
    sum.constant += isa<arith::AddIOp>(op) ? *step : -*step;
    index = op->getOperand(0);
  }
}

/// The dimension of a view that loop dimension `row` alone moves along, and
/// that it moves along one by one.
static std::optional<unsigned> getRowDim(AffineMap map, unsigned row) {
  std::optional<unsigned> dim;
  for (auto [index, result] : llvm::enumerate(map.getResults())) {
    if (!result.isFunctionOfDim(row))
      continue;
    if (dim || !isa<AffineDimExpr>(result))
      return std::nullopt;
    dim = index;
  }
  return dim;
}

/// The dimension of what `view` is a view of.
static unsigned getSourceDim(memref::SubViewOp view, unsigned dim) {
  llvm::SmallBitVector dropped = view.getDroppedDims();
  for (unsigned source = 0;; ++source)
    if (!dropped.test(source) && dim-- == 0)
      return source;
}

/// Iterations along `row` from what `a` reads to what `b` reads.
static std::optional<int64_t> getDistance(OpOperand &a, OpOperand &b,
                                          unsigned row) {
  auto op = cast<linalg::GenericOp>(a.getOwner());
  auto first = a.get().getDefiningOp<memref::SubViewOp>();
  auto second = b.get().getDefiningOp<memref::SubViewOp>();
  AffineMap map = op.getMatchingIndexingMap(&a);
  std::optional<unsigned> dim = getRowDim(map, row);
  if (!first || !second || first.getSource() != second.getSource() || !dim ||
      op.getMatchingIndexingMap(&b) != map ||
      first.getDroppedDims() != second.getDroppedDims() ||
      !isEqualConstantIntOrValueArray(first.getMixedSizes(),
                                      second.getMixedSizes()) ||
      !first.hasUnitStride() || !second.hasUnitStride())
    return std::nullopt;
  unsigned moving = getSourceDim(first, *dim);
  std::optional<int64_t> distance;
  for (auto [index, x, y] :
       llvm::enumerate(first.getMixedOffsets(), second.getMixedOffsets())) {
    Sum from = splitConstant(x), to = splitConstant(y);
    if (from.value != to.value)
      return std::nullopt;
    if (index == moving)
      distance = to.constant - from.constant;
    else if (from.constant != to.constant)
      return std::nullopt;
  }
  return distance;
}

SmallVector<ShiftedRows> getShiftedRows(linalg::GenericOp op, unsigned row) {
  SmallVector<ShiftedRows> shifts;
  for (OpOperand &operand : op->getOpOperands()) {
    unsigned number = operand.getOperandNumber();
    ShiftedRows shift = {number, 0};
    for (unsigned other = 0; other < number && op.isDpsInput(&operand);
         ++other) {
      if (shifts[other].base != other)
        continue;
      if (auto rows = getDistance(op->getOpOperand(other), operand, row)) {
        shift = {other, *rows};
        break;
      }
    }
    shifts.push_back(shift);
  }
  return shifts;
}

bool hasShiftedRows(linalg::GenericOp op, unsigned row) {
  return llvm::any_of(llvm::enumerate(getShiftedRows(op, row)), [](auto shift) {
    return shift.value().base != shift.index();
  });
}

} // namespace transmamba
