//===- Attention.cpp - Attention, and attention to a cache ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "AttentionTile.h"

using namespace mlir;
using namespace transmamba;

namespace {
/// attention -> scf.forall (row, head, block of queries) { flash attention }
struct LowerAttention final : TransMambaPattern<AttentionOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(AttentionOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tile(rewriter, op.getLoc());
    AttentionKernel kernel;
    kernel.q = adaptor.getQ();
    kernel.k = adaptor.getK();
    kernel.v = adaptor.getV();
    kernel.lengths = adaptor.getLengths();
    ArrayRef<int64_t> q = shapeOf(kernel.q), k = shapeOf(kernel.k);
    AttentionShape shape = chooseAttentionShape(
        lowering.sizes, elementOf(kernel.q), q[3], shapeOf(kernel.v)[3], q[1],
        k[1], op.getScale(), op.getCausal(), op.getWindow(),
        /*cache=*/Value());
    SmallVector<Index> sizes = tile.dims(kernel.q);
    sizes[2] = tile.constant(shapeOf(op.getResult())[2]);
    sizes[3] = tile.constant(shape.valueDim);
    SmallVector<Value> inits{tile.empty(sizes, shape.type)};
    if (op.getLse())
      inits.push_back(
          tile.empty(ArrayRef(sizes).drop_back(), elementOf(op.getLse())));
    rewriter.replaceOp(op, emitAttention(tile, shape, kernel, inits));
    return success();
  }
};

/// cached_attention -> scf.forall (row, head, block of queries) { ... }
struct LowerCachedAttention final : TransMambaPattern<CachedAttentionOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(CachedAttentionOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tile(rewriter, op.getLoc());
    AttentionKernel kernel;
    kernel.q = adaptor.getQ();
    kernel.cache = adaptor.getCache();
    kernel.positions = adaptor.getPositions();
    ArrayRef<int64_t> q = shapeOf(kernel.q);
    AttentionShape shape =
        chooseAttentionShape(lowering.sizes, elementOf(kernel.q), q[3], q[3],
                             q[1], ShapedType::kDynamic, op.getScale(),
                             /*causal=*/true, op.getWindow(), kernel.cache);
    rewriter.replaceOp(
        op, emitAttention(tile, shape, kernel,
                          tile.empty(tile.dims(kernel.q), shape.type)));
    return success();
  }
};
} // namespace

void transmamba::populateAttentionPatterns(const TypeConverter &converter,
                                           const LoweringContext &lowering,
                                           RewritePatternSet &patterns) {
  patterns.add<LowerAttention, LowerCachedAttention>(
      converter, patterns.getContext(), lowering);
}
