//===- Switch.cpp - Both readings of a layer ------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// Three kernels: keys and values into the cache, attention before the
// TransPoint, the state and the outputs from the TransPoint on. The two
// readings share one output; a workgroup whose tokens all stand on the other
// side of the TransPoint has loops of no iterations.
//
//===----------------------------------------------------------------------===//

#include "AttentionTile.h"
#include "CacheAppend.h"
#include "Rope.h"
#include "ScanTile.h"

using namespace mlir;
using namespace transmamba;

namespace {
/// switch -> append, attention of the tokens before P, scan of all tokens
struct LowerSwitch final : TransMambaPattern<SwitchOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(SwitchOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tile(rewriter, op.getLoc());
    int64_t point = op.getPoint();
    std::optional<Rotation> rotation = lowering.ropeTables.get(rewriter, op);
    Value q = adaptor.getQ(), k = adaptor.getK(), v = adaptor.getV();
    int64_t heads = shapeOf(op.getResult())[2];
    Type type = elementOf(q);

    AttentionKernel attention;
    attention.q = q;
    attention.positions = adaptor.getPositions();
    attention.lengths = adaptor.getLengths();
    attention.point = point;
    attention.rotation = rotation;
    int64_t keys = ShapedType::kDynamic;
    if (adaptor.getCache()) {
      attention.cache =
          emitCacheAppend(tile, lowering.sizes,
                          {adaptor.getCache(), k, v, adaptor.getPositions(),
                           adaptor.getLengths(), rotation});
    } else {
      keys = shapeOf(k)[1];
      attention.k = k;
      attention.v = v;
      if (rotation) {
        // Only the keys before the TransPoint are read.
        SmallVector<Index> sizes = tile.dims(k);
        SmallVector<Index> offsets(sizes.size(), tile.constant(0));
        sizes[1] = tile.min(sizes[1], tile.constant(point));
        attention.k = emitRope(tile, lowering.sizes, *rotation,
                               tile.slice(k, offsets, sizes), Value());
      }
    }
    AttentionShape shape = chooseAttentionShape(
        lowering.sizes, type, shapeOf(q)[3], shapeOf(v)[3], shapeOf(q)[1], keys,
        op.getScale(), /*causal=*/true, op.getWindow(), attention.cache);
    SmallVector<Index> sizes = tile.dims(v);
    sizes[2] = tile.constant(heads);
    Value output =
        emitAttention(tile, shape, attention, tile.empty(sizes, type))[0];

    ScanKernel scan;
    scan.q = q;
    scan.k = k;
    scan.v = v;
    scan.dt = adaptor.getDt();
    scan.A = adaptor.getA();
    scan.skip = adaptor.getSkip();
    scan.init = adaptor.getInit();
    scan.positions = adaptor.getPositions();
    scan.lengths = adaptor.getLengths();
    scan.start = tile.constant(0);
    scan.point = point;
    scan.chunk = op.getChunk();
    SmallVector<Value> results = emitScan(tile, lowering.sizes, scan, output);
    if (attention.cache)
      results.push_back(attention.cache);
    rewriter.replaceOp(op, results);
    return success();
  }
};
} // namespace

void transmamba::populateSwitchPatterns(const TypeConverter &converter,
                                        const LoweringContext &lowering,
                                        RewritePatternSet &patterns) {
  patterns.add<LowerSwitch>(converter, patterns.getContext(), lowering);
}
