//===- Scalars.cpp - arith and math, one element at a time ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Scalars.h"

#include "Rounding.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace transmamba::reference;
namespace arith = mlir::arith;
namespace math = mlir::math;
using llvm::Error;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// Functions of one form
//===----------------------------------------------------------------------===//

static ScalarFunction unary(double (*function)(double)) {
  return [function](const Scalar *x, Scalar &y) -> const char * {
    y.real = function(x[0].real);
    return nullptr;
  };
}

static ScalarFunction binary(double (*function)(double, double)) {
  return [function](const Scalar *x, Scalar &y) -> const char * {
    y.real = function(x[0].real, x[1].real);
    return nullptr;
  };
}

/// Integer arithmetic on 64-bit words, wrapped to the type of the result.
static ScalarFunction words(mlir::Operation *op,
                            uint64_t (*function)(uint64_t, uint64_t)) {
  mlir::Type type = mlir::getElementTypeOrSelf(op->getResult(0).getType());
  return [function, type](const Scalar *x, Scalar &y) -> const char * {
    y.integer = wrapTo(type, static_cast<int64_t>(function(
                                 static_cast<uint64_t>(x[0].integer),
                                 static_cast<uint64_t>(x[1].integer))));
    return nullptr;
  };
}

/// A division of signed numbers, which has no result for a divisor of zero and
/// for the quotient of the smallest number and -1.
static ScalarFunction divide(mlir::Operation *op,
                             int64_t (*function)(int64_t, int64_t)) {
  mlir::Type type = mlir::getElementTypeOrSelf(op->getResult(0).getType());
  return [function, type](const Scalar *x, Scalar &y) -> const char * {
    if (x[1].integer == 0)
      return "integer division by zero";
    if (x[1].integer == -1 && widthOf(type) > 1 &&
        x[0].integer == wrapTo(type, int64_t(1) << (widthOf(type) - 1)))
      return "integer division overflows";
    y.integer = wrapTo(type, function(x[0].integer, x[1].integer));
    return nullptr;
  };
}

/// A function of zero-extended numbers; `divides` if it has no result for zero.
static ScalarFunction unsignedWords(mlir::Operation *op, bool divides,
                                    uint64_t (*function)(uint64_t, uint64_t)) {
  mlir::Type type = mlir::getElementTypeOrSelf(op->getResult(0).getType());
  return [=](const Scalar *x, Scalar &y) -> const char * {
    if (divides && x[1].integer == 0)
      return "integer division by zero";
    y.integer = wrapTo(
        type, static_cast<int64_t>(function(unsignedBits(type, x[0].integer),
                                            unsignedBits(type, x[1].integer))));
    return nullptr;
  };
}

/// A shift, which has no result for more bits than there are.
static ScalarFunction shift(mlir::Operation *op,
                            int64_t (*function)(int64_t, uint64_t, unsigned)) {
  mlir::Type type = mlir::getElementTypeOrSelf(op->getResult(0).getType());
  return [=](const Scalar *x, Scalar &y) -> const char * {
    unsigned width = widthOf(type);
    if (unsignedBits(type, x[1].integer) >= width)
      return "shift by as many bits as the type has, or more";
    y.integer =
        wrapTo(type, function(x[0].integer, unsignedBits(type, x[0].integer),
                              static_cast<unsigned>(x[1].integer)));
    return nullptr;
  };
}

//===----------------------------------------------------------------------===//
// Comparisons and conversions
//===----------------------------------------------------------------------===//

static bool compare(arith::CmpIPredicate predicate, mlir::Type type, int64_t a,
                    int64_t b) {
  uint64_t ua = unsignedBits(type, a), ub = unsignedBits(type, b);
  // The set i1 is -1 to a signed comparison.
  if (widthOf(type) == 1)
    a = -a, b = -b;
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return a == b;
  case arith::CmpIPredicate::ne:
    return a != b;
  case arith::CmpIPredicate::slt:
    return a < b;
  case arith::CmpIPredicate::sle:
    return a <= b;
  case arith::CmpIPredicate::sgt:
    return a > b;
  case arith::CmpIPredicate::sge:
    return a >= b;
  case arith::CmpIPredicate::ult:
    return ua < ub;
  case arith::CmpIPredicate::ule:
    return ua <= ub;
  case arith::CmpIPredicate::ugt:
    return ua > ub;
  case arith::CmpIPredicate::uge:
    return ua >= ub;
  }
  return false;
}

