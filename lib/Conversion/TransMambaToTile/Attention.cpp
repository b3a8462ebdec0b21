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
// Tiles that hold keys which some query does not see are at both ends of the
// keys. The first tile stands before the loop; which of the others is masked is
// a condition on the number of the tile, and lowerings make loops of their own
// of those.
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

  void takeArguments();
  void emitPlace();
  void emitKeyRange();
  void emitLoads();
  void emitQueries(Value first);
  void emitConsumer(Value warpgroup);
  Value emitSkip();
  SoftmaxState emitFirst(Value number);
  void emitEdges();
  SoftmaxState emitStep(Value number, const SoftmaxState &before);
  void emitClear(Value values, Value number, Value condition = {});
  Value mask(Value scores, Value number, Value condition = {});
  Value emitWeights(Value scores, Value top);
  Value castWeights(Value weights);
  /// `value` where a query sees a key, else `nothing`.
  Value selectSeen(Value row, Value value, double nothing);
  Value normalize(Value output, Value sum);
  void emitLogarithms(Value top, Value sum);
  void emitStore(Value result);

  KernelBuilder kernel;
  const AttentionShape &shape;
  const AttentionConfig &config;
  Type element, f32;
  Value zero, one, scale;
  /// Arguments; null where there are none.
  Value q, k, v, cosines, sines, lengths, keyCount, output, logarithms;
  Value batch, head, resultColumn;
  /// Of the block: its first query, its last tile of keys and their number, and
  /// the end of the keys where it is not that of the tensor.
  Value firstQuery, lastTile, tiles, keyEnd;
  /// Of the warpgroup. Where conditions on the number of a tile change: the end
  /// of the tiles that the diagonal or the last key crosses, and the beginning
  /// of those that a window cuts. Null where there are none.
  Value queries, firstRow, edge, oldest;
  Value queryRing, keyRing, valueRing;
};
} // namespace

SmallVector<Type>
AttentionBuilder::getArgumentTypes(const AttentionShape &shape) {
  SmallVector<Type> types = {getBuffer(shape.q.tensor),
                             getBuffer(shape.k.tensor),
                             getBuffer(shape.v.tensor)};
  if (shape.rotation)
    types.append(2, getBuffer(shape.rotation));
  if (shape.lengths)
    types.push_back(getBuffer(shape.lengths));
  if (!shape.causal)
    types.push_back(IndexType::get(shape.result.tensor.getContext()));
  types.push_back(getBuffer(shape.result.tensor));
  if (shape.logarithms)
    types.push_back(getBuffer(shape.logarithms));
  return types;
}

void AttentionBuilder::takeArguments() {
  unsigned next = 0;
  auto take = [&] { return kernel.argument(next++); };
  q = take();
  k = take();
  v = take();
  if (shape.rotation) {
    cosines = take();
    sines = take();
  }
  if (shape.lengths)
    lengths = take();
  if (!shape.causal)
    keyCount = take();
  output = take();
  if (shape.logarithms)
    logarithms = take();
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
  if (shape.causal) {
    // Long blocks first: the last queries see the most keys.
    Value blocks = kernel.sub(kernel.gridDim(tile::Dimension::y), block);
    firstQuery = kernel.sub(kernel.mul(blocks, config.blockM),
                            kernel.index(config.blockM));
  } else {
    firstQuery = kernel.mul(block, config.blockM);
  }
  // In this place it is that of the queries too, usually.
  resultColumn = column(shape.result);
}

