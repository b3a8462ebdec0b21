//===- ScanKernel.cpp - What the kernels of a scan share ------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ScanKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;
using Operand = ScanOperand;

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

SmallVector<Operand> transmamba::getScanOperands(const ScanShape &shape) {
  SmallVector<Operand> operands = {Operand::Queries, Operand::Keys,
                                   Operand::Values, Operand::Steps,
                                   Operand::Rates};
  if (shape.hasSkip)
    operands.push_back(Operand::Skip);
  if (shape.gate.tensor)
    operands.push_back(Operand::Gate);
  if (shape.hasInit)
    operands.push_back(Operand::Init);
  if (shape.lengths)
    operands.push_back(Operand::Lengths);
  operands.append({Operand::States, Operand::Decays, Operand::First,
                   Operand::Segment, Operand::Combined, Operand::Output,
                   Operand::FinalState});
  return operands;
}

SmallVector<Operand> transmamba::getStateOperands(const ScanShape &shape) {
  SmallVector<Operand> operands = {Operand::Keys, Operand::Values,
                                   Operand::Steps, Operand::Rates};
  if (shape.lengths)
    operands.push_back(Operand::Lengths);
  operands.append(
      {Operand::First, Operand::Segment, Operand::States, Operand::Decays});
  return operands;
}

SmallVector<Operand> transmamba::getCombineOperands(const ScanShape &shape) {
  SmallVector<Operand> operands;
  if (shape.hasInit)
    operands.push_back(Operand::Init);
  operands.append({Operand::Decays, Operand::Count, Operand::States});
  return operands;
}

SmallVector<Operand> transmamba::getFoldOperands(const ScanShape &shape) {
  SmallVector<Operand> operands;
  if (shape.hasInit)
    operands.push_back(Operand::Init);
  operands.append(
      {Operand::Decays, Operand::States, Operand::Count, Operand::FinalState});
  return operands;
}

Type transmamba::getOperandType(Operand operand, const ScanShape &shape) {
  Type f32 = shape.dt.getElementType();
  int64_t rows = shape.state.getDimSize(0);
  switch (operand) {
  case Operand::Queries:
    return shape.q.tensor;
  case Operand::Keys:
    return shape.k.tensor;
  case Operand::Values:
    return shape.v.tensor;
  case Operand::Gate:
    return shape.gate.tensor;
  case Operand::Steps:
    return shape.dt;
  case Operand::Rates:
  case Operand::Skip:
    return RankedTensorType::get({shape.heads}, f32);
  case Operand::Init:
  case Operand::FinalState:
    return shape.state;
  case Operand::Lengths:
    return shape.lengths;
  case Operand::States:
    return RankedTensorType::get(
        {rows, shape.segments, shape.heads, shape.stateDim, shape.headDim},
        f32);
  case Operand::Decays:
    return RankedTensorType::get({rows, shape.segments, shape.heads}, f32);
  case Operand::Count:
  case Operand::First:
  case Operand::Segment:
  case Operand::Combined:
    return IndexType::get(f32.getContext());
  case Operand::Output:
    break;
  }
  return shape.result.tensor;
}

/// A kernel takes buffers.
static SmallVector<Type> getArgumentTypes(ArrayRef<Operand> operands,
                                          const ScanShape &shape) {
  SmallVector<Type> types;
  for (Operand operand : operands) {
    Type type = getOperandType(operand, shape);
    auto tensor = dyn_cast<RankedTensorType>(type);
    types.push_back(tensor ? Type(getBuffer(tensor)) : type);
  }
  return types;
}

ScanKernel::ScanKernel(OpBuilder &builder, Location loc, StringRef name,
                       const ScanShape &shape, const ScanConfig &config,
                       ArrayRef<Operand> operands)
    : kernel(builder, loc, name, getArgumentTypes(operands, shape)),
      shape(shape), config(config), operands(operands),
      element(shape.v.tensor.getElementType()), f32(builder.getF32Type()),
      width(shape.headDim / config.parts),
      stateRows(llvm::alignTo(shape.stateDim, 64)) {
  zero = kernel.index(0);
  one = kernel.index(1);
  unit = kernel.mul(kernel.blockId(tile::Dimension::x), config.warpgroups);
  batch = kernel.blockId(tile::Dimension::y);
  enterUnit(zero);
}

//===----------------------------------------------------------------------===//
// Where a block works
//===----------------------------------------------------------------------===//

void ScanKernel::enterUnit(Value own) {
  warpgroup = own;
  Value x = config.warpgroups == 1 ? unit : kernel.add(unit, own);
  head = kernel.div(x, config.parts);
  part = config.parts == 1 ? zero : kernel.rem(x, kernel.index(config.parts));
}

