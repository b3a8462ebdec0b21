//===- SelectiveScan.cpp - Mamba's selective scan -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace transmamba;

namespace {
/// selective_scan -> scf.forall (row, block of channels) { token by token }
///
/// A differs from channel to channel and state to state, so there is no matrix
/// product over the tokens of a chunk to be had.
struct LowerSelectiveScan final : TransMambaPattern<SelectiveScanOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(SelectiveScanOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tile(rewriter, op.getLoc());
    Value u = adaptor.getU(), init = adaptor.getInit();
    Type f32 = rewriter.getF32Type(), type = elementOf(u);
    int64_t allChannels = shapeOf(u)[2], states = shapeOf(adaptor.getA())[1];
    int64_t channels = chooseDivisor(allChannels, lowering.sizes.channelBlock);
    Index zero = tile.constant(0), one = tile.constant(1);
    Index width = tile.constant(channels), depth = tile.constant(states);
    SmallVector<Index> dims = tile.dims(u);
    Value output = tile.empty(dims, type);
    Value state =
        init ? init : tile.empty(ArrayRef<Index>{dims[0], dims[2], depth}, f32);
    AffineMap byRow = tile.map(2, {0}), byColumn = tile.map(2, {1});
    AffineMap identity = rewriter.getMultiDimIdentityMap(2);

    auto body = [&](ValueRange point, ValueRange outputs) {
      Index row = point[0];
      Index channel =
          tile.blockStart(point[1], channels, tile.constant(allChannels));
      Index valid = dims[1];
      if (adaptor.getLengths())
        valid = tile.clamp(tile.perRow(adaptor.getLengths(), row), valid);
      Value A = tile.slice(adaptor.getA(), {channel, zero}, {width, depth});
      SmallVector<Index> stateOffsets = {row, channel, zero};
      SmallVector<Index> stateSizes = {one, width, depth};
      Value h = init ? tile.slice(outputs[1], stateOffsets, stateSizes, {1, 2})
                     : tile.zeros({channels, states}, f32);
      SmallVector<Index> offsets = {row, zero, channel};
      SmallVector<Index> sizes = {one, dims[1], width};
      Value y = tile.slice(outputs[0], offsets, sizes, {1, 2});
      y = tile.zeroRows(y, valid, dims[1]);

      auto step = [&](Value token, ValueRange args) -> SmallVector<Value> {
        auto channelsOf = [&](Value tensor) {
          return tile.slice(tensor, {row, token, channel}, {one, one, width},
                            {2});
        };
        auto statesOf = [&](Value tensor) {
          return tile.slice(tensor, {row, token, zero}, {one, one, depth}, {2});
        };
        Value x = channelsOf(u);
        // h' = exp(dt A) h + dt u B
        Value h = tile.update(
            {channelsOf(adaptor.getDt()), x, A, statesOf(adaptor.getB())},
            {byRow, byRow, identity, byColumn}, args[0], [&](ValueRange args) {
              Value decay = tile.exp(tile.mulf(args[0], args[2]));
              Value input =
                  tile.mulf(tile.mulf(args[0], tile.convert(args[1], f32)),
                            tile.convert(args[3], f32));
              return tile.addf(tile.mulf(decay, args[4]), input);
            });
        // y = h C + D u
        Value out = tile.scratch(channels, f32);
        if (adaptor.getSkip())
          out = tile.pointwise(
              {x, tile.slice(adaptor.getSkip(), channel, width)}, {}, out,
              [&](ValueRange args) {
                return tile.mulf(tile.convert(args[0], f32), args[1]);
              });
        else
          out = tile.fill(out, 0.0);
        out = tile.contract(h, {0, 1}, statesOf(adaptor.getC()), {1}, out);
        SmallVector<Index> place = {token, zero}, extent = {one, width};
        if (type != f32)
          out = tile.pointwise(out, {}, tile.slice(args[1], place, extent, {1}),
                               [](ValueRange args) { return args[0]; });
        return {h, tile.insert(out, args[1], place, extent)};
      };
      ValueRange results = tile.loop(zero, valid, 1, {h, y}, step);
      return SmallVector<TileStore>{
          {results[1], outputs[0], offsets, sizes},
          {results[0], outputs[1], stateOffsets, stateSizes}};
    };
    // dt A; a h + dt u B; h C: one, three and two operations for each state of
    // each channel. Exponentials are not counted.
    WorkBuilder work(rewriter, op.getLoc());
    Index bytes = work.countBytes({u, adaptor.getDt(), adaptor.getA(),
                                   adaptor.getB(), adaptor.getC(), output});
    bytes = work.add(bytes, work.mul(work.countBytes(state), init ? 2 : 1));
    Work minimum{work.mul(work.countElements(u), 6 * states), bytes};
    rewriter.replaceOp(
        op, tile.forall("selective_scan",
                        {dims[0], tile.constant(allChannels / channels)},
                        minimum, {output, state}, body));
    return success();
  }
};
} // namespace

void transmamba::populateSelectiveScanPatterns(const TypeConverter &converter,
                                               const LoweringContext &lowering,
                                               RewritePatternSet &patterns) {
  patterns.add<LowerSelectiveScan>(converter, patterns.getContext(), lowering);
}
