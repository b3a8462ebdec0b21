//===- CacheAppend.cpp - Keys and values into a cache ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "CacheAppend.h"

using namespace mlir;
using namespace transmamba;

Value transmamba::emitCacheAppend(TileBuilder &tile, const TileSizes &sizes,
                                  const CacheAppend &append) {
  Index zero = tile.constant(0), one = tile.constant(1);
  ArrayRef<int64_t> shape = shapeOf(append.cache);
  int64_t heads = shape[2], capacity = shape[3], headDim = shape[4];
  Index tokens = tile.dim(append.k, 1);

  auto body = [&](ValueRange point, ValueRange outputs) {
    Index row = point[0], head = point[1];
    Index first = tile.blockStart(point[2], sizes.tokenBlock, tokens);
    // Tokens [low, high) of the row are valid and have a slot; the block has
    // `count` of them from `from` on.
    Index start = zero, low = zero, high = tokens;
    if (append.positions) {
      start = tile.perRow(append.positions, row);
      low = tile.max(tile.sub(zero, start), zero);
    }
    if (append.lengths)
      high = tile.min(high, tile.perRow(append.lengths, row));
    high = tile.min(high, tile.sub(tile.constant(capacity), start));
    Index from = tile.max(first, low);
    Index count = tile.max(
        tile.sub(
            tile.min(high, tile.add(first, tile.constant(sizes.tokenBlock))),
            from),
        zero);
    // Empty slices must not start outside either.
    from = tile.min(from, tokens);
    Index slot = tile.clamp(tile.add(start, from), tile.constant(capacity));

    auto source = [&](Value tensor) {
      int64_t group = heads / shapeOf(tensor)[2];
      return tile.slice(tensor, {row, from, tile.floorDiv(head, group), zero},
                        {one, count, one, tile.constant(headDim)}, {1, 3});
    };
    SmallVector<Index> slots = {one, one, one, count, tile.constant(headDim)};
    SmallVector<Index> keys = {row, zero, head, slot, zero};
    SmallVector<Index> values = {row, one, head, slot, zero};
    Value k = source(append.k), v = source(append.v);
    if (append.rotation)
      k = rotateRows(tile, *append.rotation, k,
                     tile.slice(outputs[0], keys, slots, {3, 4}), slot, count);
    return SmallVector<TileStore>{{k, outputs[0], keys, slots},
                                  {v, outputs[0], values, slots}};
  };

  // Without positions nothing beyond the capacity can be appended.
  Index appended =
      append.positions ? tokens : tile.min(tokens, tile.constant(capacity));
  // Keys and values are read and written, as often as heads share them. How
  // many have a slot is not known where positions come with the call.
  Work minimum;
  if (!append.positions) {
    WorkBuilder work(tile.getBuilder(), tile.getLoc());
    int64_t copied = shapeOf(append.k)[2] + shapeOf(append.v)[2] + 2 * heads;
    minimum = {
        tile.constant(0),
        work.mul(work.mul(tile.dim(append.k, 0), appended),
                 copied * headDim * countElementBytes(append.cache.getType()))};
  }
  return tile.forall("append_kv",
                     {tile.dim(append.k, 0), tile.constant(heads),
                      tile.ceilDiv(appended, sizes.tokenBlock)},
                     minimum, append.cache, body)[0];
}

namespace {
/// append_kv -> scf.forall (row, head, block of tokens) { copies }
struct LowerAppendKV final : TransMambaPattern<AppendKVOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(AppendKVOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tile(rewriter, op.getLoc());
    CacheAppend append{
        adaptor.getCache(),   adaptor.getK(),
        adaptor.getV(),       adaptor.getPositions(),
        adaptor.getLengths(), lowering.ropeTables.get(rewriter, op)};
    rewriter.replaceOp(op, emitCacheAppend(tile, lowering.sizes, append));
    return success();
  }
};
} // namespace

void transmamba::populateCachePatterns(const TypeConverter &converter,
                                       const LoweringContext &lowering,
                                       RewritePatternSet &patterns) {
  patterns.add<LowerAppendKV>(converter, patterns.getContext(), lowering);
}
