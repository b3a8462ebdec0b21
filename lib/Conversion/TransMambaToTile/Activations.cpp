//===- Activations.cpp - Functions of f32 numbers -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Activations.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace transmamba;

// An error of 2^-20 or so, where the result has a 16-bit neighbour: silu and
// sigmoid are two instructions of the unit for special functions, so that they
// hide behind the write of the result. The others are exact to f32.
Value transmamba::emitActivation(OpBuilder &builder, Location loc,
                                 Activation function, Value x) {
  auto number = [&](double value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getF32FloatAttr(value));
  };
  auto add = [&](Value a, Value b) -> Value {
    return arith::AddFOp::create(builder, loc, a, b);
  };
  auto mul = [&](Value a, Value b) -> Value {
    return arith::MulFOp::create(builder, loc, a, b);
  };
  auto positivePart = [&]() -> Value {
    return arith::MaximumFOp::create(builder, loc, x, number(0.0));
  };
  // a / (1 + exp(-x)). The exponential may be inf, and a / inf is the limit.
  auto overOnePlusExp = [&](Value a) -> Value {
    Value power = mul(x, number(-1.44269504088896340736));
    Value exp = math::Exp2Op::create(builder, loc, power);
    return arith::DivFOp::create(builder, loc, a, add(number(1.0), exp),
                                 arith::FastMathFlags::afn);
  };
  // x (1 + f) / 2
  auto halves = [&](Value f) {
    return mul(mul(number(0.5), x), add(number(1.0), f));
  };
  switch (function) {
  case Activation::Silu:
    return overOnePlusExp(x);
  case Activation::Sigmoid:
    return overOnePlusExp(number(1.0));
  case Activation::Gelu:
    return halves(math::ErfOp::create(builder, loc,
                                      mul(x, number(0.70710678118654752440))));
  case Activation::GeluTanh: {
    // sqrt(2 / pi) (x + 0.044715 x^3)
    Value cube = mul(mul(x, x), x);
    Value inner = mul(number(0.79788456080286535588),
                      add(x, mul(number(0.044715), cube)));
    return halves(math::TanhOp::create(builder, loc, inner));
  }
  case Activation::Relu2: {
    Value positive = positivePart();
    return mul(positive, positive);
  }
  case Activation::Softplus: {
    // max(x, 0) + log(1 + exp(-|x|)): the exponential never overflows.
    Value negative = arith::NegFOp::create(
        builder, loc, math::AbsFOp::create(builder, loc, x));
    Value tail = math::Log1pOp::create(
        builder, loc, math::ExpOp::create(builder, loc, negative));
    return add(positivePart(), tail);
  }
  }
  llvm_unreachable("covered switch");
}