static bool compare(arith::CmpFPredicate predicate, double a, double b) {
  const bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case arith::CmpFPredicate::AlwaysFalse:
    return false;
  case arith::CmpFPredicate::OEQ:
    return a == b;
  case arith::CmpFPredicate::OGT:
    return a > b;
  case arith::CmpFPredicate::OGE:
    return a >= b;
  case arith::CmpFPredicate::OLT:
    return a < b;
  case arith::CmpFPredicate::OLE:
    return a <= b;
  case arith::CmpFPredicate::ONE:
    return !unordered && a != b;
  case arith::CmpFPredicate::ORD:
    return !unordered;
  case arith::CmpFPredicate::UEQ:
    return unordered || a == b;
  case arith::CmpFPredicate::UGT:
    return unordered || a > b;
  case arith::CmpFPredicate::UGE:
    return unordered || a >= b;
  case arith::CmpFPredicate::ULT:
    return unordered || a < b;
  case arith::CmpFPredicate::ULE:
    return unordered || a <= b;
  case arith::CmpFPredicate::UNE:
    return a != b;
  case arith::CmpFPredicate::UNO:
    return unordered;
  case arith::CmpFPredicate::AlwaysTrue:
    return true;
  }
  return false;
}

static ScalarFunction compareIntegers(arith::CmpIOp op) {
  mlir::Type type = mlir::getElementTypeOrSelf(op.getLhs().getType());
  return [predicate = op.getPredicate(), type](const Scalar *x,
                                               Scalar &y) -> const char * {
    y.integer = compare(predicate, type, x[0].integer, x[1].integer);
    return nullptr;
  };
}

static ScalarFunction compareFloats(arith::CmpFOp op) {
  return [predicate = op.getPredicate()](const Scalar *x,
                                         Scalar &y) -> const char * {
    y.integer = compare(predicate, x[0].real, x[1].real);
    return nullptr;
  };
}

static const char *selectScalar(const Scalar *x, Scalar &y) {
  y = x[0].integer ? x[1] : x[2];
  return nullptr;
}

static const char *copyScalar(const Scalar *x, Scalar &y) {
  y = x[0];
  return nullptr;
}

/// An integer of another width: `zeroExtended`, or by its sign.
static ScalarFunction resize(mlir::Operation *op, bool zeroExtended) {
  mlir::Type from = mlir::getElementTypeOrSelf(op->getOperand(0).getType());
  mlir::Type to = mlir::getElementTypeOrSelf(op->getResult(0).getType());
  return [=](const Scalar *x, Scalar &y) -> const char * {
    int64_t value = x[0].integer;
    if (zeroExtended)
      value = static_cast<int64_t>(unsignedBits(from, value));
    else if (widthOf(from) == 1)
      value = -value;
    y.integer = wrapTo(to, value);
    return nullptr;
  };
}

static ScalarFunction toFloat(mlir::Operation *op, bool zeroExtended) {
  mlir::Type from = mlir::getElementTypeOrSelf(op->getOperand(0).getType());
  return [=](const Scalar *x, Scalar &y) -> const char * {
    if (zeroExtended)
      y.real = static_cast<double>(unsignedBits(from, x[0].integer));
    else
      y.real = static_cast<double>(widthOf(from) == 1 ? -x[0].integer
                                                      : x[0].integer);
    return nullptr;
  };
}

static ScalarFunction toInteger(mlir::Operation *op, bool isUnsigned) {
  mlir::Type to = mlir::getElementTypeOrSelf(op->getResult(0).getType());
  return [=](const Scalar *x, Scalar &y) -> const char * {
    const double value = std::trunc(x[0].real);
    const int width = static_cast<int>(widthOf(to));
    const double low = isUnsigned ? 0 : -std::ldexp(1, width - 1);
    const double high = std::ldexp(1, isUnsigned ? width : width - 1);
    if (!(value >= low && value < high))
      return "a number does not fit the integer type";
    y.integer = wrapTo(
        to, isUnsigned ? static_cast<int64_t>(static_cast<uint64_t>(value))
                       : static_cast<int64_t>(value));
    return nullptr;
  };
}

