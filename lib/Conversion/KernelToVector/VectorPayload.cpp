//===- VectorPayload.cpp - Vector form of a linalg body ---------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "VectorPayload.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

Lanes Lanes::get(OpBuilder &builder, Location loc, int64_t count, Value valid) {
  if (!valid)
    return {count, Value()};
  auto type = VectorType::get(count, builder.getI1Type());
  return {count, vector::CreateMaskOp::create(builder, loc, type, valid)};
}

Value transmamba::splat(OpBuilder &builder, Location loc, Value value,
                        int64_t lanes) {
  if (isa<VectorType>(value.getType()))
    return value;
  auto type = VectorType::get(lanes, value.getType());
  Attribute constant;
  if (matchPattern(value, m_Constant(&constant)))
    return arith::ConstantOp::create(
        builder, loc, type,
        cast<TypedAttr>(DenseElementsAttr::get(type, constant)));
  return vector::BroadcastOp::create(builder, loc, type, value);
}

static Value zeroVector(OpBuilder &builder, Location loc, VectorType type) {
  return arith::ConstantOp::create(builder, loc, type,
                                   cast<TypedAttr>(builder.getZeroAttr(type)));
}

/// The mask with all lanes set where there is none.
static Value explicitMask(OpBuilder &builder, Location loc,
                          const Lanes &lanes) {
  if (lanes.mask)
    return lanes.mask;
  auto type = VectorType::get(lanes.count, builder.getI1Type());
  return arith::ConstantOp::create(builder, loc, type,
                                   DenseElementsAttr::get(type, true));
}

/// [0, stride, 2 * stride, ...]
static Value laneOffsets(OpBuilder &builder, Location loc, OpFoldResult stride,
                         int64_t lanes) {
  auto type = VectorType::get(lanes, builder.getIndexType());
  if (std::optional<int64_t> constant = getConstantIntValue(stride)) {
    SmallVector<Attribute> offsets;
    for (int64_t lane = 0; lane < lanes; ++lane)
      offsets.push_back(builder.getIndexAttr(lane * *constant));
    return arith::ConstantOp::create(builder, loc, type,
                                     DenseElementsAttr::get(type, offsets));
  }
  Value step = vector::StepOp::create(builder, loc, type);
  return arith::MulIOp::create(builder, loc, step,
                               splat(builder, loc, cast<Value>(stride), lanes));
}

Value transmamba::loadLanes(OpBuilder &builder, Location loc, Value buffer,
                            OpFoldResult address, OpFoldResult stride,
                            const Lanes &lanes) {
  IndexBuilder index(builder, loc);
  Type elementType = cast<MemRefType>(buffer.getType()).getElementType();
  Value at = index.value(address);
  std::optional<int64_t> constant = getConstantIntValue(stride);
  if (constant == 0)
    return memref::LoadOp::create(builder, loc, buffer, at);
  auto type = VectorType::get(lanes.count, elementType);
  if (constant != 1)
    return vector::GatherOp::create(
        builder, loc, type, buffer, ValueRange{at},
        laneOffsets(builder, loc, stride, lanes.count),
        explicitMask(builder, loc, lanes), zeroVector(builder, loc, type));
  if (lanes.mask)
    return vector::MaskedLoadOp::create(builder, loc, type, buffer,
                                        ValueRange{at}, lanes.mask,
                                        zeroVector(builder, loc, type));
  return vector::LoadOp::create(builder, loc, type, buffer, ValueRange{at});
}

void transmamba::storeLanes(OpBuilder &builder, Location loc, Value value,
                            Value buffer, OpFoldResult address,
                            OpFoldResult stride, const Lanes &lanes) {
  IndexBuilder index(builder, loc);
  Value at = index.value(address);
  std::optional<int64_t> constant = getConstantIntValue(stride);
  if (constant == 0 && !isa<VectorType>(value.getType())) {
    memref::StoreOp::create(builder, loc, value, buffer, at);
    return;
  }
  value = splat(builder, loc, value, lanes.count);
  if (constant != 1) {
    vector::ScatterOp::create(builder, loc, Type(), buffer, ValueRange{at},
                              laneOffsets(builder, loc, stride, lanes.count),
                              explicitMask(builder, loc, lanes), value);
    return;
  }
  if (lanes.mask)
    vector::MaskedStoreOp::create(builder, loc, buffer, ValueRange{at},
                                  lanes.mask, value);
  else
    vector::StoreOp::create(builder, loc, value, buffer, ValueRange{at});
}

//===----------------------------------------------------------------------===//
// VectorPayload
//===----------------------------------------------------------------------===//

/// Element types whose vectors are laid out in memory like their scalars.
static bool hasVectorForm(Type type) {
  if (type.isIndex() ||
      isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(type))
    return true;
  auto integer = dyn_cast<IntegerType>(type);
  return integer && integer.isSignless() &&
         llvm::is_contained({8u, 16u, 32u, 64u}, integer.getWidth());
}

