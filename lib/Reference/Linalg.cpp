//===- Linalg.cpp - Structured operations ---------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// Every structured operation is its loops, its indexing maps and its body:
// named ones have them too. Sums of products, most of the time of a model, are
// recognised and run as plain loops in an order that suits the cache; each
// element's products are added in the order of the reduction loop either way.
//
//===----------------------------------------------------------------------===//

#include "Dispatch.h"
#include "Scalars.h"
#include "Strided.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/AffineExpr.h"

#include <algorithm>

using namespace transmamba::reference;
namespace linalg = mlir::linalg;
namespace arith = mlir::arith;
using llvm::Error;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// Accesses: element = offset + sum_l strides[l] * loop[l]
//===----------------------------------------------------------------------===//

namespace {

/// c0 + sum_l c[l] * loop[l]
struct LinearForm {
  int64_t constant = 0;
  Shape coefficients;
};

struct Access {
  int64_t offset = 0;
  Shape strides;
};

} // namespace

/// The linear form of an index expression, or nothing where it has none
/// (`mod`, `floordiv`).
static std::optional<LinearForm> linearForm(mlir::AffineExpr expr,
                                            unsigned loops) {
  LinearForm form;
  form.coefficients.assign(loops, 0);
  if (auto dim = llvm::dyn_cast<mlir::AffineDimExpr>(expr)) {
    form.coefficients[dim.getPosition()] = 1;
    return form;
  }
  if (auto constant = llvm::dyn_cast<mlir::AffineConstantExpr>(expr)) {
    form.constant = constant.getValue();
    return form;
  }
  auto binary = llvm::dyn_cast<mlir::AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  std::optional<LinearForm> lhs = linearForm(binary.getLHS(), loops);
  std::optional<LinearForm> rhs = linearForm(binary.getRHS(), loops);
  if (!lhs || !rhs)
    return std::nullopt;
  // A product is linear where one side is a constant.
  int64_t lhsFactor = 1, rhsFactor = 1;
  if (binary.getKind() == mlir::AffineExprKind::Mul) {
    if (!llvm::isa<mlir::AffineConstantExpr>(binary.getRHS()))
      return std::nullopt;
    lhsFactor = rhs->constant;
    rhsFactor = 0;
  } else if (binary.getKind() != mlir::AffineExprKind::Add) {
    return std::nullopt;
  }
  form.constant = lhsFactor * lhs->constant + rhsFactor * rhs->constant;
  for (unsigned loop = 0; loop < loops; ++loop)
    form.coefficients[loop] = lhsFactor * lhs->coefficients[loop] +
                              rhsFactor * rhs->coefficients[loop];
  return form;
}

/// How a map reads a tensor over the loops; fails where a point of the loops
/// lies outside.
static Expected<Access> accessOf(mlir::AffineMap map,
                                 llvm::ArrayRef<int64_t> shape,
                                 llvm::ArrayRef<int64_t> loops) {
  Access access;
  access.strides.assign(loops.size(), 0);
  if (isEmptyBox(loops))
    return access; // nothing is read
  Shape strides = rowMajorStrides(shape);
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    std::optional<LinearForm> form =
        linearForm(expr, static_cast<unsigned>(loops.size()));
    if (!form)
      return fail("an indexing map with divisions is not supported");
    int64_t low = form->constant, high = form->constant;
    for (size_t loop = 0; loop < loops.size(); ++loop) {
      int64_t reach = form->coefficients[loop] * (loops[loop] - 1);
      (reach < 0 ? low : high) += reach;
      access.strides[loop] += form->coefficients[loop] * strides[dim];
    }
    if (low < 0 || high >= shape[dim])
      return fail("the loops reach the indices " + llvm::Twine(low) + " to " +
                  llvm::Twine(high) + " of a dimension of " +
                  llvm::Twine(shape[dim]) + " elements");
    access.offset += form->constant * strides[dim];
  }
  return access;
}

