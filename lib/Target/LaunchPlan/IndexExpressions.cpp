//===- IndexExpressions.cpp - Index arithmetic as expressions -------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "IndexExpressions.h"

#include "Tile/IR/TileOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace transmamba;
using package::Expression;
using Operator = package::Expression::Op;

//===----------------------------------------------------------------------===//
// Folding
//===----------------------------------------------------------------------===//

/// `a op b`, evaluated where both are constants and the operation is defined.
static Expression folded(Operator op, Expression a, Expression b) {
  bool constant = a.isConstant() && b.isConstant();
  Expression result(op, {std::move(a), std::move(b)});
  if (constant)
    if (auto value = result.evaluate({}))
      return Expression(*value);
  return result;
}

Expression transmamba::foldedAdd(Expression a, Expression b) {
  if (a.isConstant() && a.constant() == 0)
    return b;
  if (b.isConstant() && b.constant() == 0)
    return a;
  return folded(Operator::Add, std::move(a), std::move(b));
}

Expression transmamba::foldedMul(Expression a, Expression b) {
  if (a.isConstant() && a.constant() == 1)
    return b;
  if (b.isConstant() && b.constant() == 1)
    return a;
  return folded(Operator::Mul, std::move(a), std::move(b));
}

static Expression foldedSub(Expression a, Expression b) {
  if (b.isConstant() && b.constant() == 0)
    return a;
  return folded(Operator::Sub, std::move(a), std::move(b));
}

static Expression foldedDiv(Operator op, Expression a, Expression b) {
  if (b.isConstant() && b.constant() == 1)
    return a;
  return folded(op, std::move(a), std::move(b));
}

static Expression foldedMinMax(Operator op, Expression a, Expression b) {
  if (a == b)
    return a;
  return folded(op, std::move(a), std::move(b));
}

//===----------------------------------------------------------------------===//
// Affine expressions
//===----------------------------------------------------------------------===//

/// `x` of `x * -c` with a constant c > 0, and c.
static std::pair<AffineExpr, int64_t> matchNegated(AffineExpr expr) {
  auto product = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!product || product.getKind() != AffineExprKind::Mul)
    return {};
  auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
  if (!factor || factor.getValue() >= 0)
    return {};
  return {product.getLHS(), -factor.getValue()};
}

