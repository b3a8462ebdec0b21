//===- Norms.cpp - Root mean square normalisation -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Activation.h"
#include "Patterns.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace transmamba;

/// The type that elements of `type` are computed in.
static Type computeType(Type type) {
  return type.isF64() ? type : Float32Type::get(type.getContext());
}

/// 1 / sqrt(mean + eps) over the last dimension of the tensors `ins`, where
/// `element` makes an element of them. One value for each row, computed once.
static Value emitRowScale(TileBuilder &tile, ValueRange ins, double eps,
                          TileBuilder::Body element) {
  OpBuilder &builder = tile.getBuilder();
  SmallVector<Index> sizes = tile.dims(ins[0]);
  double count = shapeOf(ins[0]).back();
  unsigned rank = sizes.size();
  Type type = computeType(elementOf(ins[0]));
  sizes.pop_back();
  SmallVector<AffineMap> maps(ins.size(), builder.getMultiDimIdentityMap(rank));
  Value sum = tile.reduceLast(
      ins, maps, tile.fill(tile.empty(sizes, type), 0.0), [&](ValueRange args) {
        Value x = element(args.drop_back());
        return tile.addf(args.back(), tile.mulf(x, x));
      });
  return tile.pointwise(sum, {}, tile.empty(sizes, type), [&](ValueRange args) {
    Value mean = tile.divf(args[0], tile.floatOf(type, count));
    Value shifted = tile.addf(mean, tile.floatOf(type, eps));
    return math::RsqrtOp::create(builder, tile.getLoc(), shifted).getResult();
  });
}

namespace {
/// rms_norm -> a reduction, the scale of each row, the scaling
struct LowerRMSNorm final : TransMambaPattern<RMSNormOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(RMSNormOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value x = adaptor.getInput();
    unsigned rank = shapeOf(x).size();
    if (ShapedType::isDynamic(shapeOf(x).back()))
      return rewriter.notifyMatchFailure(op, "channels must be static");
    TileBuilder tile(rewriter, op.getLoc());
    Value scale =
        emitRowScale(tile, x, op.getEps().convertToDouble(),
                     [&](ValueRange args) { return tile.widen(args[0]); });
    AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
    SmallVector<unsigned> rowDims =
        llvm::to_vector(llvm::seq<unsigned>(0, rank - 1));
    rewriter.replaceOp(
        op, tile.pointwise(
                {x, scale, adaptor.getWeight()},
                {identity, tile.map(rank, rowDims), tile.map(rank, {rank - 1})},
                tile.empty(tile.dims(x), elementOf(x)), [&](ValueRange args) {
                  return tile.mulf(tile.mulf(tile.widen(args[0]), args[1]),
                                   tile.convert(args[2], args[1].getType()));
                }));
    return success();
  }
};

/// gated_rms_norm -> as rms_norm of the groups, with the gate and the tokens
/// before the TransPoint in the bodies
struct LowerGatedRMSNorm final : TransMambaPattern<GatedRMSNormOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(GatedRMSNormOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tile(rewriter, op.getLoc());
    Value x = adaptor.getInput(), gate = adaptor.getGate();
    Value weight = adaptor.getWeight();
    auto type = cast<RankedTensorType>(x.getType());
    int64_t groups = op.getGroups();
    bool gateFirst = !op.getNormBeforeGate();
    if (groups > 1) {
      x = splitGroups(tile, x, groups);
      gate = splitGroups(tile, gate, groups);
      if (weight)
        weight = splitGroups(tile, weight, groups);
    }

    unsigned rank = shapeOf(x).size();
    AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
    auto gated = [&](Value x, Value gate) {
      return tile.mulf(
          x, emitActivation(tile, Activation::Silu, tile.widen(gate)));
    };
    SmallVector<Value> ins = {x, gate};
    SmallVector<AffineMap> maps = {identity, identity};
    if (weight) {
      ins.push_back(
          emitRowScale(tile, gateFirst ? ValueRange(ins) : ValueRange(x),
                       op.getEps().convertToDouble(), [&](ValueRange args) {
                         Value value = tile.widen(args[0]);
                         return gateFirst ? gated(value, args[1]) : value;
                       }));
      maps.push_back(
          tile.map(rank, llvm::to_vector(llvm::seq<unsigned>(0, rank - 1))));
      ins.push_back(weight);
      maps.push_back(
          tile.map(rank, llvm::to_vector(llvm::seq<unsigned>(2, rank))));
    }
    if (adaptor.getPositions()) {
      ins.push_back(adaptor.getPositions());
      maps.push_back(tile.map(rank, {0}));
    }
    Value y = tile.pointwise(
        ins, maps, tile.empty(tile.dims(x), elementOf(x)),
        [&](ValueRange args) {
          Value input = tile.widen(args[0]);
          Value value = gateFirst ? gated(input, args[1]) : input;
          if (weight)
            value = tile.mulf(tile.mulf(value, args[2]),
                              tile.convert(args[3], value.getType()));
          if (!gateFirst)
            value = gated(value, args[1]);
          if (!op.getPoint())
            return value;
          Index position = tile.loopIndex(1);
          if (adaptor.getPositions())
            position = tile.add(tile.asIndex(args.back()), position);
          Value before = tile.less(position, tile.constant(*op.getPoint()));
          return tile.select(before, input, value);
        });
    if (groups > 1)
      y = tensor::CollapseShapeOp::create(
          rewriter, op.getLoc(), type, y,
          ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3}});
    rewriter.replaceOp(op, y);
    return success();
  }

private:
  /// Splits the last dimension.
  static Value splitGroups(TileBuilder &tile, Value tensor, int64_t groups) {
    SmallVector<Index> sizes = tile.dims(tensor);
    SmallVector<int64_t> shape(shapeOf(tensor));
    int64_t size = shape.back() / groups;
    SmallVector<ReassociationIndices> reassociation;
    for (int64_t dim = 0, rank = shape.size(); dim < rank; ++dim)
      reassociation.push_back({dim});
    reassociation.back().push_back(shape.size());
    shape.back() = groups;
    sizes.back() = tile.constant(groups);
    shape.push_back(size);
    sizes.push_back(tile.constant(size));
    return tensor::ExpandShapeOp::create(
        tile.getBuilder(), tile.getLoc(),
        RankedTensorType::get(shape, elementOf(tensor)), tensor, reassociation,
        sizes);
  }
};
} // namespace

void transmamba::populateNormPatterns(const TypeConverter &converter,
                                      const LoweringContext &lowering,
                                      RewritePatternSet &patterns) {
  patterns.add<LowerRMSNorm, LowerGatedRMSNorm>(
      converter, patterns.getContext(), lowering);
}