Value ScanKernel::makeKeyRing() {
  return kernel.ring(kScanChunk * (config.sharesKeys() ? 1 : config.warpgroups),
                     shape.stateDim, element, config.stages);
}

Value ScanKernel::makeValueRing() {
  return kernel.ring(kScanChunk * config.warpgroups, width, element,
                     config.stages);
}

void ScanKernel::load(Value source, Value token, bool areKeys,
                      const HeadColumns &columns, Value ring) {
  SmallVector<Value> indices;
  int64_t boxes = areKeys && config.sharesKeys() ? 1 : config.warpgroups;
  for (int64_t box = 0; box < boxes; ++box) {
    enterUnit(kernel.index(box));
    Value column = areKeys ? keyColumn(columns) : valueColumn(columns);
    indices.append({batch, token, column});
  }
  kernel.load(source, indices, ring);
}

Value ScanKernel::ownTile(Value tile) {
  int64_t rows = cast<tile::SharedType>(tile.getType()).getRows();
  if (config.warpgroups == 1 || rows == kScanChunk)
    return tile;
  rows /= config.warpgroups;
  return kernel.rowSlice(tile, kernel.mul(warpgroup, rows), rows);
}

void ScanKernel::clearFrom(Value end, Value token, ValueRange tiles) {
  kernel.ifLess(end, kernel.add(token, kScanChunk), [&] {
    for (Value tile : tiles)
      kernel.create<tile::ClearRowsOp>(tile, kernel.sub(end, token));
  });
}

Value ScanKernel::keyColumn(const HeadColumns &columns) {
  Value number = kernel.div(head, shape.heads / columns.heads);
  return kernel.add(kernel.mul(number, shape.stateDim), columns.first);
}

Value ScanKernel::valueColumn(const HeadColumns &columns) {
  Value number = kernel.div(head, shape.heads / columns.heads);
  Value column = kernel.mul(number, shape.headDim);
  if (config.parts != 1)
    column = kernel.add(column, kernel.mul(part, width));
  return kernel.add(column, columns.first);
}

SmallVector<Value> ScanKernel::stateAt(Value segment) {
  SmallVector<Value> indices = {batch};
  if (segment)
    indices.push_back(segment);
  indices.append({head, zero, kernel.mul(part, width)});
  return indices;
}

Value ScanKernel::prefixSegments() {
  Value segment = argument(Operand::Segment);
  Value rounded =
      kernel.sub(kernel.add(argument(Operand::First), segment), one);
  return kernel.div(rounded, segment);
}

void ScanKernel::loadRate() {
  Value decay = kernel.create<memref::LoadOp>(argument(Operand::Rates), head);
  rate = mulf(decay, kernel.number(1.4426950408889634));
}

//===----------------------------------------------------------------------===//
// Decays and states
//===----------------------------------------------------------------------===//

Value ScanKernel::readSteps(Value token) {
  return kernel.create<tile::ReadOp>(vector(), argument(Operand::Steps),
                                     ValueRange{batch, token, head});
}

ScanKernel::Decay ScanKernel::emitDecay(Value steps, Value token, Value end) {
  if (end) {
    Value nothing = kernel.number(0.0);
    steps = kernel.map(
        steps, vector(), [&](ValueRange x, Value row, Value) -> Value {
          return choose(isBelow(kernel.add(token, row), end), x[0], nothing);
        });
  }
  // A step of 0 decays nothing, and log2(0) is minus infinity.
  Value logs = kernel.map(steps, vector(), [&](ValueRange x, Value, Value) {
    return mulf(x[0], rate);
  });
  Decay decay;
  decay.sum = kernel.create<tile::PrefixSumOp>(logs);
  decay.weight = kernel.map(
      {steps, decay.sum}, vector(), [&](ValueRange x, Value, Value) -> Value {
        return kernel.create<arith::SubFOp>(
            kernel.create<math::Log2Op>(x[0]).getResult(), x[1]);
      });
  return decay;
}

Value ScanKernel::getTotal(const Decay &decay) {
  return kernel.create<tile::ElementOp>(decay.sum, uint32_t(kScanChunk - 1));
}

ScanKernel::Keys ScanKernel::loadKeys(Value keys, Value weight, Value scale) {
  Keys result;
  result.transposed = kernel.create<tile::LoadFragmentOp>(
      operand(stateRows, kScanChunk), keys, /*transpose=*/true);
  // Of each token, before many threads have it.
  Value factors =
      kernel.map(weight, vector(), [&](ValueRange x, Value, Value) -> Value {
        return exp2(addf(x[0], scale));
      });
  result.factors = kernel.create<tile::SpreadOp>(columns(), factors);
  return result;
}

Value ScanKernel::weigh(const Keys &keys) {
  return kernel.create<tile::ScaleColumnsOp>(keys.transposed, keys.factors);
}
