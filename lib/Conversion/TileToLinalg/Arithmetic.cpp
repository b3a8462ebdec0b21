//===- Arithmetic.cpp - Fragments as tensors ------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace transmamba::tile {

static RankedTensorType getTensorType(Type type) {
  SmallVector<Type> types;
  (void)convertType(type, types);
  return cast<RankedTensorType>(types.front());
}

static Value emitEmpty(OpBuilder &builder, Location loc,
                       RankedTensorType type) {
  return tensor::EmptyOp::create(builder, loc, type.getShape(),
                                 type.getElementType());
}

/// A tensor of one number.
static Value emitFilled(OpBuilder &builder, Location loc, RankedTensorType type,
                        Value number) {
  Value empty = emitEmpty(builder, loc, type);
  return linalg::FillOp::create(builder, loc, number, empty).getResult(0);
}

static constexpr auto parallel = utils::IteratorType::parallel;
static constexpr auto reduction = utils::IteratorType::reduction;

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

void KernelEmitter::emitFill(FillOp op, Role &role) {
  role.map(op, emitFilled(builder, loc, getTensorType(op.getType()),
                          role.get(op.getValue())));
}

/// What an operand reads at (row, column) of a fragment, at (row, thread) of a
/// partial sum, or at a row or a column.
static AffineMap getOperandMap(Type operand, int64_t operandRank,
                               int64_t resultRank, MLIRContext *context) {
  if (operandRank == resultRank)
    return AffineMap::getMultiDimIdentityMap(resultRank, context);
  return AffineMap::get(resultRank, 0,
                        getAffineDimExpr(isa<ColumnsType>(operand), context));
}

// map -> linalg.generic
LogicalResult KernelEmitter::emitMap(MapOp op, Role &role) {
  RankedTensorType type = getTensorType(op.getType());
  int64_t rank = type.getRank();
  MLIRContext *context = op.getContext();
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Value input : op.getInputs()) {
    inputs.push_back(role.get(input));
    maps.push_back(
        getOperandMap(input.getType(),
                      cast<RankedTensorType>(inputs.back().getType()).getRank(),
                      rank, context));
  }
  maps.push_back(AffineMap::getMultiDimIdentityMap(rank, context));

  LogicalResult result = success();
  auto emitBody = [&](OpBuilder &, Location, ValueRange arguments) {
    Role inner(role.kind, &role);
    for (auto [from, to] : llvm::zip(op.getBody().getArguments(),
                                     arguments.take_front(inputs.size())))
      inner.map(from, to);
    auto position = [&](BlockArgument argument, int64_t dim) {
      if (!argument.use_empty())
        inner.map(argument,
                  linalg::IndexOp::create(builder, loc, dim).getResult());
    };
    position(op.getRow(), 0);
    position(op.getColumn(), rank - 1);
    for (Operation &scalar : op.getBlock()->without_terminator())
      if (failed(emitOther(&scalar, inner)))
        result = failure();
    auto yield = cast<YieldOp>(op.getBlock()->getTerminator());
    linalg::YieldOp::create(builder, loc, inner.get(yield.getValue()));
  };
  auto generic = linalg::GenericOp::create(
      builder, loc, type, inputs, emitEmpty(builder, loc, type), maps,
      SmallVector<utils::IteratorType>(rank, parallel), emitBody);
  role.map(op, generic.getResult(0));
  return result;
}

Value KernelEmitter::convertElements(Value tensor, Type element) {
  auto from = cast<RankedTensorType>(tensor.getType());
  if (from.getElementType() == element)
    return tensor;
  auto type = RankedTensorType::get(from.getShape(), element);
  SmallVector<AffineMap> maps(
      2, AffineMap::getMultiDimIdentityMap(2, builder.getContext()));
  auto generic = linalg::GenericOp::create(
      builder, loc, type, tensor, emitEmpty(builder, loc, type), maps,
      SmallVector<utils::IteratorType>(2, parallel),
      [&](OpBuilder &, Location, ValueRange arguments) {
        linalg::YieldOp::create(builder, loc,
                                convertFloat(arguments.front(), element));
      });
  return generic.getResult(0);
}

void KernelEmitter::emitCast(CastOp op, Role &role) {
  role.map(op, convertElements(role.get(op.getSource()),
                               op.getType().getElementType()));
}

