//===- MathFunctions.h - Functions on f32 from arithmetic -------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Code, free of branches but for huge angles, for the functions of the math
// dialect on f32 or vectors of f32. Infinities, NaN, signed zeros and denormals
// come out as in C; the error is at most about two units in the last place,
// with or without fused multiply-add.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_MATHFUNCTIONS_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_MATHFUNCTIONS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace transmamba {

class MathFunctions {
public:
  /// `type` is f32 or a vector of f32, the type of all arguments and results.
  MathFunctions(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type,
                bool useFma)
      : builder(builder), loc(loc), type(type), useFma(useFma) {}

  mlir::Value exp(mlir::Value x);
  mlir::Value exp2(mlir::Value x);
  mlir::Value expm1(mlir::Value x);
  mlir::Value log(mlir::Value x);
  mlir::Value log2(mlir::Value x);
  mlir::Value log10(mlir::Value x);
  mlir::Value log1p(mlir::Value x);
  mlir::Value tanh(mlir::Value x);
  mlir::Value erf(mlir::Value x);
  mlir::Value sin(mlir::Value x);
  mlir::Value cos(mlir::Value x);
  mlir::Value pow(mlir::Value x, mlir::Value y);
  mlir::Value rsqrt(mlir::Value x);
  /// a * b + c without a fused instruction, by way of f64.
  mlir::Value wideFma(mlir::Value a, mlir::Value b, mlir::Value c);

private:
  /// `element`, or the vector of it that has the shape of `type`.
  mlir::Type like(mlir::Type element) const;
  mlir::Type wideType() const { return like(builder.getF64Type()); }
  mlir::Type intType() const { return like(builder.getI32Type()); }

  mlir::Value constant(double value, mlir::Type of);
  mlir::Value constant(double value) { return constant(value, type); }
  mlir::Value integer(int64_t value, mlir::Type of);
  mlir::Value integer(int64_t value) { return integer(value, intType()); }

  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);
  /// a * b + c, rounded once or twice.
  mlir::Value mad(mlir::Value a, mlir::Value b, mlir::Value c);
  mlir::Value addi(mlir::Value a, mlir::Value b);
  mlir::Value subi(mlir::Value a, mlir::Value b);
  mlir::Value less(mlir::Value a, mlir::Value b);
  mlir::Value equal(mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  mlir::Value both(mlir::Value a, mlir::Value b);
  mlir::Value bits(mlir::Value x);
  mlir::Value fromBits(mlir::Value x);
  mlir::Value magnitude(mlir::Value x);
  /// The magnitude of `x` with the sign of `sign`.
  mlir::Value copySign(mlir::Value x, mlir::Value sign);
  /// Horner's rule, highest coefficient first.
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<double> coefficients);
  /// `x` within [low, high]; NaN stays NaN.
  mlir::Value clamp(mlir::Value x, double low, double high);

  /// The integer closest to a small number, as a float and as an integer,
  /// without a conversion, whose result would be undefined for NaN.
  struct Rounded {
    mlir::Value asFloat;
    mlir::Value asInteger;
  };
  Rounded round(mlir::Value x);
  /// 2^n for -126 <= n <= 127.
  mlir::Value powerOfTwo(mlir::Value n);
  /// x * 2^n for any n that a result may need, rounding denormals once.
  mlir::Value scale(mlir::Value x, mlir::Value n);
  /// (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2.
  mlir::Value expTail(mlir::Value r);

  /// x = 2^exponent * (1 + fraction), 1 + fraction in [sqrt(1/2), sqrt(2)).
  struct Decomposed {
    mlir::Value exponent;
    mlir::Value fraction;
  };
  Decomposed decompose(mlir::Value x);
  /// log(1 + f) - f for a fraction f.
  mlir::Value logTail(mlir::Value f);
  /// `result`, but what a logarithm of `x` is where `x` is not a positive
  /// finite number.
  mlir::Value fixLog(mlir::Value x, mlir::Value result);

  /// x = n * pi/2 + remainder, |remainder| <= pi/4; n modulo 4 is in the low
  /// bits of `shifted`. Both are f64.
  struct Angle {
    mlir::Value remainder;
    mlir::Value shifted;
  };
  /// For |x| <= 1e6.
  Angle reduceSmall(mlir::Value wide);
  /// For any number.
  Angle reduceAny(mlir::Value wide);
  /// sin(x + quarters * pi / 2)
  mlir::Value sinQuarter(mlir::Value x, int64_t quarters);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::Type type;
  bool useFma;
};

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_MATHFUNCTIONS_H