void AttentionBuilder::emitKeyRange() {
  if (lengths)
    keyEnd =
        kernel.loadLength(cast<BlockArgument>(lengths).getArgNumber(), batch);
  if (lengths || !shape.causal) {
    Value tokens = shape.causal ? kernel.dim(output, 1) : keyCount;
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
  Value queryColumn = column(shape.q);
  Value keyPlace = shape.k.isCache()
                       ? kernel.div(head, shape.q.heads / shape.k.heads)
                       : column(shape.k);
  Value valueColumn = column(shape.v);
  kernel.load(q, {batch, firstQuery, queryColumn}, queryRing);
  kernel.loop(zero, tiles, one, [&](Value i) {
    Value first = firstKey(i);
    if (shape.k.isCache())
      kernel.load(k, {batch, zero, keyPlace, first, zero}, keyRing);
    else
      kernel.load(k, {batch, first, keyPlace}, keyRing);
    kernel.load(v, {batch, first, valueColumn}, valueRing);
  });
}

/// The queries of the warpgroup, rotated where they are.
void AttentionBuilder::emitQueries(Value first) {
  Value cos, sin;
  if (shape.rotation) {
    // While the queries are on their way.
    auto read = [&](Value table) -> Value {
      return kernel.create<tile::ReadOp>(fragment(shape.rotation.getDimSize(1)),
                                         table, ValueRange{firstRow, zero});
    };
    cos = read(cosines);
    sin = read(sines);
  }
  queries = kernel.rowSlice(kernel.wait(queryRing), first, kRows);
  if (shape.rotation)
    kernel.create<tile::RotateOp>(queries, cos, sin, shape.interleaved);
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// -inf where a query does not see a key of tile `number`.
Value AttentionBuilder::mask(Value scores, Value number, Value condition) {
  Builder &builder = kernel.getBuilder();
  return kernel.create<tile::MaskOp>(
      scores.getType(), scores, shape.causal ? firstRow : Value(),
      firstKey(number), shape.causal ? Value() : keyEnd, condition,
      shape.window ? builder.getI64IntegerAttr(shape.window) : IntegerAttr());
}

/// `2^(scale (score - top))`.
Value AttentionBuilder::emitWeights(Value scores, Value top) {
  return kernel.create<tile::Exp2Op>(scores.getType(), scores, top, scale);
}

Value AttentionBuilder::castWeights(Value weights) {
  return kernel.create<tile::CastOp>(
      Type(tile::FragmentType::get(kernel.getContext(), {kRows, config.blockN},
                                   element, /*operand=*/true)),
      weights);
}

/// Zeros instead of values beyond the last key: their weights are zero, but
/// what stands there may be no number.
void AttentionBuilder::emitClear(Value values, Value number, Value condition) {
  kernel.create<tile::ClearRowsOp>(values, kernel.sub(keyEnd, firstKey(number)),
                                   condition);
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
  kernel.create<tile::SkipOp>(count, ValueRange{keyRing, valueRing});
  return count;
}

SoftmaxState AttentionBuilder::emitFirst(Value number) {
  Value pending = kernel.mma(queries, kernel.wait(keyRing), true);
  Value scores = kernel.create<tile::AwaitOp>(pending, Value());
  kernel.release(keyRing);
  scores = mask(scores, number);
  SoftmaxState state;
  Value lowest;
  if (!shape.causal || !isAligned())
    // A query may see no key of this tile. The weights relative to this are
    // zeros, and it is lower than all scores.
    lowest = kernel.create<tile::FillOp>(
        rows(), kernel.number(-1.0e+38 / std::max(1.0, shape.scale)));
  state.top = kernel.create<tile::RowReduceOp>(rows(), tile::Reduction::Max,
                                               scores, lowest);
  Value weights = emitWeights(scores, state.top);
  state.sum = kernel.create<tile::RowReduceOp>(rows(/*partial=*/true),
                                               tile::Reduction::Sum, weights);
  state.weights = castWeights(weights);
  state.output =
      kernel.create<tile::FillOp>(fragment(shape.headDim), kernel.number(0.0));
  return state;
}

/// Which tiles behind the first one of this warpgroup are masked or cleared.
void AttentionBuilder::emitEdges() {
  Value end = kernel.add(lastTile, one);
  if (shape.causal && !isAligned())
    edge =
        kernel.sub(end, kernel.div(kernel.add(firstRow, one), config.blockN));
  // Only the first tile of all has values beyond the last key, which the second
  // one multiplies.
  if (keyEnd)
    edge = edge ? kernel.max(edge, kernel.index(2)) : kernel.index(2);
  if (shape.window) {
    Value first = kernel.max(kernel.add(firstRow, kRows - shape.window), zero);
    oldest = kernel.sub(end, kernel.ceilDiv(first, config.blockN));
  }
}

SoftmaxState AttentionBuilder::emitStep(Value number,
                                        const SoftmaxState &before) {
  Value atEdge, isMasked;
  if (edge)
    atEdge = kernel.less(number, edge);
  if (shape.causal && !isAligned())
    isMasked = atEdge;
  if (oldest) {
    Value isOld = kernel.compare(arith::CmpIPredicate::sge, number, oldest);
    isMasked = atEdge ? kernel.create<arith::OrIOp>(atEdge, isOld) : isOld;
  }
  Value keys = kernel.wait(keyRing);
  kernel.create<tile::TurnWaitOp>();
  Value pendingScores = kernel.mma(queries, keys, true);
  Value values = kernel.wait(valueRing);
  if (keyEnd)
    emitClear(values, kernel.sub(number, one), atEdge);
  Value pendingOutput =
      kernel.mma(before.weights, values, false, before.output);
  kernel.create<tile::TurnPassOp>();

  Value scores = kernel.create<tile::AwaitOp>(pendingScores, Value());
  kernel.release(keyRing);
  if (isMasked)
    scores = mask(scores, number, isMasked);
  SoftmaxState after;
  after.top = kernel.create<tile::RowReduceOp>(rows(), tile::Reduction::Max,
                                               scores, before.top);
  // Everything so far was relative to the old maximum.
  Value rescale = emitWeights(before.top, after.top);
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

/// Queries that see no key, or stand beyond the length, have nothing.
Value AttentionBuilder::selectSeen(Value row, Value value, double nothing) {
  if (!keyEnd)
    return value;
  Value sees = shape.causal ? kernel.less(kernel.add(firstRow, row), keyEnd)
                            : kernel.less(zero, keyEnd);
  return kernel.select(sees, value, kernel.number(nothing));
}

/// Divides by the sums of the weights.
Value AttentionBuilder::normalize(Value output, Value sum) {
  return kernel.map({output, sum}, output.getType(),
                    [&](ValueRange x, Value row, Value) -> Value {
                      Value mean = kernel.create<arith::DivFOp>(
                          x[0], x[1], arith::FastMathFlags::fast);
                      return selectSeen(row, mean, 0.0);
                    });
}

/// Logarithms of the sums of weights, which are relative to the largest score.
void AttentionBuilder::emitLogarithms(Value top, Value sum) {
  Value ln2 = kernel.number(0.69314718055994531);
  Value logs = kernel.map(
      {top, sum}, rows(), [&](ValueRange x, Value row, Value) -> Value {
        Value binary = kernel.create<math::FmaOp>(
            x[0], scale, kernel.create<math::Log2Op>(x[1]));
        return selectSeen(row, kernel.create<arith::MulFOp>(binary, ln2),
                          -std::numeric_limits<double>::infinity());
      });
  kernel.create<tile::WriteOp>(logs, logarithms,
                               ValueRange{batch, firstRow, head});
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void AttentionBuilder::emitConsumer(Value warpgroup) {
  Value first = kernel.mul(warpgroup, kRows);
  firstRow = kernel.add(firstQuery, first);
  emitQueries(first);
  Value number = emitSkip();
  SoftmaxState state = emitFirst(number);
  emitEdges();
  Value next = number == zero ? one : kernel.add(number, one);
  state = SoftmaxState::unpack(kernel.loop(
      next, tiles, one, state.pack(), [&](Value number, ValueRange carried) {
        return emitStep(number, SoftmaxState::unpack(carried)).pack();
      }));

  Value values = kernel.wait(valueRing);
  if (keyEnd)
    emitClear(values, kernel.sub(tiles, one));
  Value pending = kernel.mma(state.weights, values, false, state.output);
  Value sums = kernel.create<tile::AwaitOp>(pending, Value());
  kernel.release(valueRing);
  Value weights = kernel.create<tile::CompleteOp>(state.sum);
  if (logarithms)
    emitLogarithms(state.top, weights);
  emitStore(normalize(sums, weights));
  kernel.create<tile::StoreWaitOp>();
}

/// Of a warpgroup's queries, those before the end of what is this launch's.
void AttentionBuilder::emitStore(Value result) {
  auto store = [&](Value tile, Value row) {
    kernel.create<tile::StoreOp>(tile, output,
                                 ValueRange{batch, row, resultColumn});
  };
  auto storeAll = [&] {
    // The queries are read; their place takes the result.
    kernel.create<tile::StoreFragmentOp>(result, queries);
    if (shape.end % kRows == 0)
      return store(queries, firstRow);
    constexpr int64_t step = 8;
    Value rows = kernel.min(kernel.sub(kernel.index(shape.end), firstRow),
                            kernel.index(kRows));
    kernel.loop(zero, rows, kernel.index(step), [&](Value row) {
      store(kernel.rowSlice(queries, row, step), kernel.add(firstRow, row));
    });
  };
  if (shape.end % config.blockM == 0)
    storeAll();
  else
    kernel.ifLess(firstRow, kernel.index(shape.end), storeAll);
}

tile::KernelOp AttentionBuilder::build() {
  zero = kernel.index(0);
  one = kernel.index(1);
  // Powers of two: the logarithm of e goes with the scale.
  scale = kernel.number(shape.scale * 1.4426950408889634);
  takeArguments();
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
