//===- ScanState.cpp - States of segments ---------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// What a segment leaves on its own is a sum over its tokens, each decayed by
// the steps after it. From the last chunk back, what is summed already needs no
// decay, and the chunks that are read last, the first ones, are those that the
// scan finds in the second-level cache.
//
//===----------------------------------------------------------------------===//

#include "ScanKernel.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;
using Operand = ScanOperand;

namespace {

class StateBuilder : ScanKernel {
public:
  StateBuilder(OpBuilder &builder, Location loc, StringRef name,
               const ScanShape &shape, const ScanConfig &config)
      : ScanKernel(builder, loc, name, shape, config, getStateOperands(shape)) {
  }

  tile::KernelOp build();

private:
  /// Chunks whose steps are on their way from memory.
  static constexpr int64_t kStepsAhead = 4;

  void emitLoads();
  void emitConsumer(Value warpgroup);
  /// The first token of the chunk that is the `number`th from the end.
  Value getToken(Value number) {
    Value chunk = kernel.sub(kernel.sub(chunks, one), number);
    return kernel.add(start, kernel.mul(chunk, kScanChunk));
  }

  Value segment, start, end, chunks;
  Value keyRing, valueRing;
};

/// Runs over the states of a head and a row, of some rows and columns of them.
class CombineBuilder : ScanKernel {
public:
  CombineBuilder(OpBuilder &builder, Location loc, StringRef name,
                 const ScanShape &shape, const ScanConfig &slices,
                 ArrayRef<Operand> operands, int64_t parts = 1,
                 StringAttr source = {})
      : ScanKernel(builder, loc, name, shape, slices, operands), parts(parts),
        source(source) {}

  tile::KernelOp build();

private:
  static constexpr int64_t kRows = 64;
  /// States that are read at once.
  static constexpr int64_t kAhead = 8;

  /// This block's place in a tensor of states.
  SmallVector<Value> sliceAt(Value segment = {});
  void emitAfter();
  void emitConsumer();

  /// Blocks that share a head of the kernel of states, and its name where it is
  /// waited for.
  int64_t parts;
  StringAttr source;
};

} // namespace

void StateBuilder::emitLoads() {
  // An empty segment has one chunk too, beyond the tensor, where there are
  // zeros.
  Value beyond = kernel.dim(argument(Operand::Keys), 1);
  Value isEmpty = isBelow(end, kernel.add(start, 1));
  kernel.loop(zero, chunks, one, [&](Value i) {
    Value token = choose(isEmpty, beyond, getToken(i));
    load(argument(Operand::Keys), token, true, shape.k, keyRing);
    load(argument(Operand::Values), token, false, shape.v, valueRing);
  });
}

