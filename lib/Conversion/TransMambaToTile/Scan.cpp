//===- Scan.cpp - The SSD scan --------------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
//   h_t = exp(A dt_t) h_{t-1} + dt_t k_t v_t^T,   y_t = q_t h_t + D v_t
//
// A block scans a segment of one head of one sequence in chunks of 64 tokens,
// from what the segments before it have left (ScanState.cpp). With a_t the
// sum of log2(exp(A dt)) over the tokens of the chunk up to t, a chunk gives
//
//   y = (q k^T * 2^(a_i + log2(dt_j) - a_j), j <= i) v + 2^a_i q h + D v
//   h = 2^a_63 h + (k * 2^(a_63 + log2(dt) - a))^T v
//
// (Mamba-2, arXiv 2405.21060, section 6). The state stays in registers, in f32;
// its rounded copy in shared memory is what queries are multiplied with.
//
//===----------------------------------------------------------------------===//

#include "ScanKernel.h"

using namespace mlir;
using namespace transmamba;
using Operand = ScanOperand;

namespace {

class ScanBuilder : ScanKernel {
public:
  ScanBuilder(OpBuilder &builder, Location loc, StringRef name,
              const ScanShape &shape, const ScanConfig &config,
              const ScanSources &sources)
      : ScanKernel(builder, loc, name, shape, config, getScanOperands(shape)),
        sources(sources) {}

  tile::KernelOp build();

private:
  Value tile(int64_t rows, int64_t columns) {
    return kernel.create<tile::AllocOp>(Type(
        tile::SharedType::get(kernel.getContext(), {rows, columns}, element)));
  }
  Value getToken(Value chunk) {
    return kernel.add(start, kernel.mul(chunk, kScanChunk));
  }

  void emitLoads();
  void emitConsumer();
  void emitAfter(Value before);
  Value emitStart();
  /// What a chunk takes over from the one before: the state before it, and its
  /// own decay.
  struct Carried {
    Value state;
    Decay decay;

    SmallVector<Value> pack() const { return {state, decay.sum, decay.weight}; }
    static Carried unpack(ValueRange values) {
      return {values[0], {values[1], values[2]}};
    }
  };
  Carried emitChunk(Value token, const Carried &before);
  Value emitWeights(Value scores, Value toToken, Value fromToken);
  Value emitOutput(Value queries, Value weights, Value values, Value toToken);
  Value finishOutput(Value output, Value values, Value token);

  const ScanSources &sources;
  /// The segment of this block, its first token, and its number of chunks.
  Value segment, start, chunks, length;
  /// D.
  Value skip;
  Value queryRing, keyRing, valueRing, stateTile, outputTile;
};

} // namespace

void ScanBuilder::emitLoads() {
  Value q = keyColumn(shape.q), k = keyColumn(shape.k),
        v = valueColumn(shape.v);
  kernel.loop(zero, chunks, one, [&](Value i) {
    Value token = getToken(i);
    kernel.load(argument(Operand::Queries), {batch, token, q}, queryRing);
    kernel.load(argument(Operand::Keys), {batch, token, k}, keyRing);
    kernel.load(argument(Operand::Values), {batch, token, v}, valueRing);
  });
}

/// Scores of the chunk's own tokens, decayed and weighed by their steps.
Value ScanBuilder::emitWeights(Value scores, Value toToken, Value fromToken) {
  Value nothing = kernel.number(0.0);
  Value weights = kernel.map({scores, toToken, fromToken}, scores.getType(),
                             [&](ValueRange x, Value row, Value from) -> Value {
                               Value product =
                                   mulf(x[0], exp2(addf(x[1], x[2])));
                               Value seen = kernel.create<arith::CmpIOp>(
                                   arith::CmpIPredicate::sge, row, from);
                               return choose(seen, product, nothing);
                             });
  return kernel.create<tile::CastOp>(operand(kScanChunk, kScanChunk), weights);
}

