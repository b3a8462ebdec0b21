//===- Attention.cpp - Causal attention -----------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The producer loads the queries once, then keys and values tile by tile, from
// the diagonal down. Each consumer warpgroup owns half of the queries. In the
// loop, the scores of one tile and the values of the tile before are multiplied
// while the exponentials of the other warpgroup are computed.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"

#include <cmath>

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
        f32(builder.getF32Type()), ownRows(config.blockM / 2) {}

  tile::KernelOp build();

private:
  static SmallVector<Type> getArgumentTypes(const AttentionShape &shape);
  Type fragment(int64_t columns) {
    return tile::FragmentType::get(kernel.getContext(), {ownRows, columns},
                                   f32);
  }
  Type rows(bool partial = false) {
    return tile::RowsType::get(kernel.getContext(), ownRows, f32, partial);
  }
  Value column(const HeadColumns &columns);
  void emitLoads();
  void emitConsumer(Value warpgroup);
  SoftmaxState emitDiagonal(Value queries, Value first);
  SoftmaxState emitStep(Value queries, const SoftmaxState &before);
  Value maskDiagonal(Value scores, Value first);
  Value emitWeights(Value scores, Value top);
  Value castWeights(Value weights);
  Value normalize(Value output, Value sum, Value firstRow);

  Value fastFma(Value a, Value b, Value c) {
    return kernel.create<math::FmaOp>(a, b, c, arith::FastMathFlags::fast);
  }
  Value fastMul(Value a, Value b) {
    return kernel.create<arith::MulFOp>(a, b, arith::FastMathFlags::fast);
  }
  /// `2^(scale (x - top))`.
  Value power(Value x, Value top) {
    Value low = kernel.create<arith::NegFOp>(fastMul(top, scale),
                                             arith::FastMathFlags::fast);
    return kernel.create<math::Exp2Op>(fastFma(x, scale, low));
  }

  KernelBuilder kernel;
  const AttentionShape &shape;
  const AttentionConfig &config;
  Type element, f32;
  /// Queries of a warpgroup.
  int64_t ownRows;
  Value batch, head, zero, one, scale;
  /// The number of this block of queries, its first query, and how many tiles
  /// of keys it sees.
  Value block, firstQuery, keyTiles;
  /// Tokens of this row, where rows have lengths.
  Value length;
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
  types.push_back(getBuffer(shape.result.tensor));
  return types;
}

/// Where the head of this block starts.
Value AttentionBuilder::column(const HeadColumns &columns) {
  Value number = kernel.div(head, shape.q.heads / columns.heads);
  return kernel.add(kernel.mul(number, shape.headDim), columns.first);
}

void AttentionBuilder::emitLoads() {
  Value q = column(shape.q), k = column(shape.k), v = column(shape.v);
  kernel.load(kernel.argument(0), {batch, firstQuery, q}, queryRing);
  kernel.loop(zero, keyTiles, one, [&](Value i) {
    Value first = kernel.mul(kernel.sub(block, i), config.blockN);
    kernel.load(kernel.argument(1), {batch, first, k}, keyRing);
    kernel.load(kernel.argument(2), {batch, first, v}, valueRing);
  });
}

// On the diagonal, a query sees the keys up to its own.
Value AttentionBuilder::maskDiagonal(Value scores, Value first) {
  Value lowest = kernel.number(-3.0e+38);
  return kernel.map(
      scores, scores.getType(), [&](ValueRange x, Value row, Value key) {
        Value query = kernel.add(first, row);
        Value seen =
            kernel.create<arith::CmpIOp>(arith::CmpIPredicate::sge, query, key);
        return kernel.create<arith::SelectOp>(seen, x[0], lowest);
      });
}

Value AttentionBuilder::emitWeights(Value scores, Value top) {
  return kernel.map(
      {scores, top}, scores.getType(),
      [&](ValueRange x, Value, Value) -> Value { return power(x[0], x[1]); });
}

Value AttentionBuilder::castWeights(Value weights) {
  return kernel.create<tile::CastOp>(
      Type(tile::FragmentType::get(kernel.getContext(),
                                   {ownRows, config.blockN}, element,
                                   /*operand=*/true)),
      weights);
}

SoftmaxState AttentionBuilder::emitDiagonal(Value queries, Value first) {
  Value pending = kernel.mma(queries, kernel.wait(keyRing), true);
  Value scores = kernel.create<tile::AwaitOp>(pending, Value());
  kernel.release(keyRing);
  scores = maskDiagonal(scores, first);
  SoftmaxState state;
  state.top =
      kernel.create<tile::RowReduceOp>(rows(), tile::Reduction::Max, scores);
  Value weights = emitWeights(scores, state.top);
  state.sum = kernel.create<tile::RowReduceOp>(rows(/*partial=*/true),
                                               tile::Reduction::Sum, weights);
  state.weights = castWeights(weights);
  state.output =
      kernel.create<tile::FillOp>(fragment(shape.headDim), kernel.number(0.0));
  return state;
}

