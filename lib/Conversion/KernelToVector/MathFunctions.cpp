//===- MathFunctions.cpp - Functions on f32 from arithmetic -----*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "MathFunctions.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

#include <limits>

using namespace mlir;
using namespace transmamba;

// ln(2) in two parts; the first has so few bits that a product with an exponent
// is exact.
static constexpr double kLn2High = 0.693359375;
static constexpr double kLn2Low = -2.12194440054690583e-4;
static constexpr double kLog2E = 1.44269504088896341;
static constexpr double kLn2 = 0.693147180559945309;
static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
/// Adding 1.5 * 2^23 leaves the nearest integer in the low bits of a float.
static constexpr double kRoundF32 = 12582912.0;
static constexpr double kRoundF64 = 6755399441055744.0;

//===----------------------------------------------------------------------===//
// Building blocks
//===----------------------------------------------------------------------===//

Type MathFunctions::like(Type element) const {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

Value MathFunctions::constant(double value, Type of) {
  TypedAttr attr = builder.getFloatAttr(getElementTypeOrSelf(of), value);
  if (auto vector = dyn_cast<VectorType>(of))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(builder, loc, attr);
}

Value MathFunctions::integer(int64_t value, Type of) {
  TypedAttr attr = builder.getIntegerAttr(getElementTypeOrSelf(of), value);
  if (auto vector = dyn_cast<VectorType>(of))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(builder, loc, attr);
}

Value MathFunctions::add(Value a, Value b) {
  return arith::AddFOp::create(builder, loc, a, b);
}
Value MathFunctions::sub(Value a, Value b) {
  return arith::SubFOp::create(builder, loc, a, b);
}
Value MathFunctions::mul(Value a, Value b) {
  return arith::MulFOp::create(builder, loc, a, b);
}
Value MathFunctions::div(Value a, Value b) {
  return arith::DivFOp::create(builder, loc, a, b);
}
Value MathFunctions::mad(Value a, Value b, Value c) {
  if (useFma)
    return math::FmaOp::create(builder, loc, a, b, c);
  return add(mul(a, b), c);
}
Value MathFunctions::addi(Value a, Value b) {
  return arith::AddIOp::create(builder, loc, a, b);
}
Value MathFunctions::subi(Value a, Value b) {
  return arith::SubIOp::create(builder, loc, a, b);
}
Value MathFunctions::less(Value a, Value b) {
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, a, b);
}
Value MathFunctions::equal(Value a, Value b) {
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OEQ, a, b);
}
Value MathFunctions::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(builder, loc, condition, a, b);
}
Value MathFunctions::both(Value a, Value b) {
  return arith::AndIOp::create(builder, loc, a, b);
}
Value MathFunctions::bits(Value x) {
  return arith::BitcastOp::create(builder, loc, intType(), x);
}
Value MathFunctions::fromBits(Value x) {
  return arith::BitcastOp::create(builder, loc, type, x);
}
Value MathFunctions::magnitude(Value x) {
  return math::AbsFOp::create(builder, loc, x);
}
Value MathFunctions::copySign(Value x, Value sign) {
  return math::CopySignOp::create(builder, loc, x, sign);
}

Value MathFunctions::polynomial(Value x, ArrayRef<double> coefficients) {
  Type of = x.getType();
  Value sum = constant(coefficients.front(), of);
  for (double coefficient : coefficients.drop_front())
    sum = mad(sum, x, constant(coefficient, of));
  return sum;
}

Value MathFunctions::clamp(Value x, double low, double high) {
  Value lowest = constant(low, x.getType()),
        highest = constant(high, x.getType());
  x = select(less(x, lowest), lowest, x);
  return select(less(highest, x), highest, x);
}

MathFunctions::Rounded MathFunctions::round(Value x) {
  Value magic = constant(kRoundF32);
  Value shifted = add(x, magic);
  return {sub(shifted, magic), subi(bits(shifted), bits(magic))};
}

Value MathFunctions::powerOfTwo(Value n) {
  Value biased = addi(n, integer(127));
  return fromBits(arith::ShLIOp::create(builder, loc, biased, integer(23)));
}

Value MathFunctions::scale(Value x, Value n) {
  // Two factors: the power itself may be out of range where the product is not.
  Value half = arith::ShRSIOp::create(builder, loc, n, integer(1));
  return mul(mul(x, powerOfTwo(half)), powerOfTwo(subi(n, half)));
}

//===----------------------------------------------------------------------===//
// Exponential functions
//===----------------------------------------------------------------------===//

Value MathFunctions::expTail(Value r) {
  // Cephes, expf.
  return polynomial(r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3,
                        4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1});
}

