//===- ScanTile.cpp - The state-space reading of one head -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ScanTile.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace transmamba;

namespace {
/// Sizes of the tiles of a workgroup.
struct ScanShape {
  int64_t keyDim, valueDim;
  /// Tokens at a time, and columns of the state (a divisor of valueDim).
  int64_t chunk, columns;
  Type type;
};

/// The part of a kernel that one workgroup works on.
class HeadScan {
public:
  HeadScan(TileBuilder &tile, const ScanKernel &kernel, const ScanShape &shape,
           Index row, Index head, Index column);

  /// The state after `count` tokens (at most a chunk) from `first` on.
  Value advance(Index first, Index count, Value state);
  /// As `advance`, and writes the tokens' outputs into `y`, whose rows are
  /// the tokens from `suffix` on.
  std::pair<Value, Value> read(Index first, Index count, Index suffix,
                               Value state, Value y);

  /// The same for one token, by the recurrence itself.
  Value advanceOne(Index token, Value state);
  Value readOne(Index token, Index suffix, Value state, Value y);

private:
  /// `count` tokens of this head of q or k, and of its columns of v.
  Value keys(Value tensor, Index first, Index count);
  Value values(Index first, Index count);
  /// One token, without its dimension.
  Value oneToken(Value tokens);
  Value dtTile(Index first, Index count);
  /// s_i = sum_{j <= i} dt_j
  Value sums(Value dt);
  /// exp(A s_i)
  Value factors(Value sums);
  /// The last element, as a tensor without dimensions.
  Value last(Value perToken);
  Value decayState(Value sums, Value factors, Value dt, Value k, Value v,
                   Value state);
  /// exp(A x)
  Value decay(Value x) { return tile.exp(tile.mulf(a, x)); }

  TileBuilder &tile;
  OpBuilder &builder;
  const ScanKernel &kernel;
  const ScanShape &shape;
  Index row, head, column;
  int64_t heads;
  Type f32;
  /// A and D of this head.
  Value a, skip;
};
} // namespace

HeadScan::HeadScan(TileBuilder &tile, const ScanKernel &kernel,
                   const ScanShape &shape, Index row, Index head, Index column)
    : tile(tile), builder(tile.getBuilder()), kernel(kernel), shape(shape),
      row(row), head(head), column(column), heads(shapeOf(kernel.dt)[2]),
      f32(builder.getF32Type()), a(tile.extract(kernel.A, head)),
      skip(kernel.skip ? tile.extract(kernel.skip, head) : Value()) {}

/// Of [B, T, Hx, E]: head, tokens and elements of one row.
static Value sliceHead(TileBuilder &tile, Value tensor, Index row, Index head,
                       int64_t heads, Index first, Index count, Index element,
                       int64_t elements) {
  int64_t group = heads / shapeOf(tensor)[2];
  return tile.slice(
      tensor, {row, first, tile.floorDiv(head, group), element},
      {tile.constant(1), count, tile.constant(1), tile.constant(elements)},
      {1, 3});
}

Value HeadScan::keys(Value tensor, Index first, Index count) {
  return sliceHead(tile, tensor, row, head, heads, first, count,
                   tile.constant(0), shape.keyDim);
}

Value HeadScan::values(Index first, Index count) {
  return sliceHead(tile, kernel.v, row, head, heads, first, count, column,
                   shape.columns);
}

Value HeadScan::oneToken(Value tokens) {
  SmallVector<Index> offsets(2, tile.constant(0));
  return tile.slice(tokens, offsets, tile.dims(tokens), {1});
}

Value HeadScan::dtTile(Index first, Index count) {
  Value part = tile.slice(kernel.dt, {row, first, head},
                          {tile.constant(1), count, tile.constant(1)}, {1});
  return tile.padRows(part, shape.chunk);
}

Value HeadScan::sums(Value dt) {
  return tile.reduceLast(
      dt, tile.map(2, {1}), tile.zeros(shape.chunk, f32), [&](ValueRange args) {
        Value before = arith::CmpIOp::create(
            builder, tile.getLoc(), arith::CmpIPredicate::ule,
            tile.loopIndex(1), tile.loopIndex(0));
        return tile.addf(args[1], tile.select(before, args[0], tile.f32(0.0)));
      });
}

Value HeadScan::factors(Value sums) {
  return tile.pointwise(sums, {}, tile.scratch(shape.chunk, f32),
                        [&](ValueRange args) { return decay(args[0]); });
}

