//===- Scan.cpp - The SSD scan --------------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
//   h_t = exp(A dt_t) h_{t-1} + dt_t k_t v_t^T,   y_t = q_t h_t + D v_t
//
// and, where there is a gate, y_t times silu(z_t).
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

#include "Activations.h"
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
  /// `rows` for each warpgroup.
  Value tile(int64_t rows, int64_t columns) {
    return kernel.create<tile::AllocOp>(Type(tile::SharedType::get(
        kernel.getContext(), {rows * config.warpgroups, columns}, element)));
  }
  Value getToken(Value chunk) {
    return kernel.add(start, kernel.mul(chunk, kScanChunk));
  }

  void emitLoads();
  void emitConsumer(Value warpgroup);
  void emitAfter(Value before);
  Value emitStart();
  /// What a chunk takes over from the one before: the state before it, decayed
  /// by its steps, its own decay, and the steps of the next one if there are
  /// registers for them.
  struct Carried {
    Value state;
    Decay decay;
    Value steps;

    SmallVector<Value> pack() const {
      SmallVector<Value> values = {state, decay.sum, decay.weight};
      if (steps)
        values.push_back(steps);
      return values;
    }
    static Carried unpack(ValueRange values) {
      return {values[0],
              {values[1], values[2]},
              values.size() > 3 ? values[3] : Value()};
    }
  };
  bool readsAhead() const { return config.warpgroups > 1; }
  Carried emitChunk(Value token, const Carried &before);
  Value decayState(Value state, const Decay &decay);
  Value emitWeights(Value scores, Value toToken, Value fromToken);
  Value finishOutput(Value output, Value values, Value gate, Value token);

  const ScanSources &sources;
  /// The segment of this block, its first token, and its number of chunks.
  Value segment, start, chunks;
  /// What only consumers know: where the row ends, and the segment.
  Value length, end;
  /// D.
  Value skip;
  Value queryRing, keyRing, valueRing, stateTile;
  /// A result is written over the gate it was multiplied with, if there is one.
  Value outputTile, gateRing;
};

} // namespace