Value ScanBuilder::emitOutput(Value queries, Value weights, Value values,
                              Value toToken) {
  // What the tokens before the chunk have left. It starts after the weights are
  // there: both at once need more registers than there are.
  Value pending = kernel.mma(queries, stateTile, /*transposeB=*/false);
  Value output = kernel.create<tile::AwaitOp>(pending, Value());
  output = kernel.map({output, toToken}, output.getType(),
                      [&](ValueRange x, Value, Value) -> Value {
                        return mulf(x[0], exp2(x[1]));
                      });
  // Still under way while the new state starts it would be no faster, and need
  // more registers than there are.
  pending = kernel.mma(weights, values, /*transposeB=*/false, output);
  return kernel.create<tile::AwaitOp>(pending, Value());
}

/// Adds D v, and makes zeros of what lies beyond the length.
Value ScanBuilder::finishOutput(Value output, Value values, Value token) {
  if (skip) {
    Value own = kernel.create<tile::LoadFragmentOp>(
        operand(kScanChunk, width), values, /*transpose=*/false);
    output = kernel.map({output, own}, output.getType(),
                        [&](ValueRange x, Value, Value) -> Value {
                          Value v = kernel.create<arith::ExtFOp>(f32, x[1]);
                          return kernel.create<math::FmaOp>(v, skip, x[0]);
                        });
  }
  if (!length)
    return output;
  Value nothing = kernel.number(0.0);
  return kernel.map(
      output, output.getType(), [&](ValueRange x, Value row, Value) -> Value {
        return choose(isBelow(kernel.add(token, row), length), x[0], nothing);
      });
}

ScanBuilder::Carried ScanBuilder::emitChunk(Value token,
                                            const Carried &before) {
  Carried after;
  const Decay &decay = before.decay;
  Value next = kernel.add(token, kScanChunk);
  Value steps = readSteps(next);
  Value queries = kernel.wait(queryRing), keys = kernel.wait(keyRing),
        values = kernel.wait(valueRing);
  Value pending = kernel.mma(queries, keys, /*transposeB=*/true);
  // While the scores are multiplied.
  Value fromToken = kernel.create<tile::SpreadOp>(columns(), decay.weight);
  Value toToken = kernel.create<tile::SpreadOp>(rows(), decay.sum);
  Value scores = kernel.create<tile::AwaitOp>(pending, Value());
  Value weights = emitWeights(scores, toToken, fromToken);
  Value output = emitOutput(queries, weights, values, toToken);

  Value total = getTotal(decay), kept = exp2(total);
  Value state =
      kernel.map(before.state, stateType(),
                 [&](ValueRange x, Value, Value) { return mulf(x[0], kept); });
  Value pendingState = addChunk(state, keys, values, decay.weight, total);

  // While the new state is multiplied.
  output = finishOutput(output, values, token);
  // Its barrier: every warp has read the old state and the queries.
  kernel.create<tile::StoreWaitOp>();
  kernel.release(queryRing);
  kernel.create<tile::StoreFragmentOp>(output, outputTile);
  after.decay = emitDecay(steps, next, length);

  after.state = kernel.create<tile::AwaitOp>(pendingState, Value());
  kernel.release(keyRing);
  kernel.release(valueRing);
  kernel.create<tile::StoreFragmentOp>(after.state, stateTile);
  // Its barrier: the new state is there.
  kernel.create<tile::StoreOp>(
      outputTile, argument(Operand::Output),
      ValueRange{batch, token, valueColumn(shape.result)});
  return after;
}

/// Says what this block waits for: the states before its segment, or what
/// combines them.
void ScanBuilder::emitAfter(Value before) {
  auto times = [&](Value a, Value b) -> Value {
    return kernel.create<arith::MulIOp>(a, b);
  };
  auto dimension = [&](tile::Dimension along) {
    return tile::DimensionAttr::get(kernel.getContext(), along);
  };
  Value combined = argument(Operand::Combined);
  if (sources.states)
    kernel.create<tile::AfterOp>(FlatSymbolRefAttr::get(sources.states),
                                 kernel.blockId(tile::Dimension::x), batch,
                                 zero, times(before, kernel.sub(one, combined)),
                                 dimension(tile::Dimension::z));
  if (!sources.combination)
    return;
  Value slices = kernel.index(getCombineSlices(shape));
  kernel.create<tile::AfterOp>(
      FlatSymbolRefAttr::get(sources.combination), times(head, slices), batch,
      zero, times(combined, slices), dimension(tile::Dimension::x));
}