Value MathFunctions::exp(Value x) {
  // exp(x) = 2^n * exp(r), r = x - n * ln(2); past the clamp it is 0 or inf.
  x = clamp(x, -105.0, 89.0);
  Rounded n = round(mul(x, constant(kLog2E)));
  Value r = mad(n.asFloat, constant(-kLn2High), x);
  r = mad(n.asFloat, constant(-kLn2Low), r);
  Value p = mad(mul(r, r), expTail(r), r);
  return scale(add(p, constant(1.0)), n.asInteger);
}

Value MathFunctions::exp2(Value x) {
  x = clamp(x, -152.0, 129.0);
  Rounded n = round(x);
  Value r = mul(sub(x, n.asFloat), constant(kLn2));
  Value p = mad(mul(r, r), expTail(r), r);
  return scale(add(p, constant(1.0)), n.asInteger);
}

Value MathFunctions::expm1(Value x) {
  // 2^n * (exp(r) - 1) + (2^n - 1), in halves so that 2^n stays finite.
  Value clamped = clamp(x, -18.0, 89.0);
  Rounded n = round(mul(clamped, constant(kLog2E)));
  Value r = mad(n.asFloat, constant(-kLn2High), clamped);
  r = mad(n.asFloat, constant(-kLn2Low), r);
  Value p = mad(mul(r, r), expTail(r), r);
  Value half = powerOfTwo(subi(n.asInteger, integer(1)));
  Value result = mul(mad(half, p, sub(half, constant(0.5))), constant(2.0));
  // Keeps denormals and the sign of zero.
  return select(less(magnitude(x), constant(1e-8)), x, result);
}

Value MathFunctions::tanh(Value x) {
  // Near 0 the odd polynomial of Cephes' tanhf, else 1 - 2 / (exp(2|x|) + 1).
  Value z = mul(x, x);
  Value p =
      polynomial(z, {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2,
                     1.33314422036e-1, -3.33332819422e-1});
  Value nearZero = mad(mul(p, z), x, x);
  Value a = magnitude(x);
  Value e = add(exp(add(a, a)), constant(1.0));
  Value large = sub(constant(1.0), div(constant(2.0), e));
  return copySign(select(less(a, constant(0.625)), nearZero, large), x);
}