static bool isIntegerDivision(Operation *op) {
  return isa<arith::DivSIOp, arith::DivUIOp, arith::CeilDivSIOp,
             arith::CeilDivUIOp, arith::FloorDivSIOp, arith::RemSIOp,
             arith::RemUIOp>(op);
}

bool VectorPayload::isVectorizable(std::string &reason) const {
  for (const FlatOperand &operand : nest.operands) {
    if (!operand.scalar && !hasVectorForm(operand.elementType)) {
      reason = "an element type has no vector form in memory";
      return false;
    }
  }
  // Values that differ between lanes.
  llvm::SmallPtrSet<Value, 16> varying;
  Block *body = nest.op.getBody();
  for (auto [operand, argument] :
       llvm::zip(nest.operands, body->getArguments())) {
    if (!operand.isInvariant(dim))
      varying.insert(argument);
    // An output that is the same for all lanes and that the body updates is
    // a reduction, which this class does not know how to order.
    if (operand.isOutput && !operand.scalar && operand.isInvariant(dim) &&
        nest.dims[dim].isParallel) {
      reason = "an output is invariant in a parallel dimension";
      return false;
    }
    if (operand.isOutput)
      varying.insert(argument);
  }
  for (Operation &op : body->without_terminator()) {
    if (auto indexOp = dyn_cast<linalg::IndexOp>(op)) {
      if (nest.dims[dim].original == indexOp.getDim())
        varying.insert(indexOp.getResult());
      continue;
    }
    if (op.getNumRegions() != 0) {
      reason = "an operation in the body has a region";
      return false;
    }
    auto isVarying = [&](Value operand) { return varying.contains(operand); };
    if (!llvm::any_of(op.getOperands(), isVarying)) {
      if (isMemoryEffectFree(&op) || isa<memref::LoadOp>(op))
        continue;
      reason = "an operation in the body has a side effect";
      return false;
    }
    if (auto load = dyn_cast<memref::LoadOp>(op)) {
      if (!load.getMemRefType().isStrided() ||
          !hasVectorForm(load.getMemRefType().getElementType())) {
        reason = "a load in the body has no vector form";
        return false;
      }
    } else if (isIntegerDivision(&op)) {
      // A lane that does not exist would divide by zero.
      IntegerAttr divisor;
      if (!matchPattern(op.getOperand(1), m_Constant(&divisor)) ||
          divisor.getValue().isZero() || divisor.getValue().isAllOnes()) {
        reason = "an integer division by a value that is not constant";
        return false;
      }
    } else if (!OpTrait::hasElementwiseMappableTraits(&op) &&
               !isa<arith::SelectOp>(op)) {
      reason = "operation '" + op.getName().getStringRef().str() +
               "' has no vector form";
      return false;
    }
    // The buffer of a load stays what it is.
    auto hasVectorType = [](Type type) {
      return isa<MemRefType>(type) || VectorType::isValidElementType(type);
    };
    if (!llvm::all_of(op.getOperandTypes(), hasVectorType) ||
        !llvm::all_of(op.getResultTypes(), VectorType::isValidElementType)) {
      reason = "a type in the body is no vector element type";
      return false;
    }
    varying.insert_range(op.getResults());
  }
  return true;
}

Value VectorPayload::load(OpBuilder &builder, unsigned operand,
                          const Cursor &cursor, const Lanes &lanes) const {
  const FlatOperand &flat = nest.operands[operand];
  if (!flat.isRead)
    return Value();
  if (flat.scalar)
    return flat.scalar;
  return loadLanes(builder, nest.op.getLoc(), flat.buffer,
                   cursor.addresses[operand], flat.strides[dim], lanes);
}

void VectorPayload::store(OpBuilder &builder, unsigned operand, Value value,
                          const Cursor &cursor, const Lanes &lanes) const {
  const FlatOperand &flat = nest.operands[operand];
  storeLanes(builder, nest.op.getLoc(), value, flat.buffer,
             cursor.addresses[operand], flat.strides[dim], lanes);
}