/// The number of iterations of every loop: the sizes of the dimensions that it
/// alone indexes, which must agree.
static Expected<Shape> loopSizes(linalg::LinalgOp op, const Frame &frame) {
  Shape loops(op.getNumLoops(), -1);
  for (mlir::OpOperand &operand : op->getOpOperands()) {
    const Value &value = frame[operand.get()];
    if (!value.isTensor())
      continue;
    mlir::AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      auto loop = llvm::dyn_cast<mlir::AffineDimExpr>(expr);
      if (!loop)
        continue;
      int64_t &size = loops[loop.getPosition()];
      int64_t extent = value.shape()[dim];
      if (size >= 0 && size != extent)
        return fail("operand " + llvm::Twine(operand.getOperandNumber()) +
                    " has " + llvm::Twine(extent) + " elements in dimension " +
                    llvm::Twine(dim) + " where another operand has " +
                    llvm::Twine(size));
      size = extent;
    }
  }
  if (llvm::is_contained(loops, -1))
    return fail("the size of a loop cannot be told from the operands");
  return loops;
}

//===----------------------------------------------------------------------===//
// Any body
//===----------------------------------------------------------------------===//

namespace {
/// Something that the body reads at every point: a tensor, or a scalar.
struct Operand {
  const double *reals = nullptr;
  const int64_t *integers = nullptr;
  Scalar scalar;
  Access access;

  Scalar at(llvm::ArrayRef<int64_t> point) const {
    Scalar element = scalar;
    const int64_t offset = access.offset + linear(point, access.strides);
    if (reals)
      element.real = reals[offset];
    else if (integers)
      element.integer = integers[offset];
    return element;
  }
};

/// A tensor that the operation makes from an init: a copy that is written, and
/// read by the body as an operand.
struct Result {
  bool isFloat = false;
  FloatTensor floats;
  IntTensor integers;

  explicit Result(const Value &init) : isFloat(init.isFloatTensor()) {
    if (isFloat)
      floats = init.floats();
    else
      integers = init.integers();
  }
  void set(int64_t offset, const Scalar &element) {
    if (isFloat)
      floats[offset] = element.real;
    else
      integers[offset] = element.integer;
  }
  Value take() {
    return isFloat ? Value(std::move(floats)) : Value(std::move(integers));
  }
};
} // namespace

static Operand readFrom(const Value &value, Access access) {
  Operand operand;
  operand.access = std::move(access);
  if (value.isFloatTensor())
    operand.reals = value.floats().data();
  else if (value.isIntTensor())
    operand.integers = value.integers().data();
  else if (value.isFloat())
    operand.scalar.real = value.real();
  else
    operand.scalar.integer = value.integer();
  return operand;
}

static Operand readFrom(const Result &result, Access access) {
  Operand operand;
  operand.access = std::move(access);
  if (result.isFloat)
    operand.reals = result.floats.data();
  else
    operand.integers = result.integers.data();
  return operand;
}

/// Runs the body at every point of the loops, in row-major order. The last
/// operands are the results.
static Error runBody(mlir::Block &body, llvm::ArrayRef<int64_t> loops,
                     llvm::ArrayRef<Operand> operands,
                     llvm::MutableArrayRef<Result> results,
                     const Frame &frame) {
  Expected<ScalarProgram> program = ScalarProgram::compile(body, frame);
  if (!program)
    return program.takeError();
  if (isEmptyBox(loops))
    return Error::success();
  // A body may leave the arguments of its inits out (linalg.map).
  const size_t arguments =
      std::min<size_t>(operands.size(), body.getNumArguments());
  llvm::ArrayRef<Operand> targets = operands.take_back(results.size());
  Shape point(loops.size(), 0);
  do {
    for (size_t i = 0; i < arguments; ++i)
      program->argument(i) = operands[i].at(point);
    if (const char *wrong = program->run(point))
      return fail(wrong);
    for (size_t i = 0; i < results.size(); ++i) {
      const Access &access = targets[i].access;
      results[i].set(access.offset + linear(point, access.strides),
                     program->result(i));
    }
  } while (nextPoint(point, loops));
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Sums of products
//===----------------------------------------------------------------------===//

/// The body argument that a value is, through `arith.extf`; null for others.
static mlir::BlockArgument argumentOf(mlir::Value value) {
  while (auto extension = value.getDefiningOp<arith::ExtFOp>())
    value = extension.getIn();
  return llvm::dyn_cast<mlir::BlockArgument>(value);
}

/// Whether the operation is c += a * b on tensors of floats, where a and b are
/// its two inputs.
static bool isSumOfProducts(linalg::LinalgOp op, const Frame &frame) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      llvm::any_of(op->getOperands(), [&](mlir::Value operand) {
        return !frame[operand].isFloatTensor();
      }))
    return false;
  mlir::Block &body = *op.getBlock();
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add)
    return false;
  mlir::BlockArgument sum = body.getArgument(2);
  mlir::Value product = add.getLhs() == sum ? add.getRhs() : add.getLhs();
  if (add.getLhs() != sum && add.getRhs() != sum)
    return false;
  auto multiply = product.getDefiningOp<arith::MulFOp>();
  if (!multiply)
    return false;
  mlir::BlockArgument a = argumentOf(multiply.getLhs());
  mlir::BlockArgument b = argumentOf(multiply.getRhs());
  return a && b && a != b && a != sum && b != sum && a.getOwner() == &body &&
         b.getOwner() == &body;
}

