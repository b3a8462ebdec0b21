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
    std::optional<int64_t> window, Value cache) {
  AttentionShape shape{keyDim,
                       valueDim,
                       sizes.queryBlock,
                       sizes.keyBlock,
                       type,
                       scale ? scale->convertToDouble()
                             : 1.0 / std::sqrt(static_cast<double>(keyDim)),
                       causal,
                       window,
                       std::nullopt};
  if (cache && queries == 1 && sizes.keySegment > 0 &&
      shapeOf(cache)[3] > sizes.keySegment)
    shape.keySegment = sizes.keySegment;
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

namespace {
/// Keys and values [count, dim] from position `first` on.
using KeyReader =
    function_ref<std::pair<Value, Value>(Index first, Index count)>;

/// The queries of a workgroup: the first stands at `position`, `count` of the
/// tile are there, and they see keys in [begin, end) only.
struct QueryTile {
  Value q;
  Index position, count, begin, end;
};

/// What keys give: the sum of their values and that of their weights, both
/// relative to the largest score.
struct Softmax {
  Value acc, sum, maximum;
};
} // namespace

/// No query of the tile sees a key from the end on, or one before the begin.
static std::pair<Index, Index> findSeenKeys(TileBuilder &tile,
                                            const AttentionShape &shape,
                                            Index position, Index count,
                                            Index keys) {
  Index end = keys, begin = tile.constant(0);
  if (!shape.causal)
    return {begin, end};
  end = tile.min(tile.add(position, count), keys);
  // Without queries there is nothing to do.
  if (!getConstantIntValue(count))
    end = tile.select(tile.less(begin, count), tile.value(end),
                      tile.value(begin));
  if (shape.window) {
    Index first =
        tile.max(tile.sub(position, tile.constant(*shape.window - 1)), begin);
    begin = tile.mul(tile.floorDiv(first, shape.keyBlock), shape.keyBlock);
  }
  return {begin, end};
}

/// Walks the keys of a tile of queries. Keys that not all queries see
/// `mayBeUnwritten`.
static Softmax emitKeys(TileBuilder &tile, const AttentionShape &shape,
                        const QueryTile &queries, KeyReader readKeys,
                        bool mayBeUnwritten) {
  OpBuilder &builder = tile.getBuilder();
  Location loc = tile.getLoc();
  Type f32 = builder.getF32Type();
  int64_t rows = shape.queryBlock, columns = shape.keyBlock;
  Value acc = tile.zeros({rows, shape.valueDim}, f32);
  Value sum = tile.zeros({rows}, f32);
  // Finite, so that exp(m - m') and exp(-inf - m') are never exp(inf - inf),
  // whatever is masked.
  const double lowest = -std::numeric_limits<float>::max();
  Value maximum = tile.fill(tile.scratch(rows, f32), lowest);
  AffineMap byRow = tile.map(2, {0});
  AffineMap identity = builder.getMultiDimIdentityMap(2);
  Value positionValue = tile.value(queries.position),
        endValue = tile.value(queries.end);

  ValueRange state = tile.loop(
      queries.begin, queries.end, columns, {acc, sum, maximum},
      [&](Value first, ValueRange args) -> SmallVector<Value> {
        Value acc = args[0], sum = args[1], maximum = args[2];
        Index valid =
            tile.min(tile.sub(queries.end, first), tile.constant(columns));
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
        scores = tile.contract(queries.q, {0, 2}, k, {1, 2}, scores);
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
  return {state[0], state[1], state[2]};
}

/// Whether row i is one of the `count` queries, and sees a key.
static Value hasResult(TileBuilder &tile, Value sum, Value count) {
  OpBuilder &builder = tile.getBuilder();
  Location loc = tile.getLoc();
  Value some = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT,
                                     sum, tile.f32(0.0));
  Value isQuery = tile.less(tile.loopIndex(0), count);
  return arith::AndIOp::create(builder, loc, some, isQuery);
}

/// Writes `dest` [rows], the logarithms of the sums of exponentials.
static Value finishLogarithms(TileBuilder &tile, const Softmax &softmax,
                              Index count, Value dest) {
  Index writtenRows = tile.dim(dest, 0);
  Value highest = tile.slice(softmax.maximum, tile.constant(0), writtenRows);
  Value total = tile.slice(softmax.sum, tile.constant(0), writtenRows);
  Value countValue = tile.value(count);
  return tile.pointwise({highest, total}, {}, dest, [&](ValueRange args) {
    // The largest score adds 1 to the sum.
    Value log = math::Log1pOp::create(tile.getBuilder(), tile.getLoc(),
                                      tile.subf(args[1], tile.f32(1.0)));
    return tile.select(hasResult(tile, args[1], countValue),
                       tile.addf(args[0], log),
                       tile.f32(-std::numeric_limits<float>::infinity()));
  });
}

/// Writes `dest` [rows, valueDim], of which `count` rows are those of queries.
static Value finishRows(TileBuilder &tile, const Softmax &softmax, Index count,
                        Value dest) {
  OpBuilder &builder = tile.getBuilder();
  AffineMap byRow = tile.map(2, {0});
  AffineMap identity = builder.getMultiDimIdentityMap(2);
  // Rows without a query, or whose query saw no key, give zeros.
  Index writtenRows = tile.dim(dest, 0);
  Value written = tile.rows(softmax.acc, tile.constant(0), writtenRows);
  Value total = tile.slice(softmax.sum, tile.constant(0), writtenRows);
  Value countValue = tile.value(count);
  return tile.pointwise(
      {written, total}, {identity, byRow}, dest, [&](ValueRange args) {
        return tile.select(hasResult(tile, args[1], countValue),
                           tile.divf(args[0], args[1]), tile.f32(0.0));
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

namespace {
class AttentionEmitter {
public:
  AttentionEmitter(TileBuilder &tile, const AttentionShape &shape,
                   const AttentionKernel &kernel, int64_t heads);

  ResultRange emit(ValueRange inits);
  /// With the keys of each query in segments.
  ResultRange emitSplit(Value init);

private:
  /// The queries of a point of the grid, and where their result goes.
  struct Place {
    Index row, head, first;
    QueryTile queries;
    /// Rows of the result that are written.
    Index written;
  };
  Place findPlace(Index row, Index head, Index block);
  void readQueries(Place &place);
  Softmax walkKeys(const Place &place);
  /// Rows of a head of [B, T, H, D].
  Value headRows(Value tensor, const Place &place, Index from, Index size);
  Value stateRows(int64_t half, const Place &place, Index from, Index size);
  TileStore store(const Place &place, const Softmax &softmax, Value output);
  /// Of `count` segments from the `first` on: sums, weights and maxima.
  Softmax combine(ValueRange parts, const Place &place, Index first,
                  Index count);

  Index constant(int64_t value) { return tile.constant(value); }

  TileBuilder &tile;
  const AttentionShape &shape;
  const AttentionKernel &kernel;
  int64_t heads;
  Index batch, tokens;
  /// A position that no query reaches: the end of the cache, or of the tables.
  std::optional<int64_t> bound;
};
} // namespace

AttentionEmitter::AttentionEmitter(TileBuilder &tile,
                                   const AttentionShape &shape,
                                   const AttentionKernel &kernel, int64_t heads)
    : tile(tile), shape(shape), kernel(kernel), heads(heads),
      batch(tile.dim(kernel.q, 0)), tokens(tile.dim(kernel.q, 1)) {
  if (kernel.cache)
    bound = shapeOf(kernel.cache)[3];
  if (kernel.rotation)
    bound = std::min(bound.value_or(kernel.rotation->positions),
                     kernel.rotation->positions);
}

Value AttentionEmitter::headRows(Value tensor, const Place &place, Index from,
                                 Index size) {
  int64_t group = heads / shapeOf(tensor)[2];
  Index zero = constant(0), one = constant(1);
  return tile.slice(tensor,
                    {place.row, from, tile.floorDiv(place.head, group), zero},
                    {one, size, one, constant(shapeOf(tensor)[3])}, {1, 3});
}

Value AttentionEmitter::stateRows(int64_t half, const Place &place, Index from,
                                  Index size) {
  int64_t group = heads / shapeOf(kernel.cache)[2];
  Index one = constant(1);
  return tile.slice(kernel.cache,
                    {place.row, constant(half),
                     tile.floorDiv(place.head, group), from, constant(0)},
                    {one, one, one, size, constant(shape.keyDim)}, {3, 4});
}

AttentionEmitter::Place AttentionEmitter::findPlace(Index row, Index head,
                                                    Index block) {
  Index zero = constant(0), rows = constant(shape.queryBlock);
  Place place{
      row, head, tile.blockStart(block, shape.queryBlock, tokens), {}, {}};
  Index start = kernel.positions
                    ? tile.max(tile.perRow(kernel.positions, row), zero)
                    : zero;
  Index position = tile.add(start, place.first);
  // The tokens of this reading; those of them that are valid; and of those the
  // ones of this block.
  Index limit = tokens;
  if (kernel.point)
    limit = tile.clamp(tile.sub(constant(*kernel.point), start), tokens);
  Index written = tile.sub(limit, place.first);
  // A row may have fewer tokens of this reading than the grid.
  if (kernel.point && kernel.positions)
    written = tile.max(written, zero);
  place.written = tile.min(written, rows);
  Index valid = kernel.lengths
                    ? tile.clamp(tile.perRow(kernel.lengths, row), limit)
                    : limit;
  Index count = place.written;
  if (shape.causal && kernel.lengths)
    count = tile.clamp(tile.sub(valid, place.first), rows);
  if (bound)
    count = tile.clamp(tile.sub(constant(*bound), position), count);
  Index keys = kernel.cache     ? constant(shapeOf(kernel.cache)[3])
               : shape.causal   ? valid
               : kernel.lengths ? tile.clamp(tile.perRow(kernel.lengths, row),
                                             tile.dim(kernel.k, 1))
                                : tile.dim(kernel.k, 1);
  auto [begin, end] = findSeenKeys(tile, shape, position, count, keys);
  place.queries = {Value(), position, count, begin, end};
  return place;
}

void AttentionEmitter::readQueries(Place &place) {
  QueryTile &queries = place.queries;
  Value q = headRows(kernel.q, place, place.first, queries.count);
  if (kernel.rotation)
    queries.q = rotateRows(
        tile, *kernel.rotation, q,
        tile.zeros({shape.queryBlock, shape.keyDim}, shape.type),
        tile.min(queries.position, constant(kernel.rotation->positions)),
        queries.count);
  else
    queries.q = tile.padRows(q, shape.queryBlock);
}

Softmax AttentionEmitter::walkKeys(const Place &place) {
  auto readKeys = [&](Index from, Index size) {
    if (!kernel.cache)
      return std::make_pair(headRows(kernel.k, place, from, size),
                            headRows(kernel.v, place, from, size));
    Value k = stateRows(0, place, from, size);
    return std::make_pair(k, stateRows(1, place, from, size));
  };
  // A cache without lengths may end before the last query.
  bool mayBeUnwritten = kernel.cache && !kernel.lengths;
  return emitKeys(tile, shape, place.queries, readKeys, mayBeUnwritten);
}

TileStore AttentionEmitter::store(const Place &place, const Softmax &softmax,
                                  Value output) {
  SmallVector<Index> offsets = {place.row, place.first, place.head,
                                constant(0)};
  SmallVector<Index> sizes = {constant(1), place.written, constant(1),
                              constant(shape.valueDim)};
  Value y = finishRows(tile, softmax, place.queries.count,
                       tile.slice(output, offsets, sizes, {1, 3}));
  return {y, output, offsets, sizes};
}

ResultRange AttentionEmitter::emit(ValueRange inits) {
  Index queries = tokens;
  if (kernel.point && !kernel.positions)
    queries = tile.min(tokens, constant(*kernel.point));
  auto body = [&](ValueRange point, ValueRange outputs) {
    Place place = findPlace(point[0], point[1], point[2]);
    readQueries(place);
    Softmax softmax = walkKeys(place);
    SmallVector<TileStore> stores{store(place, softmax, outputs[0])};
    if (outputs.size() > 1) {
      SmallVector<Index> offsets = {place.row, place.first, place.head};
      SmallVector<Index> sizes = {constant(1), place.written, constant(1)};
      Value logarithms =
          finishLogarithms(tile, softmax, place.queries.count,
                           tile.slice(outputs[1], offsets, sizes, {1}));
      stores.push_back({logarithms, outputs[1], offsets, sizes});
    }
    return stores;
  };
  return tile.forall(
      "attention",
      {batch, constant(heads), tile.ceilDiv(queries, shape.queryBlock)},
      countWork(tile, shape, kernel, heads, queries), inits, body);
}

Softmax AttentionEmitter::combine(ValueRange parts, const Place &place,
                                  Index first, Index count) {
  OpBuilder &builder = tile.getBuilder();
  Location loc = tile.getLoc();
  Type f32 = builder.getF32Type();
  AffineMap identity = builder.getMultiDimIdentityMap(2);
  AffineMap byRow = tile.map(2, {0});
  Index zero = constant(0), one = constant(1);
  Index columns = constant(shape.valueDim);
  int64_t segments = shapeOf(parts[0])[2];
  // One row, of all segments.
  auto read = [&](Value part) {
    return tile.slice(part, {place.row, place.head, first}, {one, one, count},
                      {1, 2});
  };
  Value acc = tile.slice(parts[0], {place.row, place.head, first, zero},
                         {one, one, count, columns}, {2, 3});
  Value maxima = read(parts[2]);
  Value maximum = tile.reduceLast(
      maxima, identity,
      tile.fill(tile.scratch(1, f32), -std::numeric_limits<float>::max()),
      [&](ValueRange args) -> Value {
        return arith::MaximumFOp::create(builder, loc, args[0], args[1]);
      });
  Value weights =
      tile.slice(tile.scratch({1, segments}, f32), {zero, zero}, {one, count});
  weights = tile.pointwise(
      {maxima, maximum}, {identity, byRow}, weights,
      [&](ValueRange args) { return tile.exp(tile.subf(args[0], args[1])); });
  Value sum =
      tile.reduceLast({weights, read(parts[1])}, {identity, identity},
                      tile.zeros({1}, f32), [&](ValueRange args) {
                        return tile.addf(args[2], tile.mulf(args[0], args[1]));
                      });
  acc = tile.contract(weights, {0, 2}, acc, {2, 1},
                      tile.zeros({1, shape.valueDim}, f32));
  return {acc, sum, maximum};
}

// Each segment of the cache is a workgroup, which leaves its sums and their
// maximum; another kernel weighs them by exp(m_s - max m). Segments that no
// query sees leave nothing, and nobody reads them.
ResultRange AttentionEmitter::emitSplit(Value init) {
  OpBuilder &builder = tile.getBuilder();
  Type f32 = builder.getF32Type();
  int64_t size = *shape.keySegment;
  int64_t segments = llvm::divideCeil(shapeOf(kernel.cache)[3], size);
  Index zero = constant(0), one = constant(1), all = constant(segments);
  Index allHeads = constant(heads), columns = constant(shape.valueDim);
  Value parts[] = {tile.empty({batch, allHeads, all, columns}, f32),
                   tile.empty({batch, allHeads, all}, f32),
                   tile.empty({batch, allHeads, all}, f32)};
  auto walk = [&](ValueRange point, ValueRange outputs) {
    Index segment = point[2];
    Place place = findPlace(point[0], point[1], zero);
    Index from = tile.mul(segment, size);
    QueryTile &queries = place.queries;
    queries.begin = tile.max(queries.begin, from);
    queries.end = tile.min(queries.end, tile.add(from, constant(size)));
    readQueries(place);
    Softmax softmax = walkKeys(place);
    SmallVector<Index> offsets = {place.row, place.head, segment};
    SmallVector<Index> sizes = {one, one, one};
    SmallVector<TileStore> stores = {
        {softmax.acc,
         outputs[0],
         {place.row, place.head, segment, zero},
         {one, one, one, columns}},
        {softmax.sum, outputs[1], offsets, sizes},
        {softmax.maximum, outputs[2], offsets, sizes}};
    return stores;
  };
  ResultRange left =
      tile.forall("attention", {batch, allHeads, all},
                  countWork(tile, shape, kernel, heads, tokens), parts, walk);
  return tile.forall(
      "attention_combine", {batch, allHeads}, Work(), init,
      [&](ValueRange point, ValueRange outputs) {
        Place place = findPlace(point[0], point[1], zero);
        Index seen = tile.ceilDiv(place.queries.end, size);
        Index first = tile.min(tile.floorDiv(place.queries.begin, size), seen);
        return SmallVector<TileStore>{
            store(place, combine(left, place, first, tile.sub(seen, first)),
                  outputs[0])};
      });
}

ResultRange transmamba::emitAttention(TileBuilder &tile,
                                      const AttentionShape &shape,
                                      const AttentionKernel &kernel,
                                      ValueRange inits) {
  AttentionEmitter emitter(tile, shape, kernel, shapeOf(inits[0])[2]);
  return shape.keySegment ? emitter.emitSplit(inits[0]) : emitter.emit(inits);
}
