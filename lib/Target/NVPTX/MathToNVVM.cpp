//===- MathToNVVM.cpp - Math functions for NVVM ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Functions of f32 on scalars. 2^x on the reduced argument is one instruction
// (ex2.approx, error 2^-22.5 relative); what is around it keeps the argument
// exact, which is where e^x by a plain multiplication with log2(e) loses bits.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Target/NVPTX.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace transmamba {

#define GEN_PASS_DEF_MATHTONVVM
#include "transmamba/Target/NVPTX/Passes.h.inc"

namespace {

/// Shorthand for scalar arithmetic at one location.
struct Emit {
  Emit(PatternRewriter &rewriter, Location loc) : b(rewriter), loc(loc) {}

  Value f32(float value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  Value f64(double value) {
    return arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value));
  }
  Value i32(int32_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  }
  Value i64(int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value));
  }

  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value neg(Value x) { return arith::NegFOp::create(b, loc, x); }
  Value addi(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value andi(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value ori(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value shl(Value x, Value y) { return arith::ShLIOp::create(b, loc, x, y); }
  Value cmp(arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, loc, predicate, x, y);
  }
  Value cmpi(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, loc, condition, x, y);
  }
  Value bitcast(Type type, Value x) {
    return arith::BitcastOp::create(b, loc, type, x);
  }
  Value intrinsic(StringRef name, Type type, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name),
                                         operands)
        .getResult(0);
  }

  Value fma(Value x, Value y, Value z) {
    return intrinsic(x.getType().isF64() ? "llvm.fma.f64" : "llvm.fma.f32",
                     x.getType(), {x, y, z});
  }
  Value roundEven(Value x) {
    return intrinsic(x.getType().isF64() ? "llvm.roundeven.f64"
                                         : "llvm.roundeven.f32",
                     x.getType(), {x});
  }
  /// 2^x to 2 ulp; denormal results are flushed to zero.
  Value ex2(Value x) {
    return intrinsic("llvm.nvvm.ex2.approx.ftz.f", b.getF32Type(), {x});
  }
  /// Truncation that is defined for every input: NaN gives 0.
  Value toI32(Value x) {
    return intrinsic("llvm.fptosi.sat.i32.f64", b.getI32Type(), {x});
  }
  /// coefficients[0] + x * (coefficients[1] + x * (...))
  Value polynomial(Value x, ArrayRef<Value> coefficients) {
    Value result = coefficients.back();
    for (Value coefficient : llvm::reverse(coefficients.drop_back()))
      result = fma(result, x, coefficient);
    return result;
  }

  PatternRewriter &b;
  Location loc;
};

template <typename MathOp> class F32Pattern : public OpRewritePattern<MathOp> {
public:
  using OpRewritePattern<MathOp>::OpRewritePattern;

  LogicalResult matchAndRewrite(MathOp op,
                                PatternRewriter &rewriter) const final {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not a scalar f32");
    Emit emit(rewriter, op.getLoc());
    rewriter.replaceOp(op, expand(op, emit));
    return success();
  }

  virtual Value expand(MathOp op, Emit &e) const = 0;
};

} // namespace

//===----------------------------------------------------------------------===//
// exp, exp2
//===----------------------------------------------------------------------===//

/// 2^(high + low) for f32 values, low being small against high's last place:
///   j = round(high), clamped to the exponents of normal numbers;
///   2^(high + low) = 2^j * ex2((high - j) + low)
/// Where the clamp bites, the rest goes through ex2 and the product overflows
/// or becomes denormal as it should. `residual` computes (high - j) + low.
static Value emitScaledExp2(Emit &e, Value high,
                            llvm::function_ref<Value(Value j)> residual) {
  // Adding 1.5 * 2^23 leaves round(high) in the low bits of the sum.
  Value magic = e.f32(12582912.0f);
  Value f32Low = e.f32(-126.0f), f32High = e.f32(127.0f);
  Type f32 = high.getType();
  Value clamped = e.intrinsic(
      "llvm.minnum.f32", f32,
      {e.intrinsic("llvm.maxnum.f32", f32, {high, f32Low}), f32High});
  Value shifted = e.add(clamped, magic);
  Value j = e.sub(shifted, magic);
  // The bits of magic vanish in the shift; 127 is the exponent's bias.
  Value bits = e.shl(e.bitcast(e.b.getI32Type(), shifted), e.i32(23));
  Value scale = e.bitcast(f32, e.addi(bits, e.i32(127 << 23)));
  return e.mul(e.ex2(residual(j)), scale);
}

