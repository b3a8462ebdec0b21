//===- ExpandMath.cpp - Math functions as arithmetic ------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/KernelToVector/KernelToVector.h"

#include "MathFunctions.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace transmamba {
#define GEN_PASS_DEF_EXPANDMATH
#include "transmamba/Conversion/KernelToVector/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

static bool isF32(Type type) { return getElementTypeOrSelf(type).isF32(); }

namespace {
/// math.f %x : f32  ->  arithmetic
template <typename OpTy, Value (MathFunctions::*Function)(Value)>
class ExpandUnary final : public OpRewritePattern<OpTy> {
public:
  ExpandUnary(MLIRContext *context, bool useFma)
      : OpRewritePattern<OpTy>(context, /*benefit=*/2), useFma(useFma) {}

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()))
      return rewriter.notifyMatchFailure(op, "not f32");
    MathFunctions functions(rewriter, op.getLoc(), op.getType(), useFma);
    rewriter.replaceOp(op, (functions.*Function)(op.getOperand()));
    return success();
  }

private:
  bool useFma;
};

/// math.powf %x, %y : f32  ->  arithmetic
class ExpandPow final : public OpRewritePattern<math::PowFOp> {
public:
  ExpandPow(MLIRContext *context, bool useFma)
      : OpRewritePattern(context, /*benefit=*/2), useFma(useFma) {}

  LogicalResult matchAndRewrite(math::PowFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op.getType()))
      return rewriter.notifyMatchFailure(op, "not f32");
    MathFunctions functions(rewriter, op.getLoc(), op.getType(), useFma);
    rewriter.replaceOp(op, functions.pow(op.getLhs(), op.getRhs()));
    return success();
  }

private:
  bool useFma;
};

/// math.sqrt of f64 has an instruction: math.rsqrt %x  ->  1 / math.sqrt %x
class ExpandWideRsqrt final : public OpRewritePattern<math::RsqrtOp> {
public:
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::RsqrtOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF64())
      return rewriter.notifyMatchFailure(op, "not f64");
    Type type = op.getType();
    TypedAttr one = rewriter.getF64FloatAttr(1.0);
    if (auto vector = dyn_cast<VectorType>(type))
      one = DenseElementsAttr::get(vector, one);
    Value root = math::SqrtOp::create(rewriter, op.getLoc(), op.getOperand());
    rewriter.replaceOpWithNewOp<arith::DivFOp>(
        op, arith::ConstantOp::create(rewriter, op.getLoc(), one), root);
    return success();
  }
};

/// Without a fused instruction, math.fma would become a library call.
class ExpandFma final : public OpRewritePattern<math::FmaOp> {
public:
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::FmaOp op,
                                PatternRewriter &rewriter) const override {
    if (isF32(op.getType())) {
      MathFunctions functions(rewriter, op.getLoc(), op.getType(),
                              /*useFma=*/false);
      rewriter.replaceOp(op,
                         functions.wideFma(op.getA(), op.getB(), op.getC()));
      return success();
    }
    Value product =
        arith::MulFOp::create(rewriter, op.getLoc(), op.getA(), op.getB());
    rewriter.replaceOpWithNewOp<arith::AddFOp>(op, product, op.getC());
    return success();
  }
};

class ExpandMathPass final
    : public transmamba::impl::ExpandMathBase<ExpandMathPass> {
public:
  using ExpandMathBase::ExpandMathBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(kKernelAttrName))
      return;
    RewritePatternSet patterns(&getContext());
    populateExpandMathPatterns(patterns, useFma);
    if (failed(applyPatternsGreedily(function, std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace

void transmamba::populateExpandMathPatterns(RewritePatternSet &patterns,
                                            bool useFma) {
  using F = MathFunctions;
  patterns.add<
      ExpandUnary<math::ExpOp, &F::exp>, ExpandUnary<math::Exp2Op, &F::exp2>,
      ExpandUnary<math::ExpM1Op, &F::expm1>, ExpandUnary<math::LogOp, &F::log>,
      ExpandUnary<math::Log2Op, &F::log2>,
      ExpandUnary<math::Log10Op, &F::log10>,
      ExpandUnary<math::Log1pOp, &F::log1p>,
      ExpandUnary<math::TanhOp, &F::tanh>, ExpandUnary<math::ErfOp, &F::erf>,
      ExpandUnary<math::SinOp, &F::sin>, ExpandUnary<math::CosOp, &F::cos>,
      ExpandUnary<math::RsqrtOp, &F::rsqrt>, ExpandPow>(patterns.getContext(),
                                                        useFma);
  patterns.add<ExpandWideRsqrt>(patterns.getContext());
  if (!useFma)
    patterns.add<ExpandFma>(patterns.getContext());
  // Rarer functions: in terms of the above, or by upstream's polynomials.
  math::populateExpansionPatterns(
      patterns, {"acosh", "asinh", "atanh", "cosh", "fpowi", "sinh", "tan"});
  auto isApproximated = [](StringRef name) {
    return llvm::is_contained({"math.acos", "math.asin", "math.atan",
                               "math.atan2", "math.cbrt", "math.erfc"},
                              name);
  };
  populateMathPolynomialApproximationPatterns(patterns, isApproximated);
  // f16 and bf16 by way of f32.
  populateMathF32ExpansionPatterns(patterns, [](StringRef) { return true; });
}