/// In the type of the operand: factors are rounded to it, then the products.
void KernelEmitter::emitScaleColumns(ScaleColumnsOp op, Role &role) {
  RankedTensorType type = getTensorType(op.getType());
  Type element = type.getElementType();
  MLIRContext *context = op.getContext();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(2, context);
  SmallVector<AffineMap> maps{
      identity, AffineMap::get(2, 0, getAffineDimExpr(1, context)), identity};
  SmallVector<Value> inputs{role.get(op.getSource()),
                            role.get(op.getFactors())};
  auto generic = linalg::GenericOp::create(
      builder, loc, type, inputs, emitEmpty(builder, loc, type), maps,
      SmallVector<utils::IteratorType>(2, parallel),
      [&](OpBuilder &, Location, ValueRange arguments) {
        // A product of two halves is exact in f32, so it is rounded once.
        Type f32 = builder.getF32Type();
        Value factor = convertFloat(arguments[1], element);
        Value product =
            arith::MulFOp::create(builder, loc, convertFloat(arguments[0], f32),
                                  convertFloat(factor, f32));
        linalg::YieldOp::create(builder, loc, convertFloat(product, element));
      });
  role.map(op, generic.getResult(0));
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

// prefix_sum -> scf.for with the sum so far
void KernelEmitter::emitPrefixSum(PrefixSumOp op, Role &role) {
  Value source = role.get(op.getSource());
  RankedTensorType type = getTensorType(op.getType());
  SmallVector<Value> carried{emitEmpty(builder, loc, type),
                             zero(type.getElementType())};
  auto loop = scf::ForOp::create(
      builder, loc, constant(0), constant(type.getDimSize(0)), constant(1),
      carried,
      [&](OpBuilder &nested, Location, Value position, ValueRange values) {
        Value number = tensor::ExtractOp::create(nested, loc, source, position);
        Value sum = arith::AddFOp::create(nested, loc, values[1], number);
        Value sums =
            tensor::InsertOp::create(nested, loc, sum, values[0], position);
        scf::YieldOp::create(nested, loc, ValueRange{sums, sum});
      });
  role.map(op, loop.getResult(0));
}

void KernelEmitter::emitElement(ElementOp op, Role &role) {
  Value number = tensor::ExtractOp::create(
      builder, loc, role.get(op.getSource()), constant(op.getPosition()));
  role.map(op, number);
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// NaN wins, unlike on a GPU: it stands for what must not be read.
static Value emitCombination(OpBuilder &builder, Location loc, Reduction kind,
                             Value x, Value y) {
  if (kind == Reduction::Max)
    return arith::MaximumFOp::create(builder, loc, x, y);
  return arith::AddFOp::create(builder, loc, x, y);
}

/// Reduces the dimensions that `kept` does not name.
static Value emitReduction(OpBuilder &builder, Location loc, Reduction kind,
                           Value source, RankedTensorType type,
                           ArrayRef<int64_t> kept) {
  Type f32 = type.getElementType();
  double neutral =
      kind == Reduction::Max ? -std::numeric_limits<double>::infinity() : 0.0;
  Value start = arith::ConstantOp::create(builder, loc,
                                          builder.getFloatAttr(f32, neutral));
  int64_t rank = cast<RankedTensorType>(source.getType()).getRank();
  SmallVector<utils::IteratorType> iterators(rank, reduction);
  SmallVector<AffineExpr> results;
  for (int64_t dim : kept) {
    iterators[dim] = parallel;
    results.push_back(builder.getAffineDimExpr(dim));
  }
  MLIRContext *context = builder.getContext();
  SmallVector<AffineMap> maps{AffineMap::getMultiDimIdentityMap(rank, context),
                              AffineMap::get(rank, 0, results, context)};
  auto generic = linalg::GenericOp::create(
      builder, loc, type, source, emitFilled(builder, loc, type, start), maps,
      iterators, [&](OpBuilder &nested, Location, ValueRange arguments) {
        Value next =
            emitCombination(nested, loc, kind, arguments[0], arguments[1]);
        linalg::YieldOp::create(nested, loc, next);
      });
  return generic.getResult(0);
}

void KernelEmitter::emitRowReduce(RowReduceOp op, Role &role) {
  RankedTensorType type = getTensorType(op.getType());
  Value source = role.get(op.getSource());
  if (!op.getType().getPartial()) {
    role.map(op, emitReduction(builder, loc, op.getKind(), source, type, {0}));
    return;
  }
  // Columns 8 j + 2 t and the one after belong to thread t of a row.
  FragmentType from = op.getSource().getType();
  auto split = RankedTensorType::get(
      {from.getRows(), from.getColumns() / 8, type.getDimSize(1), 2},
      type.getElementType());
  SmallVector<ReassociationIndices> groups{{0}, {1, 2, 3}};
  Value expanded =
      tensor::ExpandShapeOp::create(builder, loc, split, source, groups);
  role.map(op,
           emitReduction(builder, loc, op.getKind(), expanded, type, {0, 2}));
}

void KernelEmitter::emitComplete(CompleteOp op, Role &role) {
  role.map(op,
           emitReduction(builder, loc, Reduction::Sum, role.get(op.getSource()),
                         getTensorType(op.getType()), {0}));
}

//===----------------------------------------------------------------------===//
// Multiplication
//===----------------------------------------------------------------------===//

// mma -> linalg.matmul of copies of the operands, in f32: a product of two
// halves is exact there
void KernelEmitter::emitMma(MmaOp op, Role &role) {
  Value number = add(getCounter(role, Role::Started), constant(1));
  setCounter(role, Role::Started, number);
  Type f32 = builder.getF32Type();
  auto emitOperand = [&](Value operand, bool transpose) -> Value {
    SmallVector<Value, 2> values = role.lookup(operand);
    if (isa<FragmentType>(operand.getType()))
      return convertElements(values[0], f32);
    emitHeldCheck(values, role);
    emitBarrierCheck(values[1], role);
    store(number, role.readers, values[1]);
    return emitReadTile(values[0], transpose, /*rows=*/0, f32);
  };
  Value a = emitOperand(op.getA(), false);
  Value b = emitOperand(op.getB(), op.getTransposeB());
  Value acc = op.getAcc() ? role.get(op.getAcc())
                          : emitFilled(builder, loc,
                                       getTensorType(op.getType()), zero(f32));
  auto product = linalg::MatmulOp::create(builder, loc, acc.getType(),
                                          ValueRange{a, b}, acc);
  role.map(op, {product.getResult(0), number});
}

void KernelEmitter::emitAwait(AwaitOp op, Role &role) {
  SmallVector<Value, 2> pending = role.lookup(op.getPending());
  Value tensor = pending[0];
  Value ended = max(getCounter(role, Role::Ended), pending[1]);
  setCounter(role, Role::Ended, ended);
  role.map(op, tensor);
}

void KernelEmitter::emitDrain(DrainOp op, Role &role) {
  Value started = getCounter(role, Role::Started);
  Value ended =
      max(getCounter(role, Role::Ended), sub(started, constant(op.getKeep())));
  setCounter(role, Role::Ended, ended);
}

} // namespace transmamba::tile
