//===- Attention.cpp - Softmax attention ----------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The producer loads the queries once, then keys and values tile by tile, from
// the last key that a query of the block sees down to the first. Each consumer
// warpgroup owns 64 of the queries. In the loop, the scores of one tile and the
// values of the tile before are multiplied while the exponentials of the other
// warpgroups are computed.
//
// Tiles that hold keys which some query does not see are at both ends: the
// first tile stands before the loop, others at the end of the keys in a loop of
// their own, and those at the beginning of a window in another.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace transmamba;

namespace {
/// What a warpgroup carries from one tile of keys to the next.
struct SoftmaxState {
  /// The result so far, relative to the maximum so far.
  Value output;
  /// Weights of the tile before, whose values are not multiplied yet.
  Value weights;
  /// Of each row: the largest score, and the sum of the weights.
  Value top, sum;

  SmallVector<Value> pack() const { return {output, weights, top, sum}; }
  static SoftmaxState unpack(ValueRange values) {
    return {values[0], values[1], values[2], values[3]};
  }
};

/// How a tile of keys is treated.
struct TileKind {
  /// Some query does not see some key.
  bool masked = false;
  /// The values of the tile before may be beyond the last key.
  bool cleared = false;
};

class AttentionBuilder {
public:
  AttentionBuilder(OpBuilder &builder, Location loc, StringRef name,
                   const AttentionShape &shape, const AttentionConfig &config)
      : kernel(builder, loc, name, getArgumentTypes(shape)), shape(shape),
        config(config), element(shape.q.tensor.getElementType()),
        f32(builder.getF32Type()) {}

  tile::KernelOp build();

private:
  static constexpr int64_t kRows = kAttentionRows;

  static SmallVector<Type> getArgumentTypes(const AttentionShape &shape);
  Type fragment(int64_t columns) {
    return tile::FragmentType::get(kernel.getContext(), {kRows, columns}, f32);
  }
  Type rows(bool partial = false) {
    return tile::RowsType::get(kernel.getContext(), kRows, f32, partial);
  }
  /// The diagonal of a warpgroup's queries lies in one tile.
  bool isAligned() const { return config.blockN % kRows == 0; }
  Value column(const HeadColumns &columns);
  /// The first key of tile `number`, counted from the last one.
  Value firstKey(Value number) {
    return kernel.mul(kernel.sub(lastTile, number), config.blockN);
  }

  void emitPlace();
  void emitKeyRange();
  void emitLoads();
  void emitConsumer(Value warpgroup);
  Value emitSkip();
  SoftmaxState emitFirst(Value number);
  SoftmaxState emitStep(Value number, const SoftmaxState &before,
                        TileKind kind);
  SoftmaxState emitLoop(Value from, Value to, SoftmaxState state,
                        TileKind kind);
  void emitClear(Value values, Value number);
  Value mask(Value scores, Value number);
  Value emitWeights(Value scores, Value top);
  Value castWeights(Value weights);
  Value normalize(Value output, Value sum);

  KernelBuilder kernel;
  const AttentionShape &shape;
  const AttentionConfig &config;
  Type element, f32;
  Value zero, one, scale;
  Value batch, head;
  /// Of the block: its first query, its last tile of keys and their number, and
  /// the end of the keys where it is not that of the tensor.
  Value firstQuery, lastTile, tiles, keyEnd;
  /// Of the warpgroup.
  Value queries, firstRow;
  Value queryRing, keyRing, valueRing;
};
} // namespace

SmallVector<Type>
AttentionBuilder::getArgumentTypes(const AttentionShape &shape) {
  SmallVector<Type> types = {getBuffer(shape.q.tensor),
                             getBuffer(shape.k.tensor),
                             getBuffer(shape.v.tensor)};
  if (shape.lengths)
    types.push_back(getBuffer(shape.lengths));
  if (!shape.causal)
    types.push_back(IndexType::get(shape.result.tensor.getContext()));
  types.push_back(getBuffer(shape.result.tensor));
  return types;
}

//===----------------------------------------------------------------------===//
// Where a block works
//===----------------------------------------------------------------------===//

/// Where the head of this block starts.
Value AttentionBuilder::column(const HeadColumns &columns) {
  Value number = kernel.div(head, shape.q.heads / columns.heads);
  return kernel.add(kernel.mul(number, shape.headDim), columns.first);
}

