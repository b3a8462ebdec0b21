//===- ThreadCode.cpp - Indices, elements and bodies ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ThreadCode.h"

#include "VectorAccess.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace transmamba {

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

Value ThreadCode::constant(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value ThreadCode::add(Value x, Value y) {
  return b.createOrFold<arith::AddIOp>(loc, x, y);
}

Value ThreadCode::mul(Value x, Value y) {
  return b.createOrFold<arith::MulIOp>(loc, x, y);
}

Value ThreadCode::getProduct(ArrayRef<Value> factors) {
  Value product = constant(1);
  for (Value factor : factors)
    product = mul(product, factor);
  return product;
}

SmallVector<Value> ThreadCode::getSizes(linalg::GenericOp op) {
  SmallVector<Range> ranges =
      cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(b, loc);
  return llvm::map_to_vector(ranges, [&](const Range &range) {
    return getValueOrCreateConstantIndexOp(b, loc, range.size);
  });
}

void ThreadCode::delinearize(Value linear, ArrayRef<unsigned> dims,
                             ArrayRef<Value> extents,
                             MutableArrayRef<Value> result) {
  // A division is dear: none is needed for a dimension of one element, nor for
  // the slowest of the others.
  SmallVector<unsigned> moving;
  for (unsigned dim : dims) {
    if (isConstantIntValue(extents[dim], 1))
      result[dim] = constant(0);
    else
      moving.push_back(dim);
  }
  for (size_t i = moving.size(); i-- > 0;) {
    if (i == 0) {
      result[moving[i]] = linear;
      return;
    }
    Value extent = extents[moving[i]];
    result[moving[i]] = b.createOrFold<arith::RemUIOp>(loc, linear, extent);
    linear = b.createOrFold<arith::DivUIOp>(loc, linear, extent);
  }
}

SmallVector<Value> ThreadCode::moved(ArrayRef<Value> dims, unsigned along,
                                     int64_t distance) {
  SmallVector<Value> result(dims);
  if (distance != 0)
    result[along] = add(result[along], constant(distance));
  return result;
}

SmallVector<Value> ThreadCode::getIndices(OpOperand &operand,
                                          ArrayRef<Value> dims) {
  auto op = cast<linalg::GenericOp>(operand.getOwner());
  AffineMap map = op.getMatchingIndexingMap(&operand);
  return llvm::map_to_vector(map.getResults(), [&](AffineExpr result) {
    return affine::expandAffineExpr(b, loc, result, dims,
                                    /*symbolValues=*/{});
  });
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value ThreadCode::load(OpOperand &operand, ArrayRef<Value> dims) {
  if (!isa<MemRefType>(operand.get().getType()))
    return operand.get();
  return memref::LoadOp::create(b, loc, operand.get(),
                                getIndices(operand, dims));
}

void ThreadCode::store(OpOperand &output, ArrayRef<Value> dims, Value value) {
  memref::StoreOp::create(b, loc, value, output.get(),
                          getIndices(output, dims));
}

/// What a vector of `width` elements is aligned to.
static llvm::Align getVectorAlignment(Type element, int64_t width) {
  return llvm::Align(
      std::min(width * getElementBytes(element), kMaxAccessBytes));
}

SmallVector<Value> ThreadCode::loadVector(OpOperand &operand,
                                          ArrayRef<Value> dims, unsigned along,
                                          int64_t width) {
  auto op = cast<linalg::GenericOp>(operand.getOwner());
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (width == 1 || !isa<MemRefType>(operand.get().getType()) ||
      !map.isFunctionOfDim(along))
    return SmallVector<Value>(width, load(operand, dims));
  if (!isContiguousAlong(operand, along)) {
    SmallVector<Value> elements;
    for (int64_t i = 0; i < width; ++i)
      elements.push_back(load(operand, moved(dims, along, i)));
    return elements;
  }
  Type element = getElementTypeOrSelf(operand.get());
  auto vector = vector::LoadOp::create(
      b, loc, VectorType::get({width}, element), operand.get(),
      getIndices(operand, dims), /*nontemporal=*/false,
      getVectorAlignment(element, width));
  return llvm::to_vector_of<Value>(
      vector::ToElementsOp::create(b, loc, vector.getResult()).getResults());
}

void ThreadCode::storeVector(OpOperand &output, ArrayRef<Value> dims,
                             ArrayRef<Value> values) {
  if (values.size() == 1)
    return store(output, dims, values.front());
  auto type = VectorType::get({static_cast<int64_t>(values.size())},
                              values.front().getType());
  Value vector = vector::FromElementsOp::create(b, loc, type, values);
  vector::StoreOp::create(
      b, loc, vector, output.get(), getIndices(output, dims),
      /*nontemporal=*/false,
      getVectorAlignment(type.getElementType(), type.getNumElements()));
}

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

SmallVector<Value> ThreadCode::inlineBody(linalg::GenericOp op,
                                          ArrayRef<Value> arguments,
                                          ArrayRef<Value> dims) {
  IRMapping map;
  map.map(op.getBody()->getArguments(), arguments);
  SmallVector<linalg::IndexOp> indices;
  for (Operation &bodyOp : op.getBody()->without_terminator())
    b.clone(bodyOp, map)->walk([&](linalg::IndexOp index) {
      indices.push_back(index);
    });
  SmallVector<Value> results = llvm::map_to_vector(
      op.getBody()->getTerminator()->getOperands(),
      [&](Value value) { return map.lookupOrDefault(value); });
  for (linalg::IndexOp index : indices) {
    Value dim = dims[index.getDim()];
    std::replace(results.begin(), results.end(), Value(index), dim);
    b.replaceOp(index, dim);
  }
  return results;
}

} // namespace transmamba