Value HeadScan::last(Value perToken) {
  return tile.slice(perToken, tile.constant(shape.chunk - 1), tile.constant(1),
                    ArrayRef<int64_t>());
}

// h' = exp(A s) h + sum_j k_j exp(A (s - s_j)) dt_j v_j^T
Value HeadScan::decayState(Value sums, Value factors, Value dt, Value k,
                           Value v, Value state) {
  AffineMap byRow = tile.map(2, {0});
  Value weights = tile.pointwise(
      {sums, dt, last(sums)},
      {tile.map(1, {0}), tile.map(1, {0}), tile.map(1, {})},
      tile.scratch(shape.chunk, f32), [&](ValueRange args) {
        return tile.mulf(args[1], decay(tile.subf(args[2], args[0])));
      });
  // Weighted in f32, whatever v is; apart from the contraction, so that this
  // stays a plain product of two tiles.
  Value weighted = tile.pointwise(
      {v, weights}, {builder.getMultiDimIdentityMap(2), byRow},
      tile.scratch({shape.chunk, shape.columns}, f32), [&](ValueRange args) {
        return tile.mulf(tile.convert(args[0], f32), args[1]);
      });
  state =
      tile.update(last(factors), tile.map(2, {}), state,
                  [&](ValueRange args) { return tile.mulf(args[0], args[1]); });
  return tile.contract(k, {2, 0}, weighted, {2, 1}, state);
}

Value HeadScan::advance(Index first, Index count, Value state) {
  Value k = tile.padRows(keys(kernel.k, first, count), shape.chunk);
  Value v = tile.padRows(values(first, count), shape.chunk);
  Value dt = dtTile(first, count);
  Value sum = sums(dt);
  return decayState(sum, factors(sum), dt, k, v, state);
}

std::pair<Value, Value> HeadScan::read(Index first, Index count, Index suffix,
                                       Value state, Value y) {
  int64_t chunk = shape.chunk;
  AffineMap identity = builder.getMultiDimIdentityMap(2);
  AffineMap byRow = tile.map(2, {0}), byColumn = tile.map(2, {1});
  Value q = tile.padRows(keys(kernel.q, first, count), chunk);
  Value k = tile.padRows(keys(kernel.k, first, count), chunk);
  Value v = tile.padRows(values(first, count), chunk);
  Value dt = dtTile(first, count);
  Value sum = sums(dt);

  // What the state says: exp(A s_i) q_i h + skip v_i.
  Value out = tile.contract(q, {0, 2}, state, {2, 1},
                            tile.zeros({chunk, shape.columns}, f32));
  Value factor = factors(sum);
  SmallVector<Value> ins = {factor};
  if (skip)
    ins.push_back(v);
  out = tile.update(ins, {byRow, identity}, out, [&](ValueRange args) {
    Value read = tile.mulf(args.back(), args[0]);
    return skip ? tile.addf(read, tile.mulf(skip, tile.convert(args[1], f32)))
                : read;
  });

  // What the chunk says. The exponent is masked as well: where j > i it is
  // positive and could overflow.
  Value scores =
      tile.contract(q, {0, 2}, k, {1, 2}, tile.zeros({chunk, chunk}, f32));
  scores = tile.update(
      {sum, sum, dt}, {byRow, byColumn, byColumn}, scores,
      [&](ValueRange args) {
        Value before = arith::CmpIOp::create(
            builder, tile.getLoc(), arith::CmpIPredicate::ule,
            tile.loopIndex(1), tile.loopIndex(0));
        Value none = tile.f32(0.0);
        Value span = tile.select(before, tile.subf(args[0], args[1]), none);
        Value weight = tile.mulf(decay(span), args[2]);
        return tile.select(before, tile.mulf(args[3], weight), none);
      });
  out = tile.contract(scores, {0, 2}, v, {2, 1}, out);

  Value valid = tile.rows(out, tile.constant(0), count);
  Index place = tile.sub(first, suffix);
  if (shape.type != f32)
    valid = tile.pointwise(valid, {}, tile.rows(y, place, count),
                           [](ValueRange args) { return args[0]; });
  y = tile.insertRows(valid, y, place);
  return {decayState(sum, factor, dt, k, v, state), y};
}

