//===- Work.cpp - What a kernel has to do at least ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Analysis/Work.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;
using Index = OpFoldResult;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Index WorkBuilder::add(Index a, Index b) {
  AffineExpr x, y;
  bindSymbols(builder.getContext(), x, y);
  return affine::makeComposedFoldedAffineApply(builder, loc, x + y, {a, b});
}

Index WorkBuilder::sub(Index a, Index b) {
  AffineExpr x, y;
  bindSymbols(builder.getContext(), x, y);
  return affine::makeComposedFoldedAffineApply(builder, loc, x - y, {a, b});
}

Index WorkBuilder::mul(Index a, Index b) {
  AffineExpr x, y;
  bindSymbols(builder.getContext(), x, y);
  return affine::makeComposedFoldedAffineApply(builder, loc, x * y, {a, b});
}

Index WorkBuilder::min(Index a, Index b) {
  return affine::makeComposedFoldedAffineMin(
      builder, loc, AffineMap::getMultiDimIdentityMap(2, builder.getContext()),
      {a, b});
}

Value WorkBuilder::toValue(Index index) {
  return getValueOrCreateConstantIndexOp(builder, loc, index);
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// The value whose shape is that of `shaped`, as far back as can be seen.
static Value findShape(Value shaped) {
  while (auto result = dyn_cast<OpResult>(shaped)) {
    Operation *op = result.getOwner();
    if (auto style = dyn_cast<DestinationStyleOpInterface>(op))
      shaped = style.getTiedOpOperand(result)->get();
    else if (auto loop = dyn_cast<scf::ForallOp>(op))
      shaped = loop.getTiedOpOperand(result)->get();
    else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      shaped = insert.getDest();
    else if (op->hasTrait<OpTrait::Elementwise>() &&
             isa<RankedTensorType>(op->getOperand(0).getType()))
      shaped = op->getOperand(0);
    else
      break;
  }
  return shaped;
}

SmallVector<Index> WorkBuilder::getSizes(Value shaped) {
  if (isa<MemRefType>(shaped.getType()))
    return memref::getMixedSizes(builder, loc, shaped);
  Value source = findShape(shaped);
  if (auto empty = source.getDefiningOp<tensor::EmptyOp>())
    return empty.getMixedSizes();
  if (auto expand = source.getDefiningOp<tensor::ExpandShapeOp>())
    return expand.getMixedOutputShape();
  if (auto slice = source.getDefiningOp<tensor::ExtractSliceOp>()) {
    SmallVector<Index> sizes;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped.test(dim))
        sizes.push_back(size);
    return sizes;
  }
  if (auto collapse = source.getDefiningOp<tensor::CollapseShapeOp>()) {
    SmallVector<Index> all = getSizes(collapse.getSrc()), sizes;
    for (ReassociationIndicesRef group : collapse.getReassociationIndices()) {
      Index size = constant(1);
      for (int64_t dim : group)
        size = mul(size, all[dim]);
      sizes.push_back(size);
    }
    return sizes;
  }
  return tensor::getMixedSizes(builder, loc, source);
}

int64_t transmamba::countElementBytes(Type shaped) {
  return llvm::divideCeil(cast<ShapedType>(shaped).getElementTypeBitWidth(), 8);
}

Index WorkBuilder::countElements(Value shaped) {
  Index count = constant(1);
  for (Index size : getSizes(shaped))
    count = mul(count, size);
  return count;
}

Index WorkBuilder::countBytes(Value shaped) {
  return mul(countElements(shaped), countElementBytes(shaped.getType()));
}

Index WorkBuilder::countBytes(ValueRange shaped) {
  Index sum = constant(0);
  for (Value value : shaped)
    if (isa<RankedTensorType, MemRefType>(value.getType()))
      sum = add(sum, countBytes(value));
  return sum;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

Index WorkBuilder::countFlop(const AttentionWork &work) {
  Index twicePairs;
  if (!work.causal) {
    twicePairs = mul(mul(work.queries, work.keys), 2);
  } else {
    Index all = work.queries;
    Index ramp = work.window ? min(all, constant(*work.window)) : all;
    twicePairs = mul(ramp, add(ramp, constant(1)));
    if (work.window)
      twicePairs = add(twicePairs, mul(sub(all, ramp), 2 * *work.window));
  }
  return mul(mul(work.batch, work.heads * (work.keyDim + work.valueDim)),
             twicePairs);
}

Index WorkBuilder::countFlop(const ScanWork &work) {
  return mul(mul(work.batch, 2 * work.heads * work.stateDim * work.headDim),
             add(work.tokens, work.outputs));
}