// While a chunk is multiplied, the keys of the one before it are weighed.
void StateBuilder::emitConsumer(Value warpgroup) {
  enterUnit(warpgroup);
  loadRate();
  // Of the steps after a chunk.
  Value nothing = kernel.number(0.0);
  struct Chunk {
    Keys keys;
    Value later;
  };
  // Steps of the chunks to come. Before the first chunk this reads what is
  // before the segment, or nothing before the tensor: nobody uses it.
  SmallVector<Value> steps;
  auto prepare = [&](Value i, Value later) -> Chunk {
    Decay decay = emitDecay(steps.front(), getToken(i), end);
    steps.erase(steps.begin());
    steps.push_back(readSteps(getToken(kernel.add(i, kStepsAhead))));
    later = addf(later, getTotal(decay));
    Value tile = ownTile(kernel.wait(keyRing));
    // The others are full.
    if (shape.lengths && i == zero)
      clearFrom(end, getToken(i), tile);
    Keys keys = loadKeys(tile, decay.weight, later);
    kernel.release(keyRing);
    return {keys, later};
  };
  auto multiply = [&](Value i, Value keys, Value state) -> Value {
    Value values = ownTile(kernel.wait(valueRing));
    if (shape.lengths)
      clearFrom(end, getToken(i), values);
    return kernel.mma(keys, values, /*transposeB=*/false, state);
  };
  auto finish = [&](Value pending) -> Value {
    Value state = kernel.create<tile::AwaitOp>(pending, Value());
    kernel.release(valueRing);
    return state;
  };
  for (int64_t i = 0; i < kStepsAhead; ++i)
    steps.push_back(readSteps(getToken(kernel.index(i))));
  Value state = kernel.create<tile::FillOp>(stateType(), nothing);
  Chunk last = prepare(zero, nothing);
  SmallVector<Value> carried = {state, weigh(last.keys), last.later};
  carried.append(steps);
  carried = kernel.loop(
      one, chunks, one, carried,
      [&](Value i, ValueRange carried) -> SmallVector<Value> {
        steps.assign(carried.begin() + 3, carried.end());
        Value pending = multiply(kernel.sub(i, one), carried[1], carried[0]);
        Chunk chunk = prepare(i, carried[2]);
        // Operands are not made while products are under way,
        // or ptxas makes these wait for one another.
        Value state = finish(pending);
        SmallVector<Value> next = {state, weigh(chunk.keys), chunk.later};
        next.append(steps);
        return next;
      });
  state = finish(multiply(kernel.sub(chunks, one), carried[1], carried[0]));
  kernel.create<tile::WriteOp>(state, argument(Operand::States),
                               stateAt(segment));
  kernel.create<memref::StoreOp>(exp2(carried[2]), argument(Operand::Decays),
                                 ValueRange{batch, segment, head});
}

tile::KernelOp StateBuilder::build() {
  segment = kernel.blockId(tile::Dimension::z);
  Value first = argument(Operand::First), size = argument(Operand::Segment);
  Value before = prefixSegments();
  // Segments of the prefix start at token 0, the others at the first token
  // after it.
  Value isPrefix = isBelow(segment, before);
  auto times = [&](Value count) -> Value {
    return kernel.create<arith::MulIOp>(count, size);
  };
  start = choose(isPrefix, times(segment),
                 kernel.add(first, times(kernel.sub(segment, before))));
  end = kernel.add(start, size);
  end = choose(isPrefix, kernel.min(end, first), end);
  if (shape.lengths)
    end = kernel.min(end, loadLength());
  Value count = kernel.sub(kernel.create<arith::MaxUIOp>(start, end), start);
  chunks =
      kernel.create<arith::MaxUIOp>(kernel.ceilDiv(count, kScanChunk), one);
  keyRing = makeKeyRing();
  valueRing = makeValueRing();
  kernel.producer(getProducerRegisters(), [&] { emitLoads(); });
  kernel.consumers(config.warpgroups, kConsumerRegisters,
                   [&](Value warpgroup) { emitConsumer(warpgroup); });
  tile::KernelOp result = kernel.getKernel();
  result.setOccupancy(config.occupancy);
  return result;
}

tile::KernelOp transmamba::buildScanState(OpBuilder &builder, Location loc,
                                          StringRef name,
                                          const ScanShape &shape,
                                          const ScanConfig &config) {
  tile::KernelOp kernel =
      StateBuilder(builder, loc, name, shape, config).build();
  kernel->setAttr(kTileConfigAttrName,
                  toAttribute(builder.getContext(), config));
  return kernel;
}

//===----------------------------------------------------------------------===//
// One state from another
//===----------------------------------------------------------------------===//

/// Columns of a slice: few, so that there are blocks enough.
static constexpr int64_t kSliceColumns = 16;

int64_t transmamba::getCombineSlices(const ScanShape &shape) {
  return llvm::divideCeil(shape.stateDim, 64) * shape.headDim / kSliceColumns;
}