/// c += a * b over the loops. The innermost loop is one along which neighbours
/// in c lie side by side, and the reductions come right outside of it, in their
/// order.
static void sumProducts(linalg::LinalgOp op, llvm::ArrayRef<int64_t> loops,
                        const Operand &a, const Operand &b, double *c,
                        const Access &accessC) {
  llvm::SmallVector<unsigned> order;
  llvm::SmallVector<mlir::utils::IteratorType> kinds =
      op.getIteratorTypesArray();
  auto placeOf = [&](unsigned loop) {
    if (kinds[loop] == mlir::utils::IteratorType::reduction)
      return 1;
    return accessC.strides[loop] == 1 ? 2 : 0;
  };
  for (int place = 0; place < 3; ++place)
    for (unsigned loop = 0; loop < loops.size(); ++loop)
      if (placeOf(loop) == place)
        order.push_back(loop);

  auto permuted = [&](llvm::ArrayRef<int64_t> values) {
    Shape result;
    for (unsigned loop : order)
      result.push_back(values[loop]);
    return result;
  };
  Shape sizes = permuted(loops), stepA = permuted(a.access.strides),
        stepB = permuted(b.access.strides), stepC = permuted(accessC.strides);
  if (sizes.empty() || isEmptyBox(sizes)) {
    if (sizes.empty())
      *c += *a.reals * *b.reals;
    return;
  }
  const int64_t inner = sizes.pop_back_val(), innerA = stepA.pop_back_val(),
                innerB = stepB.pop_back_val(), innerC = stepC.pop_back_val();
  Shape point(sizes.size(), 0);
  do {
    const double *rowA = a.reals + a.access.offset + linear(point, stepA);
    const double *rowB = b.reals + b.access.offset + linear(point, stepB);
    double *rowC = c + accessC.offset + linear(point, stepC);
    if (innerA == 0 && innerB == 1 && innerC == 1) {
      for (int64_t i = 0; i < inner; ++i)
        rowC[i] += rowA[0] * rowB[i];
      continue;
    }
    for (int64_t i = 0; i < inner; ++i)
      rowC[i * innerC] += rowA[i * innerA] * rowB[i * innerB];
  } while (nextPoint(point, sizes));
}

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

Expected<Values>
transmamba::reference::evaluateLinalg(mlir::Operation *operation,
                                      const Frame &frame) {
  auto op = llvm::dyn_cast<linalg::LinalgOp>(operation);
  if (!op || !op.hasPureTensorSemantics())
    return fail("the interpreter knows structured operations on tensors only");
  Expected<Shape> loops = loopSizes(op, frame);
  if (!loops)
    return loops.takeError();

  llvm::SmallVector<Result, 1> results;
  for (mlir::Value init : op.getDpsInits())
    results.emplace_back(frame[init]);
  llvm::SmallVector<Operand> operands;
  for (mlir::OpOperand &operand : op->getOpOperands()) {
    const Value &value = frame[operand.get()];
    Access access;
    access.strides.assign(loops->size(), 0);
    if (value.isTensor()) {
      Expected<Access> checked =
          accessOf(op.getMatchingIndexingMap(&operand), value.shape(), *loops);
      if (!checked)
        return checked.takeError();
      access = std::move(*checked);
    }
    if (op.isDpsInit(&operand)) {
      const size_t index = operands.size() - op.getNumDpsInputs();
      operands.push_back(readFrom(results[index], std::move(access)));
    } else {
      operands.push_back(readFrom(value, std::move(access)));
    }
  }

  if (isSumOfProducts(op, frame)) {
    sumProducts(op, *loops, operands[0], operands[1], results[0].floats.data(),
                operands[2].access);
  } else if (Error error =
                 runBody(*op.getBlock(), *loops, operands, results, frame)) {
    return std::move(error);
  }
  Values values;
  for (Result &result : results)
    values.push_back(result.take());
  return values;
}
