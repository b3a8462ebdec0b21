//===- GemmEpilogue.cpp - The end of a product ----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "GemmEpilogue.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace transmamba;

SmallVector<Type> transmamba::getGemmArgumentTypes(const GemmShape &shape) {
  SmallVector<Type> types = {
      MemRefType::get({shape.m, shape.k}, shape.operandType)};
  for (int64_t i = 0; i < shape.getProducts(); ++i) {
    int64_t columns = shape.rights.empty() ? shape.n : shape.rights[i].columns;
    types.push_back(MemRefType::get({shape.k, columns}, shape.operandType));
  }
  for (const GemmOperand &operand : shape.epilogue.operands)
    types.push_back(
        MemRefType::get({operand.kind == GemmOperand::Columns ? 1 : shape.m,
                         operand.kind == GemmOperand::Rows ? 1 : shape.n},
                        operand.elementType));
  types.push_back(MemRefType::get({shape.m, shape.n}, shape.resultType));
  return types;
}

unsigned transmamba::getGemmOperandArgument(const GemmShape &shape,
                                            size_t operand) {
  return 1 + shape.getProducts() + operand;
}

unsigned transmamba::getGemmResultArgument(const GemmShape &shape) {
  return getGemmOperandArgument(shape, shape.epilogue.operands.size());
}

//===----------------------------------------------------------------------===//
// In the kernel
//===----------------------------------------------------------------------===//

void EpilogueBuilder::read(Value m, Value n, std::optional<size_t> staged) {
  operands.clear();
  MLIRContext *context = kernel.getContext();
  Type f32 = Float32Type::get(context);
  Value zero = kernel.index(0);
  for (auto [number, operand] : llvm::enumerate(shape.epilogue.operands)) {
    if (staged == number) {
      operands.push_back({});
      continue;
    }
    Type type;
    SmallVector<Value> at = {m, n};
    switch (operand.kind) {
    case GemmOperand::Matrix:
      type = tile::FragmentType::get(context, {rows, columns}, f32);
      break;
    case GemmOperand::Rows:
      type = tile::RowsType::get(context, rows, f32);
      at[1] = zero;
      break;
    case GemmOperand::Columns:
      type = tile::ColumnsType::get(context, columns, f32);
      at[0] = zero;
      break;
    }
    operands.push_back(kernel.create<tile::ReadOp>(
        type, kernel.argument(getGemmOperandArgument(shape, number)), at));
  }
}

Value EpilogueBuilder::compute(ValueRange sums, Value staged) {
  if (!shape.epilogue.compute)
    return sums.front();
  MLIRContext *context = kernel.getContext();
  SmallVector<Value> inputs(sums);
  for (Value operand : operands) {
    if (!operand)
      operand = kernel.create<tile::LoadFragmentOp>(
          tile::FragmentType::get(context, {rows, columns}, shape.operandType,
                                  /*operand=*/true),
          staged, /*transpose=*/false);
    inputs.push_back(operand);
  }
  return kernel.map(
      inputs, sums.front().getType(), [&](ValueRange arguments, Value, Value) {
        OpBuilder &builder = kernel.getBuilder();
        Type f32 = builder.getF32Type();
        SmallVector<Value> numbers(arguments);
        for (Value &number : numbers)
          if (number.getType() != f32)
            number = kernel.create<arith::ExtFOp>(f32, number);
        return shape.epilogue.compute(builder, kernel.getLoc(), numbers);
      });
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

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