void AttentionBuilder::emitPlace() {
  batch = kernel.blockId(tile::Dimension::z);
  head = kernel.blockId(tile::Dimension::x);
  Value block = kernel.blockId(tile::Dimension::y);
  if (shape.causal)
    // Long blocks first: the last queries see the most keys.
    block =
        kernel.sub(kernel.sub(kernel.gridDim(tile::Dimension::y), one), block);
  firstQuery = kernel.mul(block, config.blockM);
}

void AttentionBuilder::emitKeyRange() {
  unsigned last = kernel.getKernel().getNumArguments() - 1;
  if (shape.lengths)
    keyEnd = kernel.loadLength(3, batch);
  if (shape.lengths || !shape.causal) {
    Value tokens = shape.causal ? kernel.dim(kernel.argument(last), 1)
                                : kernel.argument(shape.lengths ? 4 : 3);
    keyEnd = keyEnd ? kernel.min(keyEnd, tokens) : tokens;
  }
  Value end = keyEnd;
  if (shape.causal) {
    end = kernel.add(firstQuery, config.blockM);
    if (keyEnd)
      // Queries beyond the last key are not worth their keys.
      end = kernel.select(kernel.less(firstQuery, keyEnd),
                          kernel.min(end, keyEnd), zero);
  } else
    end = kernel.max(end, zero);
  tiles = kernel.ceilDiv(end, config.blockN);
  if (keyEnd)
    tiles = kernel.max(tiles, one);
  lastTile = kernel.sub(tiles, one);
  if (shape.window) {
    Value first = kernel.max(kernel.add(firstQuery, 1 - shape.window), zero);
    Value tile = kernel.min(kernel.div(first, config.blockN), lastTile);
    tiles = kernel.sub(tiles, tile);
  }
}

