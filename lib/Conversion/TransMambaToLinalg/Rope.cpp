//===- Rope.cpp - Rotary positions of whole tensors -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Rope.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace transmamba;

Value transmamba::emitRope(TileBuilder &tile, const TileSizes &sizes,
                           const Rotation &rotation, Value input,
                           Value positions) {
  Index zero = tile.constant(0), one = tile.constant(1);
  SmallVector<Index> dims = tile.dims(input);
  Index tokens = dims[1];
  Index rows = tile.constant(rotation.positions);

  auto body = [&](ValueRange point, ValueRange outputs) {
    Index row = point[0];
    Index first = tile.blockStart(point[1], sizes.tokenBlock, tokens);
    Index count =
        tile.min(tile.sub(tokens, first), tile.constant(sizes.tokenBlock));
    SmallVector<Index> blockOffsets = {row, first, zero, zero};
    SmallVector<Index> blockSizes = {one, count, dims[2], dims[3]};
    Index position = first;
    if (positions)
      position = tile.add(tile.max(tile.perRow(positions, row), zero), first);
    Value source = tile.slice(input, blockOffsets, blockSizes, {1, 2, 3});
    Value dest = tile.slice(outputs[0], blockOffsets, blockSizes, {1, 2, 3});
    Value y;
    if (getConstantIntValue(count) == 1) {
      // A single token keeps its static size: it takes the last row instead.
      position = tile.min(position, tile.constant(rotation.positions - 1));
      y = rotateRows(tile, rotation, source, dest, position, one);
    } else {
      position = tile.min(position, rows);
      Index known = tile.min(count, tile.sub(rows, position));
      y = rotateRows(tile, rotation, source, dest, position, known);
      y = tile.zeroRows(y, known, count);
    }
    return SmallVector<TileStore>{{y, outputs[0], blockOffsets, blockSizes}};
  };
  // A pair takes four products and two sums; what is not rotated is copied.
  WorkBuilder work(tile.getBuilder(), tile.getLoc());
  Index heads = work.mul(work.mul(dims[0], tokens), dims[2]);
  Work minimum{work.mul(heads, 3 * rotation.rotaryDim),
               work.mul(work.countBytes(input), 2)};
  return tile.forall("rope", {dims[0], tile.ceilDiv(tokens, sizes.tokenBlock)},
                     minimum, tile.empty(dims, elementOf(input)), body)[0];
}

namespace {
/// rope -> scf.forall (row, block of tokens) { rotate pairs }
struct LowerRope final : TransMambaPattern<RopeOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(RopeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tile(rewriter, op.getLoc());
    std::optional<Rotation> rotation = lowering.ropeTables.get(rewriter, op);
    if (!rotation)
      return rewriter.notifyMatchFailure(op, "has no tables");
    rewriter.replaceOp(op,
                       emitRope(tile, lowering.sizes, *rotation,
                                adaptor.getInput(), adaptor.getPositions()));
    return success();
  }
};
} // namespace

void transmamba::populateRopePatterns(const TypeConverter &converter,
                                      const LoweringContext &lowering,
                                      RewritePatternSet &patterns) {
  patterns.add<LowerRope>(converter, patterns.getContext(), lowering);
}