/// A load whose address differs between lanes:
///   memref.load %m[%i, %lane]  ->  vector.load of the row (unit stride), or
///   memref.load %m[%v, %j]     ->  vector.gather
static Value emitVaryingLoad(OpBuilder &builder, memref::LoadOp load,
                             const IRMapping &mapping, Value laneIndex,
                             OpFoldResult laneBase, const Lanes &lanes) {
  Location loc = load.getLoc();
  IndexBuilder index(builder, loc);
  SmallVector<OpFoldResult> sizes, strides;
  Value buffer = flatten(builder, loc, load.getMemRef(), sizes, strides);
  OpFoldResult address = index.cst(0), laneStride = index.cst(0);
  Value offsets;
  auto indexVector = VectorType::get(lanes.count, builder.getIndexType());
  for (auto [position, stride] : llvm::zip(load.getIndices(), strides)) {
    Value mapped = mapping.lookupOrDefault(position);
    if (mapped == laneIndex) {
      address = index.add(address, index.mul(laneBase, stride));
      laneStride = index.add(laneStride, stride);
    } else if (mapped.getType().isIndex()) {
      address = index.add(address, index.mul(mapped, stride));
    } else {
      Value scaled = arith::MulIOp::create(
          builder, loc, mapped,
          splat(builder, loc, index.value(stride), lanes.count));
      offsets =
          offsets
              ? arith::AddIOp::create(builder, loc, offsets, scaled).getResult()
              : scaled;
    }
  }
  if (!offsets)
    return loadLanes(builder, loc, buffer, address, laneStride, lanes);
  if (getConstantIntValue(laneStride) != 0) {
    Value step = vector::StepOp::create(builder, loc, indexVector);
    Value scaled = arith::MulIOp::create(
        builder, loc, step,
        splat(builder, loc, index.value(laneStride), lanes.count));
    offsets = arith::AddIOp::create(builder, loc, offsets, scaled);
  }
  auto type =
      VectorType::get(lanes.count, load.getMemRefType().getElementType());
  return vector::GatherOp::create(
      builder, loc, type, buffer, ValueRange{index.value(address)}, offsets,
      explicitMask(builder, loc, lanes), zeroVector(builder, loc, type));
}

SmallVector<Value> VectorPayload::emit(OpBuilder &builder,
                                       ArrayRef<Value> arguments,
                                       const Cursor &cursor,
                                       const Lanes &lanes) const {
  Location loc = nest.op.getLoc();
  IndexBuilder index(builder, loc);
  Block *body = nest.op.getBody();
  IRMapping mapping;
  for (auto [argument, value] : llvm::zip(body->getArguments(), arguments))
    if (value)
      mapping.map(argument, value);

  Value laneIndex;
  for (Operation &op : body->without_terminator()) {
    if (auto indexOp = dyn_cast<linalg::IndexOp>(op)) {
      auto *found = llvm::find_if(nest.dims, [&](const LoopDim &loop) {
        return loop.original == indexOp.getDim();
      });
      if (found == nest.dims.end()) {
        mapping.map(indexOp.getResult(), index.value(index.cst(0)));
        continue;
      }
      unsigned position = found - nest.dims.begin();
      Value base = index.value(cursor.indices[position]);
      if (position != dim) {
        mapping.map(indexOp.getResult(), base);
        continue;
      }
      if (!laneIndex)
        laneIndex = arith::AddIOp::create(
            builder, loc, splat(builder, loc, base, lanes.count),
            laneOffsets(builder, loc, index.cst(1), lanes.count));
      mapping.map(indexOp.getResult(), laneIndex);
      continue;
    }
    auto isVector = [&](Value operand) {
      return isa<VectorType>(mapping.lookupOrDefault(operand).getType());
    };
    if (llvm::none_of(op.getOperands(), isVector)) {
      builder.clone(op, mapping);
      continue;
    }
    if (auto load = dyn_cast<memref::LoadOp>(op)) {
      mapping.map(load.getResult(),
                  emitVaryingLoad(builder, load, mapping, laneIndex,
                                  cursor.indices[dim], lanes));
      continue;
    }
    OperationState state(op.getLoc(), op.getName());
    for (Value operand : op.getOperands())
      state.operands.push_back(splat(
          builder, op.getLoc(), mapping.lookupOrDefault(operand), lanes.count));
    for (Type type : op.getResultTypes())
      state.types.push_back(VectorType::get(lanes.count, type));
    state.attributes = llvm::to_vector(op.getAttrs());
    mapping.map(op.getResults(), builder.create(state)->getResults());
  }
  SmallVector<Value> yielded;
  for (Value value : body->getTerminator()->getOperands())
    yielded.push_back(mapping.lookupOrDefault(value));
  return yielded;
}

unsigned VectorPayload::widestElementBits(linalg::GenericOp op) {
  unsigned bits = 8;
  auto visit = [&](Type type) {
    if (type.isIntOrFloat())
      bits = std::max(bits, type.getIntOrFloatBitWidth());
  };
  for (BlockArgument argument : op.getBody()->getArguments())
    visit(argument.getType());
  for (Operation &inner : op.getBody()->without_terminator())
    llvm::for_each(inner.getResultTypes(), visit);
  return bits;
}

int64_t VectorPayload::laneCount(const VectorTarget &target) const {
  int64_t lanes = target.lanes(widestElementBits(nest.op));
  std::optional<int64_t> size = nest.dims[dim].size();
  if (!size)
    return lanes;
  uint64_t needed = llvm::bit_ceil<uint64_t>(std::max<int64_t>(*size, 1));
  return std::min<int64_t>(lanes, needed);
}

VectorPayload::OtherDims VectorPayload::otherDims() const {
  OtherDims others;
  for (auto [other, loop] : llvm::enumerate(nest.dims))
    if (other != dim)
      (loop.isParallel ? others.parallel : others.reduced).push_back(other);
  return others;
}

int64_t VectorPayload::numOps() const {
  return llvm::range_size(nest.op.getBody()->without_terminator());
}
