//===- Rows.cpp - Operations on tokens one by one -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Activation.h"
#include "Patterns.h"

using namespace mlir;
using namespace transmamba;

namespace {
/// embedding -> scf.forall (row, token) { a row of the table, or zeros }
struct LowerEmbedding final : TransMambaPattern<EmbeddingOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(EmbeddingOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value tokens = adaptor.getTokens(), table = adaptor.getTable();
    if (ShapedType::isDynamic(shapeOf(table)[1]))
      return rewriter.notifyMatchFailure(op, "channels must be static");
    TileBuilder tile(rewriter, op.getLoc());
    Index zero = tile.constant(0), one = tile.constant(1);
    Index channels = tile.dim(table, 1);
    Value init = tile.empty(
        ArrayRef<Index>{tile.dim(tokens, 0), tile.dim(tokens, 1), channels},
        elementOf(table));

    auto body = [&](ValueRange point, ValueRange outputs) {
      Index row = point[0], token = point[1];
      Value id = tile.value(tile.asIndex(tile.extract(tokens, {row, token})));
      // Unsigned, a negative token is larger than any table. What is read
      // lies in the table in any case.
      Value known = arith::CmpIOp::create(rewriter, op.getLoc(),
                                          arith::CmpIPredicate::ult, id,
                                          tile.value(tile.dim(table, 0)));
      Value entry = tile.select(known, id, tile.value(zero));
      SmallVector<Index> offsets = {row, token, zero};
      SmallVector<Index> sizes = {one, one, channels};
      Value none = tile.floatOf(elementOf(table), 0.0);
      Value y = tile.pointwise(
          tile.slice(table, {entry, zero}, {one, channels}, {1}), {},
          tile.slice(outputs[0], offsets, sizes, {2}),
          [&](ValueRange args) { return tile.select(known, args[0], none); });
      return SmallVector<TileStore>{{y, outputs[0], offsets, sizes}};
    };
    // Of the table what is looked up.
    WorkBuilder work(rewriter, op.getLoc());
    Work minimum{zero, work.add(work.countBytes(tokens),
                                work.mul(work.countBytes(init), 2))};
    rewriter.replaceOp(
        op, tile.forall("embedding", {tile.dim(tokens, 0), tile.dim(tokens, 1)},
                        minimum, init, body));
    return success();
  }
};

/// last_token -> scf.forall (row) { a copy }
struct LowerLastToken final : TransMambaPattern<LastTokenOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(LastTokenOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value input = adaptor.getInput();
    if (ShapedType::isDynamic(shapeOf(input)[2]))
      return rewriter.notifyMatchFailure(op, "channels must be static");
    TileBuilder tile(rewriter, op.getLoc());
    Index zero = tile.constant(0), one = tile.constant(1);
    SmallVector<Index> dims = tile.dims(input);
    Index end = tile.sub(dims[1], one);
    auto body = [&](ValueRange point, ValueRange outputs) {
      Index row = point[0];
      Index last = tile.clamp(
          tile.sub(tile.perRow(adaptor.getLengths(), row), one), end);
      Value token =
          tile.slice(input, {row, last, zero}, {one, one, dims[2]}, {2});
      return SmallVector<TileStore>{
          {token, outputs[0], {row, zero}, {one, dims[2]}}};
    };
    Value init =
        tile.empty(ArrayRef<Index>{dims[0], dims[2]}, elementOf(input));
    WorkBuilder work(rewriter, op.getLoc());
    Work minimum{zero, work.mul(work.countBytes(init), 2)};
    rewriter.replaceOp(op,
                       tile.forall("last_token", dims[0], minimum, init, body));
    return success();
  }
};

/// activate -> linalg.generic
struct LowerActivate final : TransMambaPattern<ActivateOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(ActivateOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tile(rewriter, op.getLoc());
    Value input = adaptor.getInput();
    rewriter.replaceOp(
        op, tile.pointwise(input, {},
                           tile.empty(tile.dims(input), elementOf(input)),
                           [&](ValueRange args) {
                             return emitActivation(tile, op.getFunction(),
                                                   tile.widen(args[0]));
                           }));
    return success();
  }
};

/// select_reading -> linalg.generic: at[b] + t < P ? attention : ssm
struct LowerSelectReading final : TransMambaPattern<SelectReadingOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(SelectReadingOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    std::optional<int64_t> point = lowering.getTransPoint(op);
    if (!point)
      return rewriter.notifyMatchFailure(op, "the TransPoint is not known");
    TileBuilder tile(rewriter, op.getLoc());
    Value attention = adaptor.getAttention();
    unsigned rank = shapeOf(attention).size();
    AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
    rewriter.replaceOp(
        op, tile.pointwise(
                {attention, adaptor.getSsm(), adaptor.getPositions()},
                {identity, identity, tile.map(rank, {0})},
                tile.empty(tile.dims(attention), elementOf(attention)),
                [&](ValueRange args) {
                  Index position =
                      tile.add(tile.asIndex(args[2]), tile.loopIndex(1));
                  return tile.select(tile.less(position, tile.constant(*point)),
                                     args[0], args[1]);
                }));
    return success();
  }
};

/// transpoint -> arith.minsi
struct LowerTransPoint final : TransMambaPattern<TransPointOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(TransPointOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    std::optional<int64_t> point = lowering.getTransPoint(op);
    if (!point)
      return rewriter.notifyMatchFailure(op, "the TransPoint is not known");
    TileBuilder tile(rewriter, op.getLoc());
    rewriter.replaceOp(
        op, tile.value(tile.min(adaptor.getTokens(), tile.constant(*point))));
    return success();
  }
};
} // namespace

void transmamba::populateRowPatterns(const TypeConverter &converter,
                                     const LoweringContext &lowering,
                                     RewritePatternSet &patterns) {
  patterns.add<LowerEmbedding, LowerLastToken, LowerActivate,
               LowerSelectReading, LowerTransPoint>(
      converter, patterns.getContext(), lowering);
}
