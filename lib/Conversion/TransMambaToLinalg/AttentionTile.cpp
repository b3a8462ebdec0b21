//===- AttentionTile.cpp - Attention of one tile of queries ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "AttentionTile.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace transmamba;

/// Bytes of the tiles that live at the same time: q, k, v; scores, accumulator.
static int64_t scratchBytes(const AttentionShape &shape) {
  int64_t element = llvm::divideCeil(shape.type.getIntOrFloatBitWidth(), 8);
  return element * (shape.queryBlock * shape.keyDim +
                    shape.keyBlock * (shape.keyDim + shape.valueDim)) +
         4 * shape.queryBlock * (shape.keyBlock + shape.valueDim + 3);
}

AttentionShape transmamba::chooseAttentionShape(
    const TileSizes &sizes, Type type, int64_t keyDim, int64_t valueDim,
    int64_t queries, int64_t keys, std::optional<APFloat> scale, bool causal,
    std::optional<int64_t> window) {
  AttentionShape shape{keyDim,
                       valueDim,
                       sizes.queryBlock,
                       sizes.keyBlock,
                       type,
                       scale ? scale->convertToDouble()
                             : 1.0 / std::sqrt(static_cast<double>(keyDim)),
                       causal,
                       window};
  if (!ShapedType::isDynamic(queries))
    shape.queryBlock = std::clamp<int64_t>(queries, 1, shape.queryBlock);
  if (!ShapedType::isDynamic(keys))
    shape.keyBlock = std::clamp<int64_t>(keys, 1, shape.keyBlock);
  while (scratchBytes(shape) > sizes.scratchLimit &&
         std::max(shape.queryBlock, shape.keyBlock) > 8) {
    int64_t &larger =
        shape.keyBlock >= shape.queryBlock ? shape.keyBlock : shape.queryBlock;
    larger = llvm::divideCeil(larger, 2);
  }
  return shape;
}

/// The scaled score, or -inf where the key of column j is not seen by the
/// query of row i. `first` is the position of column 0.
static Value maskScore(TileBuilder &tile, const AttentionShape &shape,
                       Value score, Value first, Value position, Value keys) {
  OpBuilder &builder = tile.getBuilder();
  Location loc = tile.getLoc();
  Value key = arith::AddIOp::create(builder, loc, first, tile.loopIndex(1));
  // Columns beyond the last key hold zeros.
  Value seen = tile.less(key, keys);
  if (shape.causal) {
    Value query =
        arith::AddIOp::create(builder, loc, position, tile.loopIndex(0));
    Value past = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sle,
                                       key, query);
    seen = arith::AndIOp::create(builder, loc, seen, past);
    if (shape.window) {
      Value distance = arith::SubIOp::create(builder, loc, query, key);
      Value near = tile.less(distance, tile.constant(*shape.window));
      seen = arith::AndIOp::create(builder, loc, seen, near);
    }
  }
  return tile.select(seen, tile.mulf(score, tile.f32(shape.scale)),
                     tile.f32(-std::numeric_limits<float>::infinity()));
}

/// A tile of the values at [first, first + count), of which those beyond
/// `position` are seen by some queries of the tile only: a slot that nothing
/// was written to gives zeros there, for to the others its weight is zero, and
/// zero times what an unwritten slot may hold is not.
static Value padValues(TileBuilder &tile, Value part, int64_t rows, Value first,
                       Value position) {
  OpBuilder &builder = tile.getBuilder();
  Location loc = tile.getLoc();
  Type type = elementOf(part);
  Value dest = tile.zeros({rows, shapeOf(part)[1]}, type);
  Value none = tile.floatOf(type, 0.0);
  Value kept = tile.pointwise(
      part, {}, tile.rows(dest, tile.constant(0), tile.dim(part, 0)),
      [&](ValueRange args) {
        Value wide = tile.widen(args[0]);
        Value infinity = tile.floatOf(wide.getType(),
                                      std::numeric_limits<double>::infinity());
        Value finite = arith::CmpFOp::create(
            builder, loc, arith::CmpFPredicate::OLT,
            math::AbsFOp::create(builder, loc, wide), infinity);
        Value slot =
            arith::AddIOp::create(builder, loc, first, tile.loopIndex(0));
        Value seen = arith::CmpIOp::create(
            builder, loc, arith::CmpIPredicate::sle, slot, position);
        Value keep = arith::OrIOp::create(builder, loc, finite, seen);
        return tile.select(keep, args[0], none);
      });
  return tile.insertRows(kept, dest, tile.constant(0));
}

/// Keys and values [count, dim] from position `first` on.
using KeyReader =
    function_ref<std::pair<Value, Value>(Index first, Index count)>;

