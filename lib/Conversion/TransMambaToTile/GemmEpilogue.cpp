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