SmallVector<Value> CombineBuilder::sliceAt(Value segment) {
  int64_t across = shape.headDim / kSliceColumns;
  Value row = kernel.mul(kernel.div(part, across), kRows);
  Value column =
      kernel.mul(kernel.rem(part, kernel.index(across)), kSliceColumns);
  SmallVector<Value> indices = {batch};
  if (segment)
    indices.push_back(segment);
  indices.append({head, row, column});
  return indices;
}

/// Waits for the states of all segments, of the part that has these columns.
void CombineBuilder::emitAfter() {
  Value own = kernel.div(sliceAt().back(), shape.headDim / parts);
  Value x = kernel.add(kernel.mul(head, parts), own);
  kernel.create<tile::AfterOp>(
      FlatSymbolRefAttr::get(source), x, batch, zero, argument(Operand::Count),
      tile::DimensionAttr::get(kernel.getContext(), tile::Dimension::z));
}

void CombineBuilder::emitConsumer() {
  if (source)
    emitAfter();
  Type type = fragment(kRows, kSliceColumns);
  bool keepsAll = !has(Operand::FinalState);
  Value states = argument(Operand::States);
  Value count = argument(Operand::Count);
  Value last = kernel.sub(count, one);
  Value room = kernel.create<memref::DimOp>(states, one);
  Value state;
  if (has(Operand::Init))
    state =
        kernel.create<tile::ReadOp>(type, argument(Operand::Init), sliceAt());
  else
    state = kernel.create<tile::FillOp>(type, kernel.number(0.0));
  Value unit = kernel.number(1.0);
  Value end = kernel.loop(
      zero, kernel.ceilDiv(count, kAhead), one, state,
      [&](Value i, ValueRange carried) -> SmallVector<Value> {
        Value state = carried[0], first = kernel.mul(i, kAhead);
        SmallVector<Value> segments, own, decays;
        for (int64_t ahead = 0; ahead < kAhead; ++ahead) {
          Value segment = kernel.add(first, ahead);
          Value isBeyond = isBelow(last, segment);
          Value decay = kernel.create<memref::LoadOp>(
              argument(Operand::Decays),
              ValueRange{batch, kernel.min(segment, last), head});
          // Beyond the last one: no decay, and zeros, as beyond the tensor.
          decays.push_back(choose(isBeyond, unit, decay));
          segments.push_back(choose(isBeyond, room, segment));
          own.push_back(kernel.create<tile::ReadOp>(type, states,
                                                    sliceAt(segments.back())));
        }
        for (int64_t ahead = 0; ahead < kAhead; ++ahead) {
          state = kernel.map({state, own[ahead]}, type,
                             [&](ValueRange x, Value, Value) -> Value {
                               return kernel.create<math::FmaOp>(
                                   x[0], decays[ahead], x[1]);
                             });
          if (keepsAll)
            kernel.create<tile::WriteOp>(state, states,
                                         sliceAt(segments[ahead]));
        }
        return {state};
      })[0];
  if (!keepsAll)
    kernel.create<tile::WriteOp>(end, argument(Operand::FinalState), sliceAt());
}

tile::KernelOp CombineBuilder::build() {
  kernel.consumers(/*count=*/1, /*registers=*/128,
                   [&](Value) { emitConsumer(); });
  return kernel.getKernel();
}

static ScanConfig getSlices(const ScanShape &shape) {
  ScanConfig config;
  config.parts = getCombineSlices(shape);
  return config;
}

tile::KernelOp transmamba::buildScanCombine(OpBuilder &builder, Location loc,
                                            StringRef name,
                                            const ScanShape &shape,
                                            const ScanConfig &config,
                                            const ScanSources &sources) {
  return CombineBuilder(builder, loc, name, shape, getSlices(shape),
                        getCombineOperands(shape), config.parts, sources.states)
      .build();
}

tile::KernelOp transmamba::buildScanFold(OpBuilder &builder, Location loc,
                                         StringRef name,
                                         const ScanShape &shape) {
  return CombineBuilder(builder, loc, name, shape, getSlices(shape),
                        getFoldOperands(shape))
      .build();
}