/// Attention of the first `count` rows of the tile of queries `q`, the first
/// of which stands at `position`, over the keys at [0, keys). Writes `dest`
/// [rows, valueDim], whose rows from `count` on become zero. Keys that not all
/// queries see `mayBeUnwritten`.
static Value emitQueryTile(TileBuilder &tile, const AttentionShape &shape,
                           Value q, Index position, Index count, Index keys,
                           KeyReader readKeys, bool mayBeUnwritten,
                           Value dest) {
  OpBuilder &builder = tile.getBuilder();
  Location loc = tile.getLoc();
  Type f32 = builder.getF32Type();
  int64_t rows = shape.queryBlock, columns = shape.keyBlock;

  // No query of the tile sees a key from `end` on, or one before `begin`.
  Index end = keys, begin = tile.constant(0);
  if (shape.causal) {
    end = tile.min(tile.add(position, count), keys);
    // Without queries there is nothing to do.
    if (!getConstantIntValue(count))
      end = tile.select(tile.less(begin, count), tile.value(end),
                        tile.value(begin));
    if (shape.window) {
      Index first =
          tile.max(tile.sub(position, tile.constant(*shape.window - 1)), begin);
      begin = tile.mul(tile.floorDiv(first, columns), columns);
    }
  }

  Value acc = tile.zeros({rows, shape.valueDim}, f32);
  Value sum = tile.zeros({rows}, f32);
  // Finite, so that exp(m - m') and exp(-inf - m') are never exp(inf - inf),
  // whatever is masked.
  const double lowest = -std::numeric_limits<float>::max();
  Value maximum = tile.fill(tile.scratch(rows, f32), lowest);
  AffineMap byRow = tile.map(2, {0});
  AffineMap identity = builder.getMultiDimIdentityMap(2);
  Value positionValue = tile.value(position), endValue = tile.value(end);

  ValueRange state = tile.loop(
      begin, end, columns, {acc, sum, maximum},
      [&](Value first, ValueRange args) -> SmallVector<Value> {
        Value acc = args[0], sum = args[1], maximum = args[2];
        Index valid = tile.min(tile.sub(end, first), tile.constant(columns));
        auto [k, v] = readKeys(first, valid);
        Value scores = tile.zeros({rows, columns}, f32);
        if (rows == 1) {
          // Keys and values are used once: they are not worth a tile.
          scores = tile.slice(scores, {tile.constant(0), tile.constant(0)},
                              {tile.constant(1), valid});
        } else {
          k = tile.padRows(k, columns);
          v = mayBeUnwritten ? padValues(tile, v, columns, first, positionValue)
                             : tile.padRows(v, columns);
        }
        scores = tile.contract(q, {0, 2}, k, {1, 2}, scores);
        auto mask = [&](Value score) {
          return maskScore(tile, shape, score, first, positionValue, endValue);
        };
        auto larger = [&](Value a, Value b) -> Value {
          return arith::MaximumFOp::create(builder, loc, a, b);
        };
        Value highest = tile.reduceLast(
            scores, identity, tile.fill(tile.scratch(rows, f32), lowest),
            [&](ValueRange args) { return larger(args[1], mask(args[0])); });
        Value factor = tile.pointwise(
            {maximum, highest}, {}, tile.scratch(rows, f32),
            [&](ValueRange args) {
              return tile.exp(tile.subf(args[0], larger(args[0], args[1])));
            });
        maximum = tile.update(highest, {}, maximum, [&](ValueRange args) {
          return larger(args[0], args[1]);
        });
        Value p = tile.update(maximum, byRow, scores, [&](ValueRange args) {
          return tile.exp(tile.subf(mask(args[1]), args[0]));
        });
        sum = tile.update(factor, {}, sum, [&](ValueRange args) {
          return tile.mulf(args[0], args[1]);
        });
        sum = tile.reduceLast(p, identity, sum, [&](ValueRange args) {
          return tile.addf(args[1], args[0]);
        });
        acc = tile.update(factor, byRow, acc, [&](ValueRange args) {
          return tile.mulf(args[0], args[1]);
        });
        acc = tile.contract(p, {0, 2}, v, {2, 1}, acc);
        return {acc, sum, maximum};
      });

  // Rows without a query, or whose query saw no key, give zeros.
  Index writtenRows = tile.dim(dest, 0);
  Value written = tile.rows(state[0], tile.constant(0), writtenRows);
  Value total = tile.slice(state[1], tile.constant(0), writtenRows);
  Value countValue = tile.value(count);
  return tile.pointwise(
      {written, total}, {identity, byRow}, dest, [&](ValueRange args) {
        Value some = arith::CmpFOp::create(
            builder, loc, arith::CmpFPredicate::OGT, args[1], tile.f32(0.0));
        Value isQuery = tile.less(tile.loopIndex(0), countValue);
        Value good = arith::AndIOp::create(builder, loc, some, isQuery);
        return tile.select(good, tile.divf(args[0], args[1]), tile.f32(0.0));
      });
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// Queries, the keys and values that they see, and results, once each. How many
/// keys there are is not known where positions come with the call.
static Work countWork(TileBuilder &tile, const AttentionShape &shape,
                      const AttentionKernel &kernel, int64_t heads,
                      Index queries) {
  if (kernel.positions)
    return {};
  WorkBuilder work(tile.getBuilder(), tile.getLoc());
  Index batch = tile.dim(kernel.q, 0);
  Index keys = shape.causal ? queries : tile.dim(kernel.k, 1);
  int64_t keyHeads = shapeOf(kernel.cache ? kernel.cache : kernel.k)[2];
  int64_t valueHeads = kernel.cache ? keyHeads : shapeOf(kernel.v)[2];
  int64_t perQuery =
      shapeOf(kernel.q)[2] * shape.keyDim + heads * shape.valueDim;
  int64_t perKey = keyHeads * shape.keyDim + valueHeads * shape.valueDim;
  Index elements =
      work.add(work.mul(queries, perQuery), work.mul(keys, perKey));
  return {
      work.countFlop(AttentionWork{batch, queries, keys, heads, shape.keyDim,
                                   shape.valueDim, shape.causal, shape.window}),
      work.mul(work.mul(batch, countElementBytes(kernel.q.getType())),
               elements)};
}

Value transmamba::emitAttention(TileBuilder &tile, const AttentionShape &shape,
                                const AttentionKernel &kernel, Value init) {
  Index zero = tile.constant(0), one = tile.constant(1);
  Index block = tile.constant(shape.queryBlock);
  Index batch = tile.dim(kernel.q, 0), tokens = tile.dim(kernel.q, 1);
  int64_t heads = shapeOf(init)[2];

  // A position that no query reaches: the end of the cache, or of the tables.
  std::optional<int64_t> bound;
  if (kernel.cache)
    bound = shapeOf(kernel.cache)[3];
  if (kernel.rotation)
    bound = std::min(bound.value_or(kernel.rotation->positions),
                     kernel.rotation->positions);

  auto body = [&](ValueRange point, ValueRange outputs) {
    Index row = point[0], head = point[1];
    Index first = tile.blockStart(point[2], shape.queryBlock, tokens);
    Index start = kernel.positions
                      ? tile.max(tile.perRow(kernel.positions, row), zero)
                      : zero;
    Index position = tile.add(start, first);
    // The tokens of this reading; those of them that are valid; and of those
    // the ones of this block.
    Index limit = tokens;
    if (kernel.point)
      limit = tile.clamp(tile.sub(tile.constant(*kernel.point), start), tokens);
    Index written = tile.sub(limit, first);
    // A row may have fewer tokens of this reading than the grid.
    if (kernel.point && kernel.positions)
      written = tile.max(written, zero);
    written = tile.min(written, block);
    Index valid = kernel.lengths
                      ? tile.clamp(tile.perRow(kernel.lengths, row), limit)
                      : limit;
    Index count = written;
    if (shape.causal && kernel.lengths)
      count = tile.clamp(tile.sub(valid, first), block);
    if (bound)
      count = tile.clamp(tile.sub(tile.constant(*bound), position), count);

    auto headRows = [&](Value tensor, Index from, Index size) {
      int64_t group = heads / shapeOf(tensor)[2];
      return tile.slice(tensor, {row, from, tile.floorDiv(head, group), zero},
                        {one, size, one, tile.constant(shapeOf(tensor)[3])},
                        {1, 3});
    };
    Value q = headRows(kernel.q, first, count);
    if (kernel.rotation)
      q = rotateRows(
          tile, *kernel.rotation, q,
          tile.zeros({shape.queryBlock, shape.keyDim}, shape.type),
          tile.min(position, tile.constant(kernel.rotation->positions)), count);
    else
      q = tile.padRows(q, shape.queryBlock);

    auto readKeys = [&](Index from, Index size) {
      if (!kernel.cache)
        return std::make_pair(headRows(kernel.k, from, size),
                              headRows(kernel.v, from, size));
      int64_t group = heads / shapeOf(kernel.cache)[2];
      auto half = [&](int64_t which) {
        return tile.slice(
            kernel.cache,
            {row, tile.constant(which), tile.floorDiv(head, group), from, zero},
            {one, one, one, size, tile.constant(shape.keyDim)}, {3, 4});
      };
      Value k = half(0), v = half(1);
      return std::make_pair(k, v);
    };
    Index keys = kernel.cache     ? tile.constant(shapeOf(kernel.cache)[3])
                 : shape.causal   ? valid
                 : kernel.lengths ? tile.clamp(tile.perRow(kernel.lengths, row),
                                               tile.dim(kernel.k, 1))
                                  : tile.dim(kernel.k, 1);
    SmallVector<Index> offsets = {row, first, head, zero};
    SmallVector<Index> sizes = {one, written, one,
                                tile.constant(shape.valueDim)};
    // A cache without lengths may end before the last query.
    bool mayBeUnwritten = kernel.cache && !kernel.lengths;
    Value y = emitQueryTile(tile, shape, q, position, count, keys, readKeys,
                            mayBeUnwritten,
                            tile.slice(outputs[0], offsets, sizes, {1, 3}));
    return SmallVector<TileStore>{{y, outputs[0], offsets, sizes}};
  };

  Index queries = tokens;
  if (kernel.point && !kernel.positions)
    queries = tile.min(tokens, tile.constant(*kernel.point));
  return tile.forall(
      "attention",
      {batch, tile.constant(heads), tile.ceilDiv(queries, shape.queryBlock)},
      countWork(tile, shape, kernel, heads, queries), init, body)[0];
}