static ScalarFunction truncate(arith::TruncFOp op, bool round) {
  if (!round)
    return copyScalar;
  auto type = llvm::cast<mlir::FloatType>(
      mlir::getElementTypeOrSelf(op.getResult().getType()));
  return [type](const Scalar *x, Scalar &y) -> const char * {
    y.real = roundTo(type, x[0].real);
    return nullptr;
  };
}

static const char *multiplyAdd(const Scalar *x, Scalar &y) {
  y.real = std::fma(x[0].real, x[1].real, x[2].real);
  return nullptr;
}

static const char *powerOfInteger(const Scalar *x, Scalar &y) {
  y.real = std::pow(x[0].real, static_cast<double>(x[1].integer));
  return nullptr;
}

/// `arith.maximumf` and `arith.minimumf`: NaN if either operand is.
static double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return undefinedFloat;
  if (a == b) // -0 < +0
    return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
static double minimum(double a, double b) { return -maximum(-a, -b); }

static int64_t floorDivide(int64_t a, int64_t b) {
  return llvm::divideFloorSigned(a, b);
}
static int64_t ceilDivide(int64_t a, int64_t b) {
  return llvm::divideCeilSigned(a, b);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static ScalarFunction arithFunction(mlir::Operation *op, bool round) {
  using F = ScalarFunction;
  using U = uint64_t;
  return llvm::TypeSwitch<mlir::Operation *, F>(op)
      .Case([](arith::AddFOp) {
        return binary([](double a, double b) { return a + b; });
      })
      .Case([](arith::SubFOp) {
        return binary([](double a, double b) { return a - b; });
      })
      .Case([](arith::MulFOp) {
        return binary([](double a, double b) { return a * b; });
      })
      .Case([](arith::DivFOp) {
        return binary([](double a, double b) { return a / b; });
      })
      .Case([](arith::RemFOp) {
        return binary([](double a, double b) { return std::fmod(a, b); });
      })
      .Case([](arith::NegFOp) { return unary([](double a) { return -a; }); })
      .Case([](arith::MaximumFOp) { return binary(maximum); })
      .Case([](arith::MinimumFOp) { return binary(minimum); })
      .Case([](arith::MaxNumFOp) {
        return binary([](double a, double b) { return std::fmax(a, b); });
      })
      .Case([](arith::MinNumFOp) {
        return binary([](double a, double b) { return std::fmin(a, b); });
      })
      .Case([](arith::CmpFOp cmp) { return compareFloats(cmp); })
      .Case([](arith::CmpIOp cmp) { return compareIntegers(cmp); })
      .Case([](arith::SelectOp) { return F(selectScalar); })
      .Case([](arith::ExtFOp) { return F(copyScalar); })
      .Case([=](arith::TruncFOp trunc) { return truncate(trunc, round); })
      .Case([=](arith::SIToFPOp) { return toFloat(op, false); })
      .Case([=](arith::UIToFPOp) { return toFloat(op, true); })
      .Case([=](arith::FPToSIOp) { return toInteger(op, false); })
      .Case([=](arith::FPToUIOp) { return toInteger(op, true); })
      .Case<arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp>(
          [=](auto) { return resize(op, false); })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp>(
          [=](auto) { return resize(op, true); })
      .Case([=](arith::AddIOp) {
        return words(op, [](U a, U b) { return a + b; });
      })
      .Case([=](arith::SubIOp) {
        return words(op, [](U a, U b) { return a - b; });
      })
      .Case([=](arith::MulIOp) {
        return words(op, [](U a, U b) { return a * b; });
      })
      .Case([=](arith::AndIOp) {
        return words(op, [](U a, U b) { return a & b; });
      })
      .Case([=](arith::OrIOp) {
        return words(op, [](U a, U b) { return a | b; });
      })
      .Case([=](arith::XOrIOp) {
        return words(op, [](U a, U b) { return a ^ b; });
      })
      .Case([=](arith::MaxSIOp) {
        return words(op, [](U a, U b) {
          return static_cast<U>(
              std::max(static_cast<int64_t>(a), static_cast<int64_t>(b)));
        });
      })
      .Case([=](arith::MinSIOp) {
        return words(op, [](U a, U b) {
          return static_cast<U>(
              std::min(static_cast<int64_t>(a), static_cast<int64_t>(b)));
        });
      })
      .Case([=](arith::MaxUIOp) {
        return unsignedWords(op, false,
                             [](U a, U b) { return std::max(a, b); });
      })
      .Case([=](arith::MinUIOp) {
        return unsignedWords(op, false,
                             [](U a, U b) { return std::min(a, b); });
      })
      .Case([=](arith::DivUIOp) {
        return unsignedWords(op, true, [](U a, U b) { return a / b; });
      })
      .Case([=](arith::CeilDivUIOp) {
        return unsignedWords(op, true,
                             [](U a, U b) { return a / b + (a % b != 0); });
      })
      .Case([=](arith::RemUIOp) {
        return unsignedWords(op, true, [](U a, U b) { return a % b; });
      })
      .Case([=](arith::DivSIOp) {
        return divide(op, [](int64_t a, int64_t b) { return a / b; });
      })
      .Case([=](arith::RemSIOp) {
        return divide(op, [](int64_t a, int64_t b) { return a % b; });
      })
      .Case([=](arith::FloorDivSIOp) { return divide(op, floorDivide); })
      .Case([=](arith::CeilDivSIOp) { return divide(op, ceilDivide); })
      .Case([=](arith::ShLIOp) {
        return shift(op, [](int64_t, U bits, unsigned by) {
          return static_cast<int64_t>(bits << by);
        });
      })
      .Case([=](arith::ShRSIOp) {
        return shift(op,
                     [](int64_t value, U, unsigned by) { return value >> by; });
      })
      .Case([=](arith::ShRUIOp) {
        return shift(op, [](int64_t, U bits, unsigned by) {
          return static_cast<int64_t>(bits >> by);
        });
      })
      .Default(F());
}

static ScalarFunction mathFunction(mlir::Operation *op) {
  using F = ScalarFunction;
  return llvm::TypeSwitch<mlir::Operation *, F>(op)
      .Case([](math::ExpOp) { return unary(std::exp); })
      .Case([](math::Exp2Op) { return unary(std::exp2); })
      .Case([](math::ExpM1Op) { return unary(std::expm1); })
      .Case([](math::LogOp) { return unary(std::log); })
      .Case([](math::Log2Op) { return unary(std::log2); })
      .Case([](math::Log1pOp) { return unary(std::log1p); })
      .Case([](math::SqrtOp) { return unary(std::sqrt); })
      .Case([](math::RsqrtOp) {
        return unary([](double a) { return 1 / std::sqrt(a); });
      })
      .Case([](math::TanhOp) { return unary(std::tanh); })
      .Case([](math::ErfOp) { return unary(std::erf); })
      .Case([](math::ErfcOp) { return unary(std::erfc); })
      .Case([](math::SinOp) { return unary(std::sin); })
      .Case([](math::CosOp) { return unary(std::cos); })
      .Case([](math::AbsFOp) { return unary(std::fabs); })
      .Case([](math::FloorOp) { return unary(std::floor); })
      .Case([](math::CeilOp) { return unary(std::ceil); })
      .Case([](math::TruncOp) { return unary(std::trunc); })
      .Case([](math::RoundOp) { return unary(std::round); })
      .Case([](math::RoundEvenOp) { return unary(std::nearbyint); })
      .Case([](math::PowFOp) { return binary(std::pow); })
      .Case([](math::CopySignOp) { return binary(std::copysign); })
      .Case([](math::FPowIOp) { return F(powerOfInteger); })
      .Case([](math::FmaOp) { return F(multiplyAdd); })
      .Default(F());
}

ScalarFunction transmamba::reference::scalarFunction(mlir::Operation *op,
                                                     bool round) {
  if (ScalarFunction function = arithFunction(op, round))
    return function;
  return mathFunction(op);
}

//===----------------------------------------------------------------------===//
// On scalars and tensors
//===----------------------------------------------------------------------===//

/// The value of `arith.constant`.
static Expected<Value> constantValue(arith::ConstantOp op) {
  mlir::Attribute attribute = op.getValue();
  if (auto real = llvm::dyn_cast<mlir::FloatAttr>(attribute))
    return Value(real.getValueAsDouble());
  if (auto integer = llvm::dyn_cast<mlir::IntegerAttr>(attribute)) {
    if (widthOf(integer.getType()) > 64)
      return fail("integers of more than 64 bits are not supported");
    return Value(wrapTo(integer.getType(), integer.getValue().getSExtValue()));
  }
  auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(attribute);
  if (!dense)
    return fail("only dense constants are supported");
  Shape shape(dense.getType().getShape());
  if (Expected<int64_t> size = checkedSize(shape); !size)
    return size.takeError();
  mlir::Type element = dense.getElementType();
  if (llvm::isa<mlir::FloatType>(element)) {
    FloatTensor tensor(shape);
    for (auto [to, from] :
         llvm::zip(tensor.values(), dense.getValues<llvm::APFloat>())) {
      llvm::APFloat number = from;
      bool losesInfo;
      number.convert(llvm::APFloat::IEEEdouble(),
                     llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      to = number.convertToDouble();
    }
    return Value(std::move(tensor));
  }
  if (!element.isIntOrIndex() || widthOf(element) > 64)
    return fail("constants of this element type are not supported");
  IntTensor tensor(shape);
  for (auto [to, from] :
       llvm::zip(tensor.values(), dense.getValues<llvm::APInt>()))
    to = wrapTo(element, from.getSExtValue());
  return Value(std::move(tensor));
}

/// Element `index` of a tensor; a scalar is the same everywhere (the condition
/// of a select).
static Scalar elementOf(const Value &value, int64_t index) {
  Scalar scalar;
  if (value.isFloatTensor())
    scalar.real = value.floats()[index];
  else if (value.isIntTensor())
    scalar.integer = value.integers()[index];
  else if (value.isFloat())
    scalar.real = value.real();
  else
    scalar.integer = value.integer();
  return scalar;
}

Expected<Values>
transmamba::reference::evaluateElementwise(mlir::Operation *op,
                                           const Frame &frame) {
  if (auto constant = llvm::dyn_cast<arith::ConstantOp>(op)) {
    Expected<Value> value = constantValue(constant);
    if (!value)
      return value.takeError();
    return Values{*value};
  }
  ScalarFunction function = scalarFunction(op, frame.rounds());
  if (!function)
    return fail("the interpreter does not know this operation");

  // The shape is that of the tensors among the operands, which must agree.
  const Value *shaped = nullptr;
  for (mlir::Value operand : op->getOperands()) {
    const Value &value = frame[operand];
    if (!value.isTensor())
      continue;
    if (shaped && shaped->shape() != value.shape())
      return fail("operands of the shapes " + shapeText(shaped->shape()) +
                  " and " + shapeText(value.shape()));
    shaped = &value;
  }
  llvm::SmallVector<Scalar, 3> operands(op->getNumOperands());
  Scalar result;
  auto computeAt = [&](int64_t index) -> const char * {
    for (auto [position, operand] : llvm::enumerate(op->getOperands()))
      operands[position] = elementOf(frame[operand], index);
    return function(operands.data(), result);
  };
  const bool isFloat = llvm::isa<mlir::FloatType>(
      mlir::getElementTypeOrSelf(op->getResult(0).getType()));
  if (!shaped) {
    if (const char *wrong = computeAt(0))
      return fail(wrong);
    return Values{isFloat ? Value(result.real) : Value(result.integer)};
  }
  FloatTensor floats(isFloat ? shaped->shape() : llvm::ArrayRef<int64_t>());
  IntTensor integers(isFloat ? llvm::ArrayRef<int64_t>() : shaped->shape());
  const int64_t size = isFloat ? floats.size() : integers.size();
  for (int64_t index = 0; index < size; ++index) {
    if (const char *wrong = computeAt(index))
      return fail(wrong);
    if (isFloat)
      floats[index] = result.real;
    else
      integers[index] = result.integer;
  }
  return Values{isFloat ? Value(std::move(floats))
                        : Value(std::move(integers))};
}
