//===- ExpandF16.cpp - f16 conversions as integer arithmetic ----*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// x86-64-v2 has no instruction for f16, and a kernel cannot call the compiler's
// support library.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/KernelToVector/KernelToVector.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace transmamba {
#define GEN_PASS_DEF_EXPANDF16
#include "transmamba/Conversion/KernelToVector/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

namespace {
/// Integer code on scalars or vectors of the shape of `shape`.
class Bits {
public:
  Bits(OpBuilder &builder, Location loc, Type shape)
      : builder(builder), loc(loc), shape(shape) {}

  Type like(Type element) const {
    if (auto vector = dyn_cast<VectorType>(shape))
      return vector.clone(element);
    return element;
  }
  Value constant(int64_t value) {
    Type type = like(builder.getI32Type());
    TypedAttr attr = builder.getI32IntegerAttr(static_cast<int32_t>(value));
    if (auto vector = dyn_cast<VectorType>(type))
      attr = DenseElementsAttr::get(vector, attr);
    return arith::ConstantOp::create(builder, loc, attr);
  }
  Value shl(Value a, int64_t b) {
    return arith::ShLIOp::create(builder, loc, a, constant(b));
  }
  Value shr(Value a, int64_t b) {
    return arith::ShRUIOp::create(builder, loc, a, constant(b));
  }
  Value mask(Value a, int64_t b) {
    return arith::AndIOp::create(builder, loc, a, constant(b));
  }
  Value either(Value a, Value b) {
    return arith::OrIOp::create(builder, loc, a, b);
  }
  Value add(Value a, Value b) {
    return arith::AddIOp::create(builder, loc, a, b);
  }
  Value sub(Value a, Value b) {
    return arith::SubIOp::create(builder, loc, a, b);
  }
  Value atLeast(Value a, int64_t b) {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::uge, a,
                                 constant(b));
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  Value asF32(Value a) {
    return arith::BitcastOp::create(builder, loc, like(builder.getF32Type()),
                                    a);
  }
  Value asI32(Value a) {
    return arith::BitcastOp::create(builder, loc, like(builder.getI32Type()),
                                    a);
  }

private:
  OpBuilder &builder;
  Location loc;
  Type shape;
};

/// arith.extf %x : f16 to f32  ->  integer arithmetic
class ExpandExtF final : public OpRewritePattern<arith::ExtFOp> {
public:
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn().getType()).isF16())
      return rewriter.notifyMatchFailure(op, "not from f16");
    Location loc = op.getLoc();
    Bits b(rewriter, loc, op.getType());
    if (!getElementTypeOrSelf(op.getType()).isF32()) {
      Value single = arith::ExtFOp::create(
          rewriter, loc, b.like(rewriter.getF32Type()), op.getIn());
      rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), single);
      return success();
    }
    Value half = arith::BitcastOp::create(
        rewriter, loc, b.like(rewriter.getI16Type()), op.getIn());
    Value pattern = arith::ExtUIOp::create(rewriter, loc,
                                           b.like(rewriter.getI32Type()), half);
    Value sign = b.shl(b.mask(pattern, 0x8000), 16);
    Value rest = b.shl(b.mask(pattern, 0x7fff), 13);
    // Normal numbers: the exponent's bias goes from 15 to 127. Infinity and
    // NaN: the exponent becomes 255.
    Value normal = b.add(rest, b.constant((127 - 15) << 23));
    Value special = b.add(rest, b.constant((255 - 31) << 23));
    // Denormals: an f32 subtraction normalises.
    Value magic = b.constant(113 << 23);
    Value denormal = b.asI32(arith::SubFOp::create(
        rewriter, loc, b.asF32(b.add(rest, magic)), b.asF32(magic)));
    Value result = b.select(b.atLeast(rest, 0x0f800000), special, normal);
    result = b.select(b.atLeast(rest, 0x00800000), result, denormal);
    rewriter.replaceOp(op, b.asF32(b.either(result, sign)));
    return success();
  }
};

/// arith.truncf %x : f32 to f16  ->  integer arithmetic, to nearest even
class ExpandTruncF final : public OpRewritePattern<arith::TruncFOp> {
public:
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF16() ||
        !getElementTypeOrSelf(op.getIn().getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not from f32 to f16");
    Location loc = op.getLoc();
    Bits b(rewriter, loc, op.getType());
    Value pattern = b.asI32(op.getIn());
    Value sign = b.mask(pattern, 0x80000000);
    Value rest = b.mask(pattern, 0x7fffffff);
    // Normal numbers: change the bias and round the 13 bits that fall away.
    Value odd = b.mask(b.shr(rest, 13), 1);
    Value rounded =
        b.add(b.sub(rest, b.constant((127 - 15) << 23)), b.constant(0xfff));
    Value normal = b.shr(b.add(rounded, odd), 13);
    // Denormals: an f32 addition aligns and rounds.
    Value magic = b.constant(((127 - 15) + (23 - 10) + 1) << 23);
    Value denormal = b.sub(b.asI32(arith::AddFOp::create(
                               rewriter, loc, b.asF32(rest), b.asF32(magic))),
                           magic);
    // From 65520 on infinity; a NaN keeps the top of its payload and is quiet.
    Value nan = b.either(b.mask(b.shr(rest, 13), 0x1ff), b.constant(0x7e00));
    Value special =
        b.select(b.atLeast(rest, 0x7f800001), nan, b.constant(0x7c00));
    Value result = b.select(b.atLeast(rest, 113 << 23), normal, denormal);
    result = b.select(b.atLeast(rest, 0x477ff000), special, result);
    result = b.either(result, b.shr(sign, 16));
    Value half = arith::TruncIOp::create(rewriter, loc,
                                         b.like(rewriter.getI16Type()), result);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), half);
    return success();
  }
};

class ExpandF16Pass final
    : public transmamba::impl::ExpandF16Base<ExpandF16Pass> {
public:
  using ExpandF16Base::ExpandF16Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(kKernelAttrName))
      return;
    RewritePatternSet patterns(&getContext());
    populateExpandF16Patterns(patterns);
    if (failed(applyPatternsGreedily(function, std::move(patterns))))
      return signalPassFailure();
  }
};
} // namespace

void transmamba::populateExpandF16Patterns(RewritePatternSet &patterns) {
  patterns.add<ExpandExtF, ExpandTruncF>(patterns.getContext());
}