void ScanBuilder::emitLoads() {
  auto loadGate = [&](Value token) {
    if (gateRing)
      load(argument(Operand::Gate), token, false, shape.gate, gateRing);
  };
  loadGate(start);
  kernel.loop(zero, chunks, one, [&](Value i) {
    Value token = getToken(i);
    load(argument(Operand::Queries), token, true, shape.q, queryRing);
    load(argument(Operand::Keys), token, true, shape.k, keyRing);
    load(argument(Operand::Values), token, false, shape.v, valueRing);
    loadGate(token);
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

/// Adds D v, multiplies with silu(z), and makes zeros of what lies beyond the
/// length.
Value ScanBuilder::finishOutput(Value output, Value values, Value gate,
                                Value token) {
  if (!skip && !gate && !length)
    return output;
  SmallVector<Value> inputs = {output};
  auto load = [&](Value tile) {
    inputs.push_back(kernel.create<tile::LoadFragmentOp>(
        operand(kScanChunk, width), tile, /*transpose=*/false));
  };
  if (skip)
    load(values);
  if (gate)
    load(gate);
  Value nothing = kernel.number(0.0);
  return kernel.map(
      inputs, output.getType(), [&](ValueRange x, Value row, Value) -> Value {
        Value y = x[0];
        auto widen = [&](Value element) -> Value {
          return kernel.create<arith::ExtFOp>(f32, element);
        };
        if (skip)
          y = kernel.create<math::FmaOp>(widen(x[1]), skip, y);
        if (gate)
          y = mulf(y, emitActivation(kernel.getBuilder(), kernel.getLoc(),
                                     Activation::Silu, widen(x.back())));
        if (length)
          y = choose(isBelow(kernel.add(token, row), length), y, nothing);
        return y;
      });
}

/// `state` decayed by the steps of a chunk.
Value ScanBuilder::decayState(Value state, const Decay &decay) {
  Value kept = exp2(getTotal(decay));
  return kernel.map(state, stateType(), [&](ValueRange x, Value, Value) {
    return mulf(x[0], kept);
  });
}

ScanBuilder::Carried ScanBuilder::emitChunk(Value token,
                                            const Carried &before) {
  Carried after;
  const Decay &decay = before.decay;
  Value next = kernel.add(token, kScanChunk);
  Value steps = before.steps;
  if (readsAhead())
    after.steps = readSteps(kernel.add(next, kScanChunk));
  else
    steps = readSteps(next);
  Value queries = ownTile(kernel.wait(queryRing)),
        keys = ownTile(kernel.wait(keyRing)), values;
  // Before products are under way: ptxas makes these wait where there are
  // branches.
  if (length) {
    values = ownTile(kernel.wait(valueRing));
    clearFrom(end, token, {keys, values});
  }
  Value scores = kernel.mma(queries, keys, /*transposeB=*/true);
  // While the scores are multiplied.
  Value weighed = weigh(loadKeys(keys, decay.weight, getTotal(decay)));
  if (!values)
    values = ownTile(kernel.wait(valueRing));
  Value state = kernel.mma(weighed, values, /*transposeB=*/false, before.state);
  Value toToken = kernel.create<tile::SpreadOp>(rows(), decay.sum);
  Value fromToken = kernel.create<tile::SpreadOp>(columns(), decay.weight);
  scores = kernel.create<tile::AwaitOp>(scores, Value());
  // While the new state is multiplied, whose operands take registers: more than
  // there are for two blocks of a multiprocessor.
  Value weights;
  if (readsAhead())
    weights = emitWeights(scores, toToken, fromToken);
  state = kernel.create<tile::AwaitOp>(state, Value());
  if (!readsAhead())
    weights = emitWeights(scores, toToken, fromToken);
  kernel.release(keyRing);
  Value output = kernel.mma(queries, stateTile, /*transposeB=*/false);
  // While what the tokens before the chunk have left is multiplied.
  after.decay = emitDecay(steps, next, end);
  output = kernel.create<tile::AwaitOp>(output, Value());
  output = kernel.map({output, toToken}, output.getType(),
                      [&](ValueRange x, Value, Value) -> Value {
                        return mulf(x[0], exp2(x[1]));
                      });
  output = kernel.mma(weights, values, /*transposeB=*/false, output);
  // While the result is multiplied. The barrier of the first: every warp has
  // read the old state and the queries.
  kernel.create<tile::StoreWaitOp>();
  kernel.release(queryRing);
  if (gateRing)
    kernel.release(gateRing);
  kernel.create<tile::StoreFragmentOp>(state, stateTile);
  after.state = decayState(state, after.decay);
  output = kernel.create<tile::AwaitOp>(output, Value());
  // Not before: there are no registers for both.
  Value gate, destination = outputTile;
  if (gateRing)
    gate = destination = ownTile(kernel.wait(gateRing));
  output = finishOutput(output, values, gate, token);
  kernel.create<tile::StoreFragmentOp>(output, destination);
  // Its barrier: the new state is there, and every warp has read the values.
  kernel.create<tile::StoreOp>(
      destination, argument(Operand::Output),
      ValueRange{batch, token, valueColumn(shape.result)});
  kernel.release(valueRing);
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

void ScanBuilder::emitConsumer(Value warpgroup) {
  enterUnit(warpgroup);
  stateTile = kernel.rowSlice(stateTile, kernel.mul(warpgroup, shape.stateDim),
                              shape.stateDim);
  if (gateRing)
    // A chunk starts where the result before it has been read. There is none
    // before the first: its gate is loaded twice.
    kernel.wait(gateRing);
  else
    outputTile = kernel.rowSlice(outputTile, kernel.mul(warpgroup, kScanChunk),
                                 kScanChunk);
  end = kernel.add(start, argument(Operand::Segment));
  if (shape.lengths) {
    length = loadLength();
    end = kernel.min(end, length);
  }
  // First, while registers are free: it holds two states at a time.
  Carried first;
  first.state = emitStart();
  loadRate();
  if (has(Operand::Skip))
    skip = kernel.create<memref::LoadOp>(argument(Operand::Skip), head);
  first.decay = emitDecay(readSteps(start), start, end);
  if (readsAhead())
    first.steps = readSteps(kernel.add(start, kScanChunk));
  kernel.create<tile::StoreFragmentOp>(first.state, stateTile);
  first.state = decayState(first.state, first.decay);
  kernel.create<tile::BarrierOp>(/*consumers=*/false);
  SmallVector<Value> last = kernel.loop(
      zero, chunks, one, first.pack(), [&](Value i, ValueRange carried) {
        return emitChunk(getToken(i), Carried::unpack(carried)).pack();
      });
  // Of the last segment; a state of another row of the batch is dropped.
  Value isLast = kernel.create<arith::CmpIOp>(
      arith::CmpIPredicate::eq, kernel.add(segment, 1),
      kernel.gridDim(tile::Dimension::z));
  SmallVector<Value> origin = stateAt();
  origin[0] = choose(isLast, batch, kernel.gridDim(tile::Dimension::y));
  kernel.create<tile::WriteOp>(last[0], argument(Operand::FinalState), origin);
  kernel.create<tile::StoreWaitOp>();
  if (gateRing)
    kernel.release(gateRing);
}

tile::KernelOp ScanBuilder::build() {
  segment = kernel.blockId(tile::Dimension::z);
  Value size = argument(Operand::Segment);
  start = kernel.add(argument(Operand::First),
                     kernel.create<arith::MulIOp>(segment, size).getResult());
  Value tokens = kernel.create<memref::DimOp>(argument(Operand::Output), one);
  Value count = kernel.min(kernel.sub(tokens, start), size);
  chunks = kernel.ceilDiv(count, kScanChunk);
  queryRing = makeKeyRing();
  keyRing = makeKeyRing();
  valueRing = makeValueRing();
  stateTile = tile(shape.stateDim, width);
  if (shape.gate.tensor)
    gateRing = kernel.ring(kScanChunk * config.warpgroups, width, element,
                           /*stages=*/1);
  else
    outputTile = tile(kScanChunk, width);
  kernel.producer(getProducerRegisters(), [&] { emitLoads(); });
  kernel.consumers(config.warpgroups, kConsumerRegisters,
                   [&](Value warpgroup) { emitConsumer(warpgroup); });
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