void AttentionBuilder::emitLoads() {
  Value q = column(shape.q), k = column(shape.k), v = column(shape.v);
  kernel.load(kernel.argument(0), {batch, firstQuery, q}, queryRing);
  kernel.loop(zero, tiles, one, [&](Value i) {
    Value first = firstKey(i);
    kernel.load(kernel.argument(1), {batch, first, k}, keyRing);
    kernel.load(kernel.argument(2), {batch, first, v}, valueRing);
  });
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// -inf where a query does not see a key of tile `number`.
Value AttentionBuilder::mask(Value scores, Value number) {
  Value nothing = kernel.number(-std::numeric_limits<double>::infinity());
  Value key = firstKey(number);
  Value bound =
      shape.causal ? kernel.sub(key, firstRow) : kernel.sub(keyEnd, key);
  return kernel.map(
      scores, scores.getType(), [&](ValueRange x, Value row, Value column) {
        if (!shape.causal)
          return kernel.select(kernel.less(column, bound), x[0], nothing);
        // As a distance from the first query. Added to the column, which is the
        // same in all loops, it keeps LLVM from holding all columns in
        // registers.
        Value place = kernel.add(column, bound);
        Value seen = kernel.compare(arith::CmpIPredicate::sle, place, row);
        if (shape.window)
          seen = kernel.create<arith::AndIOp>(
              seen, kernel.less(row, kernel.add(place, shape.window)));
        return kernel.select(seen, x[0], nothing);
      });
}

/// `2^(scale (score - top))`.
Value AttentionBuilder::emitWeights(Value scores, Value top) {
  return kernel.map({scores, top}, scores.getType(),
                    [&](ValueRange x, Value, Value) -> Value {
                      Value low = kernel.create<arith::NegFOp>(
                          kernel.create<arith::MulFOp>(x[1], scale));
                      return kernel.create<math::Exp2Op>(
                          kernel.create<math::FmaOp>(x[0], scale, low));
                    });
}

Value AttentionBuilder::castWeights(Value weights) {
  return kernel.create<tile::CastOp>(
      Type(tile::FragmentType::get(kernel.getContext(), {kRows, config.blockN},
                                   element, /*operand=*/true)),
      weights);
}

/// Zeros instead of values beyond the last key: their weights are zero, but
/// what stands there may be no number.
void AttentionBuilder::emitClear(Value values, Value number) {
  kernel.create<tile::ClearRowsOp>(values,
                                   kernel.sub(keyEnd, firstKey(number)));
}

/// Tiles behind the diagonal of this warpgroup: others need them. Returns the
/// number of its first tile.
Value AttentionBuilder::emitSkip() {
  if (!shape.causal || config.blockN % config.blockM == 0)
    return zero;
  Value own = kernel.ceilDiv(kernel.add(firstRow, kRows), config.blockN);
  Value count = kernel.sub(kernel.add(lastTile, one), own);
  if (keyEnd)
    count = kernel.max(count, zero);
  kernel.loop(zero, count, one, [&](Value) {
    for (Value ring : {keyRing, valueRing}) {
      kernel.wait(ring);
      kernel.release(ring);
    }
    kernel.create<tile::TurnWaitOp>();
    kernel.create<tile::TurnPassOp>();
  });
  return count;
}

SoftmaxState AttentionBuilder::emitFirst(Value number) {
  Value pending = kernel.mma(queries, kernel.wait(keyRing), true);
  Value scores = kernel.create<tile::AwaitOp>(pending, Value());
  kernel.release(keyRing);
  scores = mask(scores, number);
  SoftmaxState state;
  state.top =
      kernel.create<tile::RowReduceOp>(rows(), tile::Reduction::Max, scores);
  if (!shape.causal || !isAligned()) {
    // A query may see no key of this tile. The weights relative to this are
    // zeros, and it is lower than all scores.
    Value lowest = kernel.number(-1.0e+38 / std::max(1.0, shape.scale));
    state.top =
        kernel.map(state.top, rows(), [&](ValueRange x, Value, Value) -> Value {
          return kernel.create<arith::MaxNumFOp>(x[0], lowest);
        });
  }
  Value weights = emitWeights(scores, state.top);
  state.sum = kernel.create<tile::RowReduceOp>(rows(/*partial=*/true),
                                               tile::Reduction::Sum, weights);
  state.weights = castWeights(weights);
  state.output =
      kernel.create<tile::FillOp>(fragment(shape.headDim), kernel.number(0.0));
  return state;
}

SoftmaxState AttentionBuilder::emitStep(Value number,
                                        const SoftmaxState &before,
                                        TileKind kind) {
  Value keys = kernel.wait(keyRing);
  kernel.create<tile::TurnWaitOp>();
  Value pendingScores = kernel.mma(queries, keys, true);
  Value values = kernel.wait(valueRing);
  if (kind.cleared)
    emitClear(values, kernel.sub(number, one));
  Value pendingOutput =
      kernel.mma(before.weights, values, false, before.output);
  kernel.create<tile::TurnPassOp>();

  Value scores = kernel.create<tile::AwaitOp>(pendingScores, Value());
  kernel.release(keyRing);
  if (kind.masked)
    scores = mask(scores, number);
  SoftmaxState after;
  Value top =
      kernel.create<tile::RowReduceOp>(rows(), tile::Reduction::Max, scores);
  after.top = kernel.map({before.top, top}, rows(),
                         [&](ValueRange x, Value, Value) -> Value {
                           return kernel.create<arith::MaxNumFOp>(x[0], x[1]);
                         });
  // Everything so far was relative to the old maximum.
  Value rescale =
      kernel.map({before.top, after.top}, rows(),
                 [&](ValueRange x, Value, Value) -> Value {
                   Value difference = kernel.create<arith::SubFOp>(x[0], x[1]);
                   return kernel.create<math::Exp2Op>(
                       kernel.create<arith::MulFOp>(difference, scale));
                 });
  Value weights = emitWeights(scores, after.top);
  Value sum = kernel.create<tile::RowReduceOp>(rows(/*partial=*/true),
                                               tile::Reduction::Sum, weights);
  after.sum = kernel.map({before.sum, rescale, sum}, rows(/*partial=*/true),
                         [&](ValueRange x, Value, Value) -> Value {
                           return kernel.create<math::FmaOp>(x[0], x[1], x[2]);
                         });
  Value output = kernel.create<tile::AwaitOp>(pendingOutput, after.sum);
  kernel.release(valueRing);
  after.output = kernel.map({output, rescale}, output.getType(),
                            [&](ValueRange x, Value, Value) -> Value {
                              return kernel.create<arith::MulFOp>(x[0], x[1]);
                            });
  after.weights = castWeights(weights);
  return after;
}

SoftmaxState AttentionBuilder::emitLoop(Value from, Value to,
                                        SoftmaxState state, TileKind kind) {
  return SoftmaxState::unpack(kernel.loop(
      from, to, one, state.pack(), [&](Value number, ValueRange carried) {
        return emitStep(number, SoftmaxState::unpack(carried), kind).pack();
      }));
}

/// Divides by the sums of the weights. Queries that see no key, or stand beyond
/// the length, are zeros.
Value AttentionBuilder::normalize(Value output, Value sum) {
  Value nothing = kernel.number(0.0);
  return kernel.map({output, sum}, output.getType(),
                    [&](ValueRange x, Value row, Value) -> Value {
                      Value mean = kernel.create<arith::DivFOp>(
                          x[0], x[1], arith::FastMathFlags::fast);
                      if (!keyEnd)
                        return mean;
                      Value sees =
                          shape.causal
                              ? kernel.less(kernel.add(firstRow, row), keyEnd)
                              : kernel.less(zero, keyEnd);
                      return kernel.select(sees, mean, nothing);
                    });
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void AttentionBuilder::emitConsumer(Value warpgroup) {
  Value first = kernel.mul(warpgroup, kRows);
  queries = kernel.rowSlice(kernel.wait(queryRing), first, kRows);
  firstRow = kernel.add(firstQuery, first);
  Value number = emitSkip();
  SoftmaxState state = emitFirst(number);

  // Tiles at the end of the keys that some query does not see.
  Value next = number == zero ? one : kernel.add(number, one);
  bool masked = shape.causal && !isAligned();
  if (masked || keyEnd) {
    Value end = next;
    if (masked)
      end = kernel.sub(kernel.add(lastTile, one),
                       kernel.div(kernel.add(firstRow, one), config.blockN));
    if (keyEnd)
      end = kernel.max(end, kernel.index(2));
    Value to = kernel.max(kernel.min(end, tiles), next);
    state =
        emitLoop(next, to, state, {masked || shape.window != 0, bool(keyEnd)});
    next = to;
  }
  // Tiles that all see, and those at the beginning of the window.
  Value to = tiles;
  if (shape.window) {
    Value first = kernel.max(kernel.add(firstRow, kRows - shape.window), zero);
    Value whole = kernel.ceilDiv(first, config.blockN);
    to = kernel.min(
        kernel.max(kernel.sub(kernel.add(lastTile, one), whole), next), tiles);
  }
  state = emitLoop(next, to, state, {});
  if (shape.window)
    state = emitLoop(to, tiles, state, {/*masked=*/true, /*cleared=*/false});

  Value values = kernel.wait(valueRing);
  if (keyEnd)
    emitClear(values, kernel.sub(tiles, one));
  Value pending = kernel.mma(state.weights, values, false, state.output);
  Value output = kernel.create<tile::AwaitOp>(pending, Value());
  kernel.release(valueRing);
  Value result = normalize(output, kernel.create<tile::CompleteOp>(state.sum));
  // The queries are read; their place takes the result.
  kernel.create<tile::StoreFragmentOp>(result, queries);
  unsigned last = kernel.getKernel().getNumArguments() - 1;
  kernel.create<tile::StoreOp>(
      queries, kernel.argument(last),
      ValueRange{batch, firstRow, column(shape.result)});
  kernel.create<tile::StoreWaitOp>();
}

tile::KernelOp AttentionBuilder::build() {
  zero = kernel.index(0);
  one = kernel.index(1);
  // Powers of two: the logarithm of e goes with the scale.
  scale = kernel.number(shape.scale * 1.4426950408889634);
  emitPlace();
  emitKeyRange();
  queryRing = kernel.ring(config.blockM, shape.headDim, element, 1);
  keyRing = kernel.ring(config.blockN, shape.headDim, element, config.stages);
  valueRing = kernel.ring(config.blockN, shape.headDim, element, config.stages);
  int64_t warpgroups = config.blockM / kRows;
  kernel.producer(/*registers=*/24, [&] { emitLoads(); });
  kernel.consumers(warpgroups, warpgroups == 3 ? 160 : 240,
                   [&](Value warpgroup) { emitConsumer(warpgroup); });
  return kernel.getKernel();
}

tile::KernelOp transmamba::buildAttention(OpBuilder &builder, Location loc,
                                          StringRef name,
                                          const AttentionShape &shape,
                                          const AttentionConfig &config) {
  tile::KernelOp kernel =
      AttentionBuilder(builder, loc, name, shape, config).build();
  kernel->setAttr(kTileConfigAttrName,
                  toAttribute(builder.getContext(), config));
  return kernel;
}