Expression IndexExpressions::translate(AffineExpr expr,
                                       ArrayRef<Expression> operands,
                                       unsigned numDims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Expression(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return operands[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return operands[numDims + symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Expression lhs = translate(binary.getLHS(), operands, numDims);
  if (binary.getKind() == AffineExprKind::Add) {
    // Affine maps have no subtraction, plans have no negative sizes.
    if (auto [negated, factor] = matchNegated(binary.getRHS()); negated)
      return foldedSub(
          std::move(lhs),
          foldedMul(translate(negated, operands, numDims), Expression(factor)));
    if (auto [negated, factor] = matchNegated(binary.getLHS()); negated)
      return foldedSub(
          translate(binary.getRHS(), operands, numDims),
          foldedMul(translate(negated, operands, numDims), Expression(factor)));
  }
  Expression rhs = translate(binary.getRHS(), operands, numDims);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    if (rhs.isConstant() && rhs.constant() < 0)
      return foldedSub(std::move(lhs), Expression(-rhs.constant()));
    return foldedAdd(std::move(lhs), std::move(rhs));
  case AffineExprKind::Mul:
    return foldedMul(std::move(lhs), std::move(rhs));
  case AffineExprKind::Mod:
    return folded(Operator::Mod, std::move(lhs), std::move(rhs));
  case AffineExprKind::FloorDiv:
    return foldedDiv(Operator::Div, std::move(lhs), std::move(rhs));
  default:
    return foldedDiv(Operator::CeilDiv, std::move(lhs), std::move(rhs));
  }
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

FailureOr<Expression> IndexExpressions::translate(Value value) {
  if (auto it = known.find(value); it != known.end())
    return it->second;
  FailureOr<Expression> result = compute(value);
  if (succeeded(result))
    known.try_emplace(value, *result);
  return result;
}

FailureOr<Expression> IndexExpressions::compute(Value value) {
  if (IntegerAttr constant; matchPattern(value, m_Constant(&constant)))
    return Expression(constant.getInt());
  Operation *op = value.getDefiningOp();
  if (!op)
    return mlir::emitError(value.getLoc(),
                           "a launch plan cannot use an index argument");
  if (isa<tile::MultiprocessorsOp>(op))
    return Expression(std::string(package::multiprocessorsSymbol));
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    std::optional<int64_t> index = dim.getConstantIndex();
    if (!index)
      return op->emitError("a launch plan needs a constant dimension");
    return dimension(dim.getSource(), *index);
  }

  // affine.apply, affine.min, affine.max
  auto affine = [&](AffineMap map, ValueRange values,
                    Operator combine) -> FailureOr<Expression> {
    SmallVector<Expression> operands;
    for (Value operand : values) {
      FailureOr<Expression> translated = translate(operand);
      if (failed(translated))
        return failure();
      operands.push_back(std::move(*translated));
    }
    Expression result = translate(map.getResult(0), operands, map.getNumDims());
    for (AffineExpr expr : map.getResults().drop_front())
      result = foldedMinMax(combine, std::move(result),
                            translate(expr, operands, map.getNumDims()));
    return result;
  };
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return affine(apply.getAffineMap(), apply.getMapOperands(), Operator::Min);
  if (auto min = dyn_cast<affine::AffineMinOp>(op))
    return affine(min.getAffineMap(), min.getOperands(), Operator::Min);
  if (auto max = dyn_cast<affine::AffineMaxOp>(op))
    return affine(max.getAffineMap(), max.getOperands(), Operator::Max);

  if (op->getNumOperands() == 2) {
    using Fold = Expression (*)(Expression, Expression);
    Fold fold =
        llvm::TypeSwitch<Operation *, Fold>(op)
            .Case<arith::AddIOp>([](auto) -> Fold { return foldedAdd; })
            .Case<arith::SubIOp>([](auto) -> Fold { return foldedSub; })
            .Case<arith::MulIOp>([](auto) -> Fold { return foldedMul; })
            .Case<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>(
                [](auto) -> Fold {
                  return [](Expression a, Expression b) {
                    return foldedDiv(Operator::Div, std::move(a), std::move(b));
                  };
                })
            .Case<arith::CeilDivUIOp, arith::CeilDivSIOp>([](auto) -> Fold {
              return [](Expression a, Expression b) {
                return foldedDiv(Operator::CeilDiv, std::move(a), std::move(b));
              };
            })
            .Case<arith::RemUIOp, arith::RemSIOp>([](auto) -> Fold {
              return [](Expression a, Expression b) {
                return folded(Operator::Mod, std::move(a), std::move(b));
              };
            })
            .Case<arith::MinUIOp, arith::MinSIOp>([](auto) -> Fold {
              return [](Expression a, Expression b) {
                return foldedMinMax(Operator::Min, std::move(a), std::move(b));
              };
            })
            .Case<arith::MaxUIOp, arith::MaxSIOp>([](auto) -> Fold {
              return [](Expression a, Expression b) {
                return foldedMinMax(Operator::Max, std::move(a), std::move(b));
              };
            })
            .Default([](Operation *) -> Fold { return nullptr; });
    if (fold) {
      FailureOr<Expression> lhs = translate(op->getOperand(0));
      FailureOr<Expression> rhs = translate(op->getOperand(1));
      if (failed(lhs) || failed(rhs))
        return failure();
      return fold(std::move(*lhs), std::move(*rhs));
    }
  }
  return op->emitError("a launch plan cannot express this operation");
}

FailureOr<Expression> IndexExpressions::dimension(Value buffer, int64_t dim) {
  auto type = cast<MemRefType>(buffer.getType());
  if (dim < 0 || dim >= type.getRank())
    return mlir::emitError(buffer.getLoc(), "there is no dimension ") << dim;
  if (!type.isDynamicDim(dim))
    return Expression(type.getDimSize(dim));
  if (auto it = symbols.find({buffer, dim}); it != symbols.end())
    return Expression(it->second);
  Operation *op = buffer.getDefiningOp();
  auto mixed = [&](OpFoldResult size) -> FailureOr<Expression> {
    if (auto value = dyn_cast<Value>(size))
      return translate(value);
    return Expression(cast<IntegerAttr>(cast<Attribute>(size)).getInt());
  };
  if (auto alloc = dyn_cast_or_null<memref::AllocOp>(op))
    return mixed(alloc.getMixedSizes()[dim]);
  if (auto workspace = dyn_cast_or_null<tile::WorkspaceOp>(op))
    return translate(workspace.getSize());
  if (auto cast = dyn_cast_or_null<memref::CastOp>(op))
    return dimension(cast.getSource(), dim);
  if (auto expand = dyn_cast_or_null<memref::ExpandShapeOp>(op))
    return mixed(expand.getMixedOutputShape()[dim]);
  if (auto collapse = dyn_cast_or_null<memref::CollapseShapeOp>(op)) {
    Expression size(1);
    SmallVector<ReassociationIndices> groups =
        collapse.getReassociationIndices();
    for (int64_t source : groups[dim]) {
      FailureOr<Expression> factor = dimension(collapse.getSrc(), source);
      if (failed(factor))
        return failure();
      size = foldedMul(std::move(size), std::move(*factor));
    }
    return size;
  }
  return mlir::emitError(buffer.getLoc(),
                         "a launch plan cannot tell the size of this buffer");
}

FailureOr<Expression> IndexExpressions::bytes(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  Expression size(static_cast<int64_t>(type.getElementTypeBitWidth() + 7) / 8);
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    FailureOr<Expression> factor = dimension(buffer, dim);
    if (failed(factor))
      return failure();
    size = foldedMul(std::move(size), std::move(*factor));
  }
  return size;
}