// h' = exp(A dt) h + dt k v^T
Value HeadScan::advanceOne(Index index, Value state) {
  Value dt = tile.extract(kernel.dt, {row, index, head});
  Value factor = decay(dt);
  Index one = tile.constant(1);
  return tile.update(
      {oneToken(keys(kernel.k, index, one)), oneToken(values(index, one))},
      {tile.map(2, {0}), tile.map(2, {1})}, state, [&](ValueRange args) {
        Value key = tile.mulf(dt, tile.convert(args[0], f32));
        Value outer = tile.mulf(key, tile.convert(args[1], f32));
        return tile.addf(tile.mulf(factor, args[2]), outer);
      });
}

// y = q h + skip v
Value HeadScan::readOne(Index index, Index suffix, Value state, Value y) {
  Index one = tile.constant(1);
  Value out = tile.scratch(shape.columns, f32);
  if (skip)
    out = tile.pointwise(oneToken(values(index, one)), {}, out,
                         [&](ValueRange args) {
                           return tile.mulf(skip, tile.convert(args[0], f32));
                         });
  else
    out = tile.fill(out, 0.0);
  out = tile.contract(oneToken(keys(kernel.q, index, one)), {1}, state, {1, 0},
                      out);
  SmallVector<Index> offsets = {tile.sub(index, suffix), tile.constant(0)};
  SmallVector<Index> sizes = {one, tile.constant(shape.columns)};
  if (shape.type != f32)
    out = tile.pointwise(out, {}, tile.slice(y, offsets, sizes, {1}),
                         [](ValueRange args) { return args[0]; });
  return tile.insert(out, y, offsets, sizes);
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// Bytes of the tiles that live at the same time.
static int64_t scratchBytes(const ScanShape &shape, bool hasOutput,
                            bool hasInit) {
  int64_t element = llvm::divideCeil(shape.type.getIntOrFloatBitWidth(), 8);
  int64_t chunk = shape.chunk, n = shape.keyDim, d = shape.columns;
  int64_t bytes = element * chunk * (n + d) + 4 * chunk * (d + 4);
  if (hasOutput)
    bytes += element * chunk * n + 4 * chunk * (chunk + d);
  // An initial state is updated where it lies.
  return hasInit ? bytes : bytes + 4 * n * d;
}

static ScanShape chooseScanShape(const TileSizes &sizes,
                                 const ScanKernel &kernel) {
  ScanShape shape;
  shape.keyDim = shapeOf(kernel.k)[3];
  shape.valueDim = shapeOf(kernel.v)[3];
  shape.type = elementOf(kernel.v);
  shape.columns = sizes.valueBlock > 0
                      ? chooseDivisor(shape.valueDim, sizes.valueBlock)
                      : shape.valueDim;
  shape.chunk = kernel.chunk.value_or(sizes.chunk);
  int64_t tokens = shapeOf(kernel.v)[1];
  if (!ShapedType::isDynamic(tokens))
    shape.chunk = std::clamp<int64_t>(tokens, 1, shape.chunk);
  while (shape.chunk > 8 &&
         scratchBytes(shape, static_cast<bool>(kernel.q),
                      static_cast<bool>(kernel.init)) > sizes.scratchLimit)
    shape.chunk = llvm::divideCeil(shape.chunk, 2);
  return shape;
}

/// Everything once, queries and results from the suffix on. Where it begins is
/// not known where positions come with the call: there may be none.
static Work countWork(TileBuilder &tile, const ScanShape &shape,
                      const ScanKernel &kernel) {
  WorkBuilder work(tile.getBuilder(), tile.getLoc());
  Index batch = tile.dim(kernel.v, 0), tokens = tile.dim(kernel.v, 1);
  int64_t heads = shapeOf(kernel.dt)[2];
  Index outputs = tokens;
  if (!kernel.q || (kernel.point && kernel.positions))
    outputs = tile.constant(0);
  else if (kernel.point)
    outputs = tile.sub(tokens, tile.min(tokens, tile.constant(*kernel.point)));
  int64_t element = countElementBytes(kernel.v.getType());
  int64_t perToken = element * (shapeOf(kernel.k)[2] * shape.keyDim +
                                shapeOf(kernel.v)[2] * shape.valueDim) +
                     4 * heads;
  int64_t perOutput = !kernel.q
                          ? 0
                          : element * (shapeOf(kernel.q)[2] * shape.keyDim +
                                       heads * shape.valueDim);
  // The state is written, and read where there is one before.
  int64_t perRow =
      4 * heads * shape.keyDim * shape.valueDim * (kernel.init ? 2 : 1);
  Index bytes = work.add(
      work.add(work.mul(tokens, perToken), work.mul(outputs, perOutput)),
      tile.constant(perRow));
  return {work.countFlop(ScanWork{batch, tokens, outputs, heads, shape.keyDim,
                                  shape.valueDim}),
          work.mul(batch, bytes)};
}

SmallVector<Value> transmamba::emitScan(TileBuilder &tile,
                                        const TileSizes &sizes,
                                        const ScanKernel &kernel,
                                        Value output) {
  ScanShape shape = chooseScanShape(sizes, kernel);
  Index zero = tile.constant(0), one = tile.constant(1);
  Index chunk = tile.constant(shape.chunk);
  Index columns = tile.constant(shape.columns);
  Index tokens = tile.dim(kernel.v, 1);
  Type f32 = tile.getBuilder().getF32Type();
  int64_t heads = shapeOf(kernel.dt)[2];

  auto body = [&](ValueRange point, ValueRange outputs) {
    Index row = point[0], head = point[1];
    Index column =
        tile.blockStart(point[2], shape.columns, tile.constant(shape.valueDim));
    HeadScan scan(tile, kernel, shape, row, head, column);

    Index valid = tokens;
    if (kernel.lengths)
      valid = tile.clamp(
          tile.sub(tile.perRow(kernel.lengths, row), kernel.start), tokens);
    // The tokens before `suffix` have no output; `prefix` of them are valid.
    Index suffix = kernel.q ? zero : tokens;
    Index prefix = kernel.q ? zero : valid;
    if (kernel.point) {
      suffix = tile.constant(*kernel.point);
      if (kernel.positions)
        suffix = tile.sub(suffix,
                          tile.max(tile.perRow(kernel.positions, row), zero));
      suffix = tile.clamp(suffix, tokens);
      prefix = tile.min(suffix, valid);
    }

    SmallVector<Index> stateOffsets = {row, head, zero, column};
    SmallVector<Index> stateSizes = {one, one, tile.constant(shape.keyDim),
                                     columns};
    Value sharedState = outputs.back();
    Value h = kernel.init
                  ? tile.slice(sharedState, stateOffsets, stateSizes, {2, 3})
                  : tile.zeros({shape.keyDim, shape.columns}, f32);

    bool oneByOne = shape.chunk == 1;
    auto size = [&](Index end, Index first) {
      return tile.min(tile.sub(end, first), chunk);
    };
    h = tile.loop(
        zero, prefix, shape.chunk, h,
        [&](Value first, ValueRange args) -> SmallVector<Value> {
          return {oneByOne ? scan.advanceOne(first, args[0])
                           : scan.advance(first, size(prefix, first), args[0])};
        })[0];
    SmallVector<TileStore> stores;
    if (kernel.q) {
      SmallVector<Index> offsets = {row, suffix, head, column};
      SmallVector<Index> sizes = {one, tile.sub(tokens, suffix), one, columns};
      // Rows of y count from the suffix on.
      Value y = tile.slice(outputs[0], offsets, sizes, {1, 3});
      y = tile.zeroRows(y, tile.sub(tile.max(valid, suffix), suffix),
                        tile.sub(tokens, suffix));
      ValueRange results =
          tile.loop(suffix, valid, shape.chunk, {h, y},
                    [&](Value first, ValueRange args) -> SmallVector<Value> {
                      Value h = args[0], y = args[1];
                      if (oneByOne) {
                        h = scan.advanceOne(first, h);
                        y = scan.readOne(first, suffix, h, y);
                      } else {
                        std::tie(h, y) =
                            scan.read(first, size(valid, first), suffix, h, y);
                      }
                      return {h, y};
                    });
      h = results[0];
      stores.push_back({results[1], outputs[0], offsets, sizes});
    }
    stores.push_back({h, sharedState, stateOffsets, stateSizes});
    return stores;
  };

  Value state = kernel.init;
  if (!state)
    state =
        tile.empty(ArrayRef<Index>{tile.dim(kernel.v, 0), tile.constant(heads),
                                   tile.constant(shape.keyDim),
                                   tile.constant(shape.valueDim)},
                   f32);
  SmallVector<Value> outs;
  if (kernel.q)
    outs.push_back(output);
  outs.push_back(state);
  ResultRange results =
      tile.forall("ssd_scan",
                  {tile.dim(kernel.v, 0), tile.constant(heads),
                   tile.constant(shape.valueDim / shape.columns)},
                  countWork(tile, shape, kernel), outs, body);
  return SmallVector<Value>(results);
}
