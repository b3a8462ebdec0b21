//===- SplitSwitch.cpp - The hybrid mixer as attention and scan -----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "SplitSwitch.h"

#include "Tile/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "transmamba/Conversion/TransMambaToTile/Config.h"

using namespace mlir;
using namespace transmamba;

/// The first `count` tokens of a tensor [B, T, H, D].
static Value sliceTokens(OpBuilder &builder, Location loc, Value tensor,
                         Value count) {
  SmallVector<OpFoldResult> offsets(4, builder.getIndexAttr(0)),
      strides(4, builder.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(builder, loc, tensor);
  sizes[1] = count;
  return tensor::ExtractSliceOp::create(builder, loc, tensor, offsets, sizes,
                                        strides);
}

PrefixHeads transmamba::takePrefix(OpBuilder &builder, SwitchOp op,
                                   Value count) {
  Location loc = op.getLoc();
  Value q = sliceTokens(builder, loc, op.getQ(), count);
  Value k = sliceTokens(builder, loc, op.getK(), count);
  Value v = sliceTokens(builder, loc, op.getV(), count);
  if (FloatAttr theta = op.getRopeThetaAttr()) {
    auto rotate = [&](Value x) -> Value {
      return RopeOp::create(builder, loc, x, /*positions=*/Value(), theta,
                            op.getRotaryDimAttr(), op.getInterleavedAttr());
    };
    q = rotate(q);
    k = rotate(k);
  }
  if (op.getCache())
    op.getNextCache().replaceAllUsesWith(
        AppendKVOp::create(builder, loc, op.getCache(), k, v,
                           /*positions=*/Value(), op.getLengths()));
  return {q, k, v};
}

// %y, %h, %c1 = transmamba.switch %q, %k, %v, %dt, %A transpoint P cache(%c0)
// ->
// %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A
// n = min(T, P);  %q0, %k0, %v0 = the first n tokens, q and k rotated
// %c1 = transmamba.append_kv %c0, %k0, %v0
// %ya = transmamba.attention %q0, %k0, %v0 {causal}
// %y = tensor.insert_slice %ya into %ys, at the first n tokens
SplitMixer transmamba::splitSwitch(SwitchOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  SplitMixer parts;
  parts.scan = SSDScanOp::create(
      builder, loc, op.getResult().getType(), op.getState().getType(),
      op.getQ(), op.getK(), op.getV(), op.getDt(), op.getA(), op.getSkip(),
      /*init=*/Value(), /*start=*/Value(), op.getLengths(), op.getChunkAttr());

  Value tokens = builder.createOrFold<tensor::DimOp>(loc, op.getQ(), 1);
  Value point = arith::ConstantIndexOp::create(builder, loc, op.getPoint());
  Value count = arith::MinUIOp::create(builder, loc, tokens, point);
  PrefixHeads prefix = takePrefix(builder, op, count);

  auto whole = cast<RankedTensorType>(op.getResult().getType());
  SmallVector<int64_t> shape(whole.getShape());
  shape[1] = ShapedType::kDynamic;
  parts.attention = AttentionOp::create(
      builder, loc, RankedTensorType::get(shape, whole.getElementType()),
      prefix.q, prefix.k, prefix.v, op.getLengths(), op.getScaleAttr(),
      builder.getUnitAttr(),
      /*window=*/IntegerAttr());
  Value attended = parts.attention.getResult();
  SmallVector<OpFoldResult> offsets(4, builder.getIndexAttr(0)),
      strides(4, builder.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(builder, loc, attended);
  Value result = tensor::InsertSliceOp::create(
      builder, loc, attended, parts.scan.getResult(), offsets, sizes, strides);
  op.getResult().replaceAllUsesWith(result);
  op.getState().replaceAllUsesWith(parts.scan.getState());
  op.erase();
  return parts;
}

// Neither needs the other, so they may run at once. An item of work is two
// heads of the scan or a block of attention: two warpgroups have 128 queries.
void transmamba::makeGroup(const SplitMixer &parts, int64_t group) {
  SSDScanOp scan = parts.scan;
  AttentionOp attention = parts.attention;
  Builder builder(scan.getContext());
  for (Operation *op : {scan.getOperation(), attention.getOperation()})
    op->setAttr(kTileGroupAttrName, builder.getI64IntegerAttr(group));
  if (attention->hasAttr(kTileConfigAttrName))
    return;
  auto field = [&](StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  attention->setAttr(
      kTileConfigAttrName,
      builder.getDictionaryAttr(
          {field("block_m", 128), field("block_n", 128), field("stages", 2)}));
}