/// The state before this segment.
Value ScanBuilder::emitStart() {
  Value before = kernel.add(prefixSegments(), segment);
  emitAfter(before);
  Value state;
  if (has(Operand::Init))
    state = kernel.create<tile::ReadOp>(stateType(), argument(Operand::Init),
                                        stateAt());
  else
    state = kernel.create<tile::FillOp>(stateType(), kernel.number(0.0));
  // Of combined states the last one is all.
  Value last = kernel.create<arith::MulIOp>(
      kernel.create<arith::MaxUIOp>(before, one).getResult(),
      argument(Operand::Combined));
  Value isCombined = isBelow(zero, argument(Operand::Combined));
  Value first = kernel.sub(last, argument(Operand::Combined));
  Value nothing = kernel.number(0.0);
  return kernel.loop(
      first, before, one, state,
      [&](Value segment, ValueRange carried) -> SmallVector<Value> {
        Value own = kernel.create<tile::ReadOp>(
            stateType(), argument(Operand::States), stateAt(segment));
        Value decay = kernel.create<memref::LoadOp>(
            argument(Operand::Decays), ValueRange{batch, segment, head});
        decay = choose(isCombined, nothing, decay);
        return {kernel.map({carried[0], own}, stateType(),
                           [&](ValueRange x, Value, Value) -> Value {
                             return kernel.create<math::FmaOp>(x[0], decay,
                                                               x[1]);
                           })};
      })[0];
}

void ScanBuilder::emitConsumer() {
  // First, while registers are free: it holds two states at a time.
  Carried first;
  first.state = emitStart();
  loadRate();
  if (has(Operand::Skip))
    skip = kernel.create<memref::LoadOp>(argument(Operand::Skip), head);
  first.decay = emitDecay(readSteps(start), start, length);
  kernel.create<tile::StoreFragmentOp>(first.state, stateTile);
  kernel.create<tile::BarrierOp>(/*consumers=*/false);
  SmallVector<Value> end = kernel.loop(
      zero, chunks, one, first.pack(), [&](Value i, ValueRange carried) {
        return emitChunk(getToken(i), Carried::unpack(carried)).pack();
      });
  // Of the last segment; a state of another row of the batch is dropped.
  Value isLast = kernel.create<arith::CmpIOp>(
      arith::CmpIPredicate::eq, kernel.add(segment, 1),
      kernel.gridDim(tile::Dimension::z));
  SmallVector<Value> origin = stateAt();
  origin[0] = choose(isLast, batch, kernel.gridDim(tile::Dimension::y));
  kernel.create<tile::WriteOp>(end[0], argument(Operand::FinalState), origin);
  kernel.create<tile::StoreWaitOp>();
}

tile::KernelOp ScanBuilder::build() {
  segment = kernel.blockId(tile::Dimension::z);
  Value size = argument(Operand::Segment);
  start = kernel.add(argument(Operand::First),
                     kernel.create<arith::MulIOp>(segment, size).getResult());
  Value tokens = kernel.create<memref::DimOp>(argument(Operand::Output), one);
  Value count = kernel.min(kernel.sub(tokens, start), size);
  chunks = kernel.ceilDiv(count, kScanChunk);
  if (shape.lengths)
    length = kernel.loadLength(
        llvm::find(operands, Operand::Lengths) - operands.begin(), batch);
  queryRing = kernel.ring(kScanChunk, shape.stateDim, element, config.stages);
  keyRing = kernel.ring(kScanChunk, shape.stateDim, element, config.stages);
  valueRing = kernel.ring(kScanChunk, width, element, config.stages);
  stateTile = tile(shape.stateDim, width);
  outputTile = tile(kScanChunk, width);
  kernel.producer(/*registers=*/24, [&] { emitLoads(); });
  kernel.consumers(/*count=*/1, /*registers=*/232,
                   [&](Value) { emitConsumer(); });
  tile::KernelOp result = kernel.getKernel();
  result.setOccupancy(config.occupancy);
  return result;
}

tile::KernelOp transmamba::buildScan(OpBuilder &builder, Location loc,
                                     StringRef name, const ScanShape &shape,
                                     const ScanConfig &config,
                                     const ScanSources &sources) {
  tile::KernelOp kernel =
      ScanBuilder(builder, loc, name, shape, config, sources).build();
  kernel->setAttr(kTileConfigAttrName,
                  toAttribute(builder.getContext(), config));
  return kernel;
}