/// Whether the op says that a few units in the last place more do not matter.
static bool mayApproximate(arith::ArithFastMathInterface op) {
  return bitEnumContainsAll(op.getFastMathFlagsAttr().getValue(),
                            arith::FastMathFlags::afn);
}

namespace {

/// exp(x) -> 2^j * ex2(x * log2(e) - j), the product with log2(e) split in two
/// so that it is exact to f32 after the subtraction. Approximated:
///   exp(x) -> ex2(x * log2(e)), which loses as many bits as x has before its
/// point.
class ExpPattern final : public F32Pattern<math::ExpOp> {
public:
  using F32Pattern::F32Pattern;
  Value expand(math::ExpOp op, Emit &e) const override {
    Value x = op.getOperand();
    float high = static_cast<float>(M_LOG2E);
    float low = static_cast<float>(M_LOG2E - static_cast<double>(high));
    Value logHigh = e.f32(high), logLow = e.f32(low);
    if (mayApproximate(op))
      return e.ex2(e.mul(x, logHigh));
    return emitScaledExp2(e, e.mul(x, logHigh), [&](Value j) {
      return e.fma(x, logLow, e.fma(x, logHigh, e.neg(j)));
    });
  }
};

/// exp2(x) -> 2^j * ex2(x - j)
class Exp2Pattern final : public F32Pattern<math::Exp2Op> {
public:
  using F32Pattern::F32Pattern;
  Value expand(math::Exp2Op op, Emit &e) const override {
    Value x = op.getOperand();
    return emitScaledExp2(e, x, [&](Value j) { return e.sub(x, j); });
  }
};

namespace {

/// x / y -> div.approx x, y, where that may be approximated: a reciprocal and a
/// product, 2 ulp. 0 where |y| is above 2^126.
class ApproximateDivPattern final : public OpRewritePattern<arith::DivFOp> {
public:
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32() || !mayApproximate(op))
      return rewriter.notifyMatchFailure(op, "has to be exact");
    Emit emit(rewriter, op.getLoc());
    rewriter.replaceOp(op, emit.intrinsic("llvm.nvvm.div.approx.ftz.f",
                                          op.getType(), op->getOperands()));
    return success();
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// sin, cos
//===----------------------------------------------------------------------===//

/// The quadrant of an angle, and the angle from its middle as f32. The
/// reduction is in f64: an angle of a rotary embedding is as large as the
/// position, and f32 would lose all of its fraction.
struct Quadrant {
  Value index, angle;
};

} // namespace

static Quadrant reduceAngle(Emit &e, Value x) {
  Type f64 = e.b.getF64Type();
  Value wide = arith::ExtFOp::create(e.b, e.loc, f64, x);
  Value k = e.roundEven(e.mul(wide, e.f64(M_2_PI)));
  // pi/2 in two parts, together good to 106 bits.
  Value rest = e.fma(k, e.f64(-0x1.921fb54442d18p+0), wide);
  rest = e.fma(k, e.f64(-0x1.1a62633145c07p-54), rest);
  Value angle = arith::TruncFOp::create(e.b, e.loc, e.b.getF32Type(), rest);
  // k modulo 4 in f64 first: k itself may not fit an integer.
  Value quarter = e.intrinsic("llvm.floor.f64", f64, {e.mul(k, e.f64(0.25))});
  return {e.toI32(e.fma(quarter, e.f64(-4.0), k)), angle};
}

static Value emitSinPolynomial(Emit &e, Value r, Value square) {
  Value tail =
      e.polynomial(square, {e.f32(-1.6666654611e-1f), e.f32(8.3321608736e-3f),
                            e.f32(-1.9515295891e-4f)});
  return e.fma(e.mul(r, square), tail, r);
}

static Value emitCosPolynomial(Emit &e, Value square) {
  return e.polynomial(
      square, {e.f32(1.0f), e.f32(-0.5f), e.f32(4.166664568298827e-2f),
               e.f32(-1.388731625493765e-3f), e.f32(2.443315711809948e-5f)});
}

/// sin(x + quadrant * pi/2): the sine or the cosine of the reduced angle, with
/// the sign of the half plane.
static Value emitSine(Emit &e, Value x, int32_t shift) {
  Quadrant quadrant = reduceAngle(e, x);
  Value square = e.mul(quadrant.angle, quadrant.angle);
  Value index = e.addi(quadrant.index, e.i32(shift));
  auto isSet = [&](int32_t bit) {
    return e.cmpi(arith::CmpIPredicate::ne, e.andi(index, e.i32(bit)),
                  e.i32(0));
  };
  Value value = e.select(isSet(1), emitCosPolynomial(e, square),
                         emitSinPolynomial(e, quadrant.angle, square));
  return e.select(isSet(2), e.neg(value), value);
}

namespace {

class SinPattern final : public F32Pattern<math::SinOp> {
public:
  using F32Pattern::F32Pattern;
  Value expand(math::SinOp op, Emit &e) const override {
    return emitSine(e, op.getOperand(), 0);
  }
};

class CosPattern final : public F32Pattern<math::CosOp> {
public:
  using F32Pattern::F32Pattern;
  Value expand(math::CosOp op, Emit &e) const override {
    return emitSine(e, op.getOperand(), 1);
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// powf
//===----------------------------------------------------------------------===//

/// log2 of a positive f32 as an f64 with about 45 good bits: with the mantissa
/// m in [sqrt(1/2), sqrt(2)) and s = (m - 1) / (m + 1),
///   log2(m) = 2 / ln(2) * (s + s^3 / 3 + s^5 / 5 + ...).
static Value emitWideLog2(Emit &e, Value x) {
  Type f64 = e.b.getF64Type(), i64 = e.b.getI64Type();
  // Denormals of f32 are normal in f64.
  Value bits = e.bitcast(i64, arith::ExtFOp::create(e.b, e.loc, f64, x));
  Value mantissa = e.bitcast(f64, e.ori(e.andi(bits, e.i64(0x000fffffffffffff)),
                                        e.i64(0x3ff0000000000000)));
  Value biased =
      arith::ShRUIOp::create(e.b, e.loc, bits, e.i64(52)).getResult();
  Value exponent =
      e.sub(arith::SIToFPOp::create(e.b, e.loc, f64, biased), e.f64(1023.0));
  Value isHigh = e.cmp(arith::CmpFPredicate::OGE, mantissa, e.f64(M_SQRT2));
  mantissa = e.select(isHigh, e.mul(mantissa, e.f64(0.5)), mantissa);
  exponent = e.select(isHigh, e.add(exponent, e.f64(1.0)), exponent);

  Value s = e.div(e.sub(mantissa, e.f64(1.0)), e.add(mantissa, e.f64(1.0)));
  SmallVector<Value> coefficients;
  for (int k = 0; k < 8; ++k)
    coefficients.push_back(e.f64(2.0 * M_LOG2E / (2 * k + 1)));
  Value log = e.fma(s, e.polynomial(e.mul(s, s), coefficients), exponent);

  auto replaceAt = [&](float point, double value) {
    log = e.select(e.cmp(arith::CmpFPredicate::OEQ, x, e.f32(point)),
                   e.f64(value), log);
  };
  double infinity = std::numeric_limits<double>::infinity();
  replaceAt(0.0f, -infinity);
  replaceAt(std::numeric_limits<float>::infinity(), infinity);
  return e.select(e.cmp(arith::CmpFPredicate::UNO, x, x),
                  e.f64(std::numeric_limits<double>::quiet_NaN()), log);
}

/// 2^t for an f64 t, as an f32. The scale is applied in f64, where every
/// exponent of f32 is a normal one, so the last conversion rounds once.
static Value emitNarrowExp2(Emit &e, Value t) {
  Type f64 = e.b.getF64Type();
  // NaN compares false and passes.
  auto clamp = [&](arith::CmpFPredicate predicate, double bound) {
    t = e.select(e.cmp(predicate, t, e.f64(bound)), e.f64(bound), t);
  };
  clamp(arith::CmpFPredicate::OGT, 200.0);
  clamp(arith::CmpFPredicate::OLT, -200.0);
  Value j = e.roundEven(t);
  Value rest =
      arith::TruncFOp::create(e.b, e.loc, e.b.getF32Type(), e.sub(t, j));
  Value biased =
      e.addi(arith::ExtSIOp::create(e.b, e.loc, e.b.getI64Type(), e.toI32(j)),
             e.i64(1023));
  Value scale = e.bitcast(f64, e.shl(biased, e.i64(52)));
  Value fraction = arith::ExtFOp::create(e.b, e.loc, f64, e.ex2(rest));
  return arith::TruncFOp::create(e.b, e.loc, e.b.getF32Type(),
                                 e.mul(fraction, scale));
}

namespace {

/// powf(x, y) -> 2^(y * log2(|x|)) with the sign of an odd power, in f64 where
/// f32 would multiply the error of the logarithm by y.
class PowFPattern final : public F32Pattern<math::PowFOp> {
public:
  using F32Pattern::F32Pattern;
  Value expand(math::PowFOp op, Emit &e) const override {
    Value x = op.getLhs(), y = op.getRhs();
    Type f32 = x.getType();
    Value zero = e.f32(0.0f);
    Value log = emitWideLog2(e, e.intrinsic("llvm.fabs.f32", f32, {x}));
    Value wideY = arith::ExtFOp::create(e.b, e.loc, e.b.getF64Type(), y);
    // 1 to any power is 1, also where 0 * y would be NaN.
    Value product = e.select(e.cmp(arith::CmpFPredicate::OEQ, log, e.f64(0.0)),
                             e.f64(0.0), e.mul(wideY, log));
    Value power = emitNarrowExp2(e, product);

    auto isInteger = [&](Value v) {
      return e.cmp(arith::CmpFPredicate::OEQ,
                   e.intrinsic("llvm.floor.f32", f32, {v}), v);
    };
    // Odd: an integer whose half is none. Keeps the sign, that of zero too.
    Value isWhole = isInteger(y);
    Value withSign = e.intrinsic("llvm.copysign.f32", f32, {power, x});
    Value ofWhole = e.select(isInteger(e.mul(y, e.f32(0.5f))), power, withSign);
    Value isNegative =
        e.andi(e.cmp(arith::CmpFPredicate::OLT, x, zero),
               e.cmp(arith::CmpFPredicate::OGT, x,
                     e.f32(-std::numeric_limits<float>::infinity())));
    Value ofFraction = e.select(
        isNegative, e.f32(std::numeric_limits<float>::quiet_NaN()), power);
    Value result = e.select(isWhole, ofWhole, ofFraction);
    return e.select(e.cmp(arith::CmpFPredicate::OEQ, y, zero), e.f32(1.0f),
                    result);
  }
};

//===----------------------------------------------------------------------===//
// Functions that are instructions
//===----------------------------------------------------------------------===//

/// math.sqrt x -> llvm.call_intrinsic "llvm.sqrt.f32"(x), and so on.
template <typename MathOp>
class IntrinsicPattern final : public OpRewritePattern<MathOp> {
public:
  IntrinsicPattern(MLIRContext *context, StringRef name)
      : OpRewritePattern<MathOp>(context), name(name) {}

  LogicalResult matchAndRewrite(MathOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op->getResult(0).getType();
    if (!type.isF32() && !type.isF64())
      return rewriter.notifyMatchFailure(op, "not a scalar f32 or f64");
    std::string full = (name + (type.isF32() ? ".f32" : ".f64")).str();
    Emit emit(rewriter, op.getLoc());
    rewriter.replaceOp(op, emit.intrinsic(full, type, op->getOperands()));
    return success();
  }

private:
  StringRef name;
};

/// math.rsqrt x -> rsqrt.approx x (2 ulp)
class RsqrtPattern final : public F32Pattern<math::RsqrtOp> {
public:
  using F32Pattern::F32Pattern;
  Value expand(math::RsqrtOp op, Emit &e) const override {
    return e.intrinsic("llvm.nvvm.rsqrt.approx.f", op.getType(),
                       {op.getOperand()});
  }
};

/// math.absi x -> max(x, 0 - x)
class AbsIPattern final : public OpRewritePattern<math::AbsIOp> {
public:
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::AbsIOp op,
                                PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value x = op.getOperand();
    Value zero = arith::ConstantOp::create(rewriter, loc,
                                           rewriter.getZeroAttr(x.getType()));
    Value negated = arith::SubIOp::create(rewriter, loc, zero, x);
    rewriter.replaceOpWithNewOp<arith::MaxSIOp>(op, x, negated);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

class MathToNVVMPass final : public impl::MathToNVVMBase<MathToNVVMPass> {
public:
  void runOnOperation() override;
};

} // namespace

static void populateIntrinsicPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<IntrinsicPattern<math::AbsFOp>>(context, "llvm.fabs");
  patterns.add<IntrinsicPattern<math::CeilOp>>(context, "llvm.ceil");
  patterns.add<IntrinsicPattern<math::CopySignOp>>(context, "llvm.copysign");
  patterns.add<IntrinsicPattern<math::FloorOp>>(context, "llvm.floor");
  patterns.add<IntrinsicPattern<math::FmaOp>>(context, "llvm.fma");
  patterns.add<IntrinsicPattern<math::RoundEvenOp>>(context, "llvm.roundeven");
  patterns.add<IntrinsicPattern<math::RoundOp>>(context, "llvm.round");
  patterns.add<IntrinsicPattern<math::SqrtOp>>(context, "llvm.sqrt");
  patterns.add<IntrinsicPattern<math::TruncOp>>(context, "llvm.trunc");
  // Upstream lowers these two to libdevice calls.
  patterns.add<IntrinsicPattern<arith::MaxNumFOp>>(context, "llvm.maxnum");
  patterns.add<IntrinsicPattern<arith::MinNumFOp>>(context, "llvm.minnum");
  patterns.add<RsqrtPattern, AbsIPattern>(context);
}

/// Upstream's approximations that are as accurate as is asked for.
static bool isApproximatedUpstream(StringRef name) {
  static const llvm::StringLiteral names[] = {
      math::TanhOp::getOperationName(),  math::ErfOp::getOperationName(),
      math::LogOp::getOperationName(),   math::Log2Op::getOperationName(),
      math::Log1pOp::getOperationName(), math::ExpM1Op::getOperationName()};
  return llvm::is_contained(names, name);
}

/// a * b + c of the kernel may become one fma. Set before the expansions, which
/// rely on the roundings that they spell out.
static void allowContraction(Operation *root) {
  root->walk([](arith::ArithFastMathInterface op) {
    if (!isa<arith::AddFOp, arith::SubFOp, arith::MulFOp>(op))
      return;
    auto flags = op.getFastMathFlagsAttr().getValue();
    op->setAttr(op.getFastMathAttrName(),
                arith::FastMathFlagsAttr::get(
                    op->getContext(), flags | arith::FastMathFlags::contract));
  });
}

void MathToNVVMPass::runOnOperation() {
  allowContraction(getOperation());
  RewritePatternSet patterns(&getContext());
  patterns.add<ApproximateDivPattern, ExpPattern, Exp2Pattern, SinPattern,
               CosPattern, PowFPattern>(&getContext());
  populateIntrinsicPatterns(patterns);
  populateMathF32ExpansionPatterns(patterns, [](StringRef) { return true; });
  populateMathPolynomialApproximationPatterns(patterns, isApproximatedUpstream);
  if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
    return signalPassFailure();

  WalkResult result = getOperation().walk([](Operation *op) {
    if (!isa<math::MathDialect>(op->getDialect()) &&
        !isa<arith::RemFOp, arith::MaxNumFOp, arith::MinNumFOp>(op))
      return WalkResult::advance();
    op->emitOpError("has no lowering in GPU kernels for this type");
    return WalkResult::interrupt();
  });
  if (result.wasInterrupted())
    signalPassFailure();
}

} // namespace transmamba