SoftmaxState AttentionBuilder::emitStep(Value queries,
                                        const SoftmaxState &before) {
  Value keys = kernel.wait(keyRing);
  kernel.create<tile::TurnWaitOp>();
  Value pendingScores = kernel.mma(queries, keys, true);
  Value values = kernel.wait(valueRing);
  Value pendingOutput =
      kernel.mma(before.weights, values, false, before.output);
  kernel.create<tile::TurnPassOp>();

  Value scores = kernel.create<tile::AwaitOp>(pendingScores, Value());
  kernel.release(keyRing);
  SoftmaxState after;
  Value top =
      kernel.create<tile::RowReduceOp>(rows(), tile::Reduction::Max, scores);
  after.top = kernel.map({before.top, top}, rows(),
                         [&](ValueRange x, Value, Value) -> Value {
                           return kernel.create<arith::MaxNumFOp>(
                               x[0], x[1], arith::FastMathFlags::fast);
                         });
  // Everything so far was relative to the old maximum.
  Value rescale =
      kernel.map({before.top, after.top}, rows(),
                 [&](ValueRange x, Value, Value) { return power(x[0], x[1]); });
  Value weights = emitWeights(scores, after.top);
  Value sum = kernel.create<tile::RowReduceOp>(rows(/*partial=*/true),
                                               tile::Reduction::Sum, weights);
  after.sum = kernel.map(
      {before.sum, rescale, sum}, rows(/*partial=*/true),
      [&](ValueRange x, Value, Value) { return fastFma(x[0], x[1], x[2]); });
  Value output = kernel.create<tile::AwaitOp>(pendingOutput, after.sum);
  kernel.release(valueRing);
  after.output = kernel.map(
      {output, rescale}, output.getType(),
      [&](ValueRange x, Value, Value) { return fastMul(x[0], x[1]); });
  after.weights = castWeights(weights);
  return after;
}

/// Divides by the sums of the weights. Queries beyond the length are zeros.
Value AttentionBuilder::normalize(Value output, Value sum, Value firstRow) {
  Value nothing = kernel.number(0.0);
  return kernel.map(
      {output, sum}, output.getType(),
      [&](ValueRange x, Value row, Value) -> Value {
        Value mean = kernel.create<arith::DivFOp>(x[0], x[1],
                                                  arith::FastMathFlags::fast);
        if (!length)
          return mean;
        Value inside = kernel.create<arith::CmpIOp>(
            arith::CmpIPredicate::slt, kernel.add(firstRow, row), length);
        return kernel.create<arith::SelectOp>(inside, mean, nothing);
      });
}

void AttentionBuilder::emitConsumer(Value warpgroup) {
  Value first = kernel.mul(warpgroup, ownRows);
  Value queries = kernel.rowSlice(kernel.wait(queryRing), first, ownRows);
  SoftmaxState state = emitDiagonal(queries, first);
  state = SoftmaxState::unpack(kernel.loop(
      one, keyTiles, one, state.pack(), [&](Value, ValueRange carried) {
        return emitStep(queries, SoftmaxState::unpack(carried)).pack();
      }));

  Value values = kernel.wait(valueRing);
  Value pending = kernel.mma(state.weights, values, false, state.output);
  Value output = kernel.create<tile::AwaitOp>(pending, Value());
  kernel.release(valueRing);
  Value sum = kernel.create<tile::CompleteOp>(state.sum);
  Value firstRow = kernel.add(firstQuery, first);
  Value result = normalize(output, sum, firstRow);
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
  batch = kernel.blockId(tile::Dimension::z);
  head = kernel.blockId(tile::Dimension::x);
  // Long blocks first: the last queries see the most keys.
  Value blocks = kernel.gridDim(tile::Dimension::y);
  keyTiles = kernel.sub(blocks, kernel.blockId(tile::Dimension::y));
  block = kernel.sub(keyTiles, one);
  firstQuery = kernel.mul(block, config.blockM);
  if (shape.lengths) {
    length = kernel.loadLength(3, batch);
    // Queries beyond the length are not worth their keys.
    Value inside = kernel.create<arith::CmpIOp>(arith::CmpIPredicate::slt,
                                                firstQuery, length);
    keyTiles = kernel.create<arith::SelectOp>(inside, keyTiles, one);
  }
  queryRing = kernel.ring(config.blockM, shape.headDim, element, 1);
  keyRing = kernel.ring(config.blockN, shape.headDim, element, config.stages);
  valueRing = kernel.ring(config.blockN, shape.headDim, element, config.stages);
  kernel.producer(/*registers=*/24, [&] { emitLoads(); });
  kernel.consumers(/*count=*/2, /*registers=*/240,
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