Value MathFunctions::erf(Value x) {
  // Near 0 an odd polynomial, else 1 - exp(q(|x|)); 1 from 4 on.
  Value s = mul(x, x);
  Value p = polynomial(s, {-5.96761703e-4, 4.99119423e-3, -2.67681349e-2,
                           1.12819925e-1, -3.76125336e-1, 1.28379166e-1});
  Value nearZero = mad(p, x, x);
  Value a = magnitude(x);
  Value t = select(less(constant(4.0), a), constant(4.0), a);
  Value q = polynomial(t, {-1.72853470e-5, 3.83197126e-4, -3.88396438e-3,
                           2.42546219e-2, -1.06777877e-1, -6.34846687e-1,
                           -1.28717512e-1});
  q = mad(q, t, sub(constant(0.0), t));
  Value large = copySign(sub(constant(1.0), exp(q)), x);
  return select(less(constant(0.927734375), a), large, nearZero);
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

MathFunctions::Decomposed MathFunctions::decompose(Value x) {
  // Denormals are scaled up first.
  Value isTiny = less(x, constant(1.17549435e-38));
  Value scaled = select(isTiny, mul(x, constant(8388608.0)), x);
  Value bias = select(isTiny, constant(-23.0), constant(0.0));
  Value pattern = bits(scaled);
  Value exponent = arith::ShRSIOp::create(
      builder, loc, subi(pattern, integer(0x3f3504f3)), integer(23));
  Value mantissa = fromBits(subi(
      pattern, arith::ShLIOp::create(builder, loc, exponent, integer(23))));
  return {add(arith::SIToFPOp::create(builder, loc, type, exponent), bias),
          sub(mantissa, constant(1.0))};
}

Value MathFunctions::logTail(Value f) {
  // Cephes, logf.
  Value p = polynomial(f, {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1,
                           -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
                           2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  Value z = mul(f, f);
  return mad(mul(p, f), z, mul(z, constant(-0.5)));
}

Value MathFunctions::fixLog(Value x, Value result) {
  Value zero = constant(0.0);
  Value positive = select(less(x, constant(kInfinity)), result, x);
  Value other = select(equal(x, zero), constant(-kInfinity), constant(kNaN));
  return select(less(zero, x), positive, other);
}

Value MathFunctions::log(Value x) {
  Decomposed d = decompose(x);
  Value tail = mad(d.exponent, constant(kLn2Low), logTail(d.fraction));
  Value result = mad(d.exponent, constant(kLn2High), add(d.fraction, tail));
  return fixLog(x, result);
}

Value MathFunctions::log2(Value x) {
  Decomposed d = decompose(x);
  Value m = add(d.fraction, logTail(d.fraction));
  return fixLog(x, mad(m, constant(kLog2E), d.exponent));
}

Value MathFunctions::log10(Value x) {
  constexpr double kLog10E = 0.434294481903251828;
  // log10(2) in two parts, as ln(2) above.
  constexpr double kHigh = 0.30078125, kLow = 2.48745663981195214e-4;
  Decomposed d = decompose(x);
  Value m = add(d.fraction, logTail(d.fraction));
  Value low = mad(m, constant(kLog10E), mul(d.exponent, constant(kLow)));
  return fixLog(x, mad(d.exponent, constant(kHigh), low));
}

Value MathFunctions::log1p(Value x) {
  // u = 1 + x with the rounding error of the sum (Knuth's two-sum), which goes
  // into the fraction of u.
  Value one = constant(1.0);
  Value u = add(one, x);
  Value b = sub(u, one);
  Value error = add(sub(one, sub(u, b)), sub(x, b));
  Value exponent = arith::ShRSIOp::create(
      builder, loc, subi(bits(u), integer(0x3f3504f3)), integer(23));
  Value mantissa = fromBits(subi(
      bits(u), arith::ShLIOp::create(builder, loc, exponent, integer(23))));
  // For a large u the error does not matter, but its factor must be a number.
  Value inverse = powerOfTwo(arith::MaxSIOp::create(
      builder, loc, subi(integer(0), exponent), integer(-126)));
  Value f = mad(error, inverse, sub(mantissa, one));
  Value e = arith::SIToFPOp::create(builder, loc, type, exponent);
  Value tail = mad(e, constant(kLn2Low), logTail(f));
  Value result = fixLog(u, mad(e, constant(kLn2High), add(f, tail)));
  // Keeps denormals and the sign of zero.
  return select(less(magnitude(x), constant(1e-8)), x, result);
}

//===----------------------------------------------------------------------===//
// Trigonometric functions
//===----------------------------------------------------------------------===//

MathFunctions::Angle MathFunctions::reduceSmall(Value wide) {
  // r = x - n * pi/2 with pi/2 in three parts of 33 bits (fdlibm).
  Value magic = constant(kRoundF64, wideType());
  Value shifted =
      add(mul(wide, constant(0.636619772367581343, wideType())), magic);
  Value n = sub(shifted, magic);
  Value r = mad(n, constant(-1.57079632673412561417, wideType()), wide);
  r = mad(n, constant(-6.07710050630396597660e-11, wideType()), r);
  r = mad(n, constant(-2.02226624879595063154e-21, wideType()), r);
  return {r, shifted};
}

MathFunctions::Angle MathFunctions::reduceAny(Value wide) {
  // 2/pi in parts of 29 bits: the product of a part with a float is exact, and
  // so is its remainder by 4, a full turn. 203 bits reach from the largest
  // float to far below the smallest distance of a float from a multiple of
  // pi/2.
  static constexpr double kParts[] = {
      0x1.45f306dp-1,   0x1.9391054p-30, 0x1.4fe13abp-59, 0x1.d1f534dp-88,
      0x1.b81b6c5p-117, 0x1.5993c4p-148, 0x1.c820ff2p-175};
  Value turns, four = constant(4.0, wideType());
  for (double part : kParts) {
    Value product = mul(wide, constant(part, wideType()));
    Value whole = math::RoundEvenOp::create(
        builder, loc, mul(product, constant(0.25, wideType())));
    Value rest = sub(product, mul(whole, four));
    turns = turns ? add(turns, rest) : rest;
  }
  Value magic = constant(kRoundF64, wideType());
  Value shifted = add(turns, magic);
  Value r = mul(sub(turns, sub(shifted, magic)),
                constant(1.57079632679489661923, wideType()));
  return {r, shifted};
}

Value MathFunctions::sinQuarter(Value x, int64_t quarters) {
  Value wide = arith::ExtFOp::create(builder, loc, wideType(), x);
  // Up to here n * (a part of pi/2) is exact. Few angles are larger.
  Value isLarge = less(constant(1.0e6), magnitude(x));
  if (isa<VectorType>(type))
    isLarge = vector::ReductionOp::create(builder, loc,
                                          vector::CombiningKind::OR, isLarge);
  auto choice = scf::IfOp::create(
      builder, loc, isLarge,
      [&](OpBuilder &inner, Location) {
        MathFunctions functions(inner, loc, type, useFma);
        Angle angle = functions.reduceAny(wide);
        scf::YieldOp::create(inner, loc, {angle.remainder, angle.shifted});
      },
      [&](OpBuilder &inner, Location) {
        MathFunctions functions(inner, loc, type, useFma);
        Angle angle = functions.reduceSmall(wide);
        scf::YieldOp::create(inner, loc, {angle.remainder, angle.shifted});
      });
  Value f = arith::TruncFOp::create(builder, loc, type, choice.getResult(0));
  Value quadrant = arith::TruncIOp::create(
      builder, loc, intType(),
      arith::BitcastOp::create(builder, loc, like(builder.getI64Type()),
                               choice.getResult(1)));
  quadrant = addi(quadrant, integer(quarters));

  // Cephes, sinf and cosf.
  Value z = mul(f, f);
  Value sine = mad(
      mul(polynomial(z, {-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1}),
          z),
      f, f);
  Value cosine =
      mad(mul(polynomial(z, {2.443315711809948e-5, -1.388731625493765e-3,
                             4.166664568298827e-2}),
              z),
          z, mad(z, constant(-0.5), constant(1.0)));
  auto bit = [&](int64_t mask) -> Value {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                 both(quadrant, integer(mask)), integer(0));
  };
  Value result = select(bit(1), cosine, sine);
  return select(bit(2), arith::NegFOp::create(builder, loc, result), result);
}

Value MathFunctions::sin(Value x) {
  // Keeps the sign of zero.
  return select(equal(x, constant(0.0)), x, sinQuarter(x, 0));
}

Value MathFunctions::cos(Value x) { return sinQuarter(x, 1); }

//===----------------------------------------------------------------------===//
// Powers
//===----------------------------------------------------------------------===//

Value MathFunctions::rsqrt(Value x) {
  return div(constant(1.0), math::SqrtOp::create(builder, loc, x));
}

Value MathFunctions::wideFma(Value a, Value b, Value c) {
  // The product of two f32 is exact in f64.
  auto widen = [&](Value v) -> Value {
    return arith::ExtFOp::create(builder, loc, wideType(), v);
  };
  Value sum = add(mul(widen(a), widen(b)), widen(c));
  return arith::TruncFOp::create(builder, loc, type, sum);
}

Value MathFunctions::pow(Value x, Value y) {
  // |x|^y = 2^(y * log2|x|), the exponent in f64: its absolute error counts.
  Value zero = constant(0.0), one = constant(1.0);
  Value a = magnitude(x);
  Decomposed d = decompose(a);
  auto widen = [&](Value v) -> Value {
    return arith::ExtFOp::create(builder, loc, wideType(), v);
  };
  // log2(1 + f) = 2 / ln(2) * atanh(s), s = f / (2 + f)
  Value f = widen(d.fraction);
  Value s = div(f, add(f, constant(2.0, wideType())));
  Value z = mul(s, s);
  Value series = polynomial(
      z, {1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1});
  Value log2m = mul(mul(s, constant(2 * kLog2E, wideType())), series);
  Value log2a = add(widen(d.exponent), log2m);
  log2a = select(equal(a, zero), constant(-kInfinity, wideType()), log2a);
  log2a = select(less(a, constant(kInfinity)), log2a, widen(a));
  Value t = clamp(mul(widen(y), log2a), -200.0, 200.0);

  // 2^t = 2^n * exp((t - n) * ln(2))
  Value magic = constant(kRoundF64, wideType());
  Value shifted = add(t, magic);
  Value n = arith::TruncIOp::create(
      builder, loc, intType(),
      arith::BitcastOp::create(builder, loc, like(builder.getI64Type()),
                               shifted));
  Value r = arith::TruncFOp::create(
      builder, loc, type,
      mul(sub(t, sub(shifted, magic)), constant(kLn2, wideType())));
  Value result = scale(add(mad(mul(r, r), expTail(r), r), one), n);

  // A negative base needs an integral exponent; an odd one keeps the sign.
  Value isIntegral = equal(math::TruncOp::create(builder, loc, y), y);
  Value half = mul(y, constant(0.5));
  Value isOdd = both(
      isIntegral,
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ONE,
                            math::TruncOp::create(builder, loc, half), half));
  result = select(isOdd, copySign(result, x), result);
  Value isFiniteNegative = both(less(x, zero), less(constant(-kInfinity), x));
  Value isFractional =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ONE,
                            math::TruncOp::create(builder, loc, y), y);
  result = select(both(isFiniteNegative, isFractional), constant(kNaN), result);
  // 1^y and x^0 are 1, even for NaN; so is (-1)^inf.
  Value yIsInfinite = equal(magnitude(y), constant(kInfinity));
  result = select(both(equal(a, one), yIsInfinite), one, result);
  Value isOne =
      arith::OrIOp::create(builder, loc, equal(x, one), equal(y, zero));
  return select(isOne, one, result);
}
