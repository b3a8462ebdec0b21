//===- Activation.cpp - Pointwise functions -------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Activation.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace transmamba;

/// Whether `x` has been rounded to 16 bits.
static bool isNarrow(Value x) {
  auto widened = x.getDefiningOp<arith::ExtFOp>();
  return widened && widened.getIn().getType().getIntOrFloatBitWidth() <= 16;
}

/// The function of a value of 8 or 11 bits need not be good to 24: a target may
/// approximate `value` in a few instructions.
static Value approximate(Value value) {
  Operation *op = value.getDefiningOp();
  op->setAttr(cast<arith::ArithFastMathInterface>(op).getFastMathAttrName(),
              arith::FastMathFlagsAttr::get(op->getContext(),
                                            arith::FastMathFlags::afn));
  return value;
}

Value transmamba::emitActivation(TileBuilder &tile, Activation function,
                                 Value x) {
  OpBuilder &builder = tile.getBuilder();
  Location loc = tile.getLoc();
  bool mayApproximate = isNarrow(x);
  auto divide = [&](Value a, Value b) {
    Value quotient = tile.divf(a, b);
    return mayApproximate ? approximate(quotient) : quotient;
  };
  auto constant = [&](double value) {
    return tile.floatOf(x.getType(), value);
  };
  auto negate = [&](Value value) -> Value {
    return arith::NegFOp::create(builder, loc, value);
  };
  auto positivePart = [&]() -> Value {
    return arith::MaximumFOp::create(builder, loc, x, constant(0.0));
  };
  // 1 + exp(-x) may be inf, and x / inf is the right limit.
  auto onePlusExp = [&]() {
    Value power = tile.exp(negate(x));
    return tile.addf(constant(1.0),
                     mayApproximate ? approximate(power) : power);
  };
  // x (1 + f) / 2
  auto halves = [&](Value f) {
    return tile.mulf(tile.mulf(constant(0.5), x), tile.addf(constant(1.0), f));
  };
  switch (function) {
  case Activation::Silu:
    return divide(x, onePlusExp());
  case Activation::Sigmoid:
    return divide(constant(1.0), onePlusExp());
  case Activation::Gelu:
    return halves(math::ErfOp::create(
        builder, loc, tile.mulf(x, constant(0.70710678118654752440))));
  case Activation::GeluTanh: {
    // sqrt(2 / pi) (x + 0.044715 x^3)
    Value cube = tile.mulf(tile.mulf(x, x), x);
    Value inner = tile.mulf(constant(0.79788456080286535588),
                            tile.addf(x, tile.mulf(constant(0.044715), cube)));
    return halves(math::TanhOp::create(builder, loc, inner));
  }
  case Activation::Relu2: {
    Value positive = positivePart();
    return tile.mulf(positive, positive);
  }
  case Activation::Softplus: {
    // max(x, 0) + log(1 + exp(-|x|)): the exponential never overflows.
    Value magnitude = math::AbsFOp::create(builder, loc, x);
    Value tail =
        math::Log1pOp::create(builder, loc, tile.exp(negate(magnitude)));
    return tile.addf(positivePart(), tail);
  }
  }
  llvm_unreachable("covered switch");
}
