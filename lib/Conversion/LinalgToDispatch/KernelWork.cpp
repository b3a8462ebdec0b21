//===- KernelWork.cpp - What a group of operations has to do --------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelWork.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace transmamba;

/// Floating-point operations of one iteration.
static int64_t countBody(linalg::LinalgOp op) {
  int64_t count = 0;
  for (Operation &inner : *op.getBlock()) {
    if (isa<math::FmaOp>(inner))
      count += 2;
    else if (isa<math::MathDialect>(inner.getDialect()) ||
             isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
                 arith::RemFOp, arith::NegFOp, arith::MaximumFOp,
                 arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(inner))
      ++count;
  }
  return count;
}

/// The product of the sizes of all loops, each seen in an operand.
static OpFoldResult countIterations(WorkBuilder &work, linalg::LinalgOp op) {
  SmallVector<OpFoldResult> loops(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<OpFoldResult> sizes;
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      if (!loop || loops[loop.getPosition()])
        continue;
      if (sizes.empty())
        sizes = work.getSizes(operand.get());
      loops[loop.getPosition()] = sizes[dim];
    }
  }
  OpFoldResult product = work.constant(1);
  for (OpFoldResult size : loops) {
    if (!size)
      return {};
    product = work.mul(product, size);
  }
  return product;
}

/// The tensor that is read, whatever the shape it is read in; null for what
/// costs nothing to make: constants, and tensors without contents.
static Value findSource(Value value) {
  if (!isa<RankedTensorType>(value.getType()))
    return {};
  while (Operation *op = value.getDefiningOp()) {
    if (isa<tensor::EmptyOp, linalg::FillOp>(op) ||
        op->hasTrait<OpTrait::ConstantLike>())
      return {};
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
            op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

Work transmamba::countGroupWork(WorkBuilder &work, linalg::LinalgOp root,
                                const DenseSet<Operation *> &producers) {
  SmallVector<linalg::LinalgOp> ops = {root};
  for (Operation &op : *root->getBlock())
    if (producers.contains(&op))
      ops.push_back(cast<linalg::LinalgOp>(op));

  OpFoldResult flop = work.constant(0);
  SetVector<Value> read;
  for (linalg::LinalgOp op : ops) {
    if (int64_t perIteration = countBody(op)) {
      OpFoldResult iterations = countIterations(work, op);
      if (!iterations)
        return {};
      flop = work.add(flop, work.mul(iterations, perIteration));
    }
    for (OpOperand &operand : op->getOpOperands()) {
      if (!op.payloadUsesValueFromOperand(&operand) ||
          producers.contains(operand.get().getDefiningOp()))
        continue;
      if (Value source = findSource(operand.get()))
        read.insert(source);
    }
  }
  OpFoldResult bytes = work.countBytes(root.getDpsInits());
  return {flop, work.add(bytes, work.countBytes(read.getArrayRef()))};
}
