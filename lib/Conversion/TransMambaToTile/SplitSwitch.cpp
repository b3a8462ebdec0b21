//===- SplitSwitch.cpp - The hybrid mixer as attention and scan -----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "SplitSwitch.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

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
