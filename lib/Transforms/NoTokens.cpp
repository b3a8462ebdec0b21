//===- NoTokens.cpp - Operations over no tokens disappear -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// At P = 0 the tokens before the TransPoint are none, at P >= T those from it
// on. The folders of the dialect (TransMambaFolders.cpp) remove its own
// operations over none; the patterns here bring the zero to them, and remove
// what is left of upstream operations.
//
//===----------------------------------------------------------------------===//

#include "Dimensions.h"

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "transmamba/Transforms/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Static sizes behind casts
//===----------------------------------------------------------------------===//

/// The tensor operands of an operation of the dialect whose first two
/// dimensions are its rows and its tokens, the same for all.
static SmallVector<OpOperand *> getTokenOperands(Operation *op) {
  using Operands = SmallVector<OpOperand *>;
  auto first = [&](unsigned count) {
    Operands operands;
    for (unsigned number = 0; number < count; ++number)
      operands.push_back(&op->getOpOperand(number));
    return operands;
  };
  return llvm::TypeSwitch<Operation *, Operands>(op)
      .Case<EmbeddingOp, ActivateOp, RMSNormOp, CausalConv1DOp, RopeOp,
            CachedAttentionOp>([&](auto) { return first(1); })
      .Case<GatedRMSNormOp, SelectReadingOp>([&](auto) { return first(2); })
      .Case([&](AttentionOp attention) {
        return attention.getCausal() ? first(3) : Operands();
      })
      .Case([&](ConvertMemoryOp) { return first(3); })
      .Case<SSDScanOp, SwitchOp>([&](auto) { return first(4); })
      .Case([&](AppendKVOp) {
        return Operands{&op->getOpOperand(1), &op->getOpOperand(2)};
      })
      .Case([&](SelectiveScanOp scan) {
        return Operands{&scan.getUMutable(), &scan.getDtMutable(),
                        &scan.getBMutable(), &scan.getCMutable()};
      })
      .Default([](Operation *) { return Operands(); });
}

/// The type of a value, or of what was cast to it.
static RankedTensorType getTypeBehindCast(Value value) {
  if (auto castOp = value.getDefiningOp<tensor::CastOp>())
    if (auto type = dyn_cast<RankedTensorType>(castOp.getSource().getType()))
      return type;
  return cast<RankedTensorType>(value.getType());
}

/// `type` with its dynamic rows and tokens replaced by the static sizes known.
static RankedTensorType refine(RankedTensorType type, ArrayRef<int64_t> known) {
  SmallVector<int64_t> shape(type.getShape());
  for (auto [size, other] : llvm::zip(shape, known))
    if (ShapedType::isDynamic(size))
      size = other;
  return type.clone(shape);
}

namespace {
// op(cast(x) : tensor<?x?x..>) -> cast(op(x)), for operations of the dialect:
// where one operand has a static number of rows or tokens, all have.
struct RefineTokens final : RewritePattern {
  RefineTokens(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    SmallVector<OpOperand *> operands = getTokenOperands(op);
    if (operands.empty())
      return rewriter.notifyMatchFailure(op, "has no token operands");
    SmallVector<int64_t> known(2, ShapedType::kDynamic);
    SmallVector<Value> values;
    for (OpOperand *operand : operands)
      values.push_back(operand->get());
    if (op->getNumResults() > 0 &&
        isa<RankedTensorType>(op->getResult(0).getType()))
      values.push_back(op->getResult(0));
    for (Value value : values)
      for (auto [size, own] :
           llvm::zip(known, getTypeBehindCast(value).getShape())) {
        if (ShapedType::isDynamic(own))
          continue;
        if (!ShapedType::isDynamic(size) && size != own)
          return rewriter.notifyMatchFailure(op, "sizes behind casts differ");
        size = own;
      }
    if (llvm::all_of(values, [&](Value value) {
          auto type = cast<RankedTensorType>(value.getType());
          return refine(type, known) == type;
        }))
      return rewriter.notifyMatchFailure(op, "no size becomes static");

    rewriter.modifyOpInPlace(op, [&] {
      for (OpOperand *operand : operands) {
        auto type = cast<RankedTensorType>(operand->get().getType());
        if (refine(type, known) != type)
          operand->set(tensor::CastOp::create(
              rewriter, op->getLoc(), refine(type, known), operand->get()));
      }
    });
    if (values.size() > operands.size())
      refineResult(op->getResult(0), known, rewriter);
    return success();
  }

private:
  static void refineResult(Value result, ArrayRef<int64_t> known,
                           PatternRewriter &rewriter) {
    auto type = cast<RankedTensorType>(result.getType());
    if (refine(type, known) == type)
      return;
    Operation *op = result.getDefiningOp();
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointAfter(op);
    rewriter.modifyOpInPlace(op, [&] { result.setType(refine(type, known)); });
    auto castOp = tensor::CastOp::create(rewriter, op->getLoc(), type, result);
    rewriter.replaceAllUsesExcept(result, castOp.getResult(), castOp);
  }
};

//===----------------------------------------------------------------------===//
// Tensors without elements
//===----------------------------------------------------------------------===//

// pure op : tensor<?x0xf32> -> tensor.empty : tensor<?x0xf32>
struct FoldEmptyResult final : RewritePattern {
  FoldEmptyResult(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !isMemoryEffectFree(op))
      return rewriter.notifyMatchFailure(op, "is no pure op of one result");
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || !llvm::is_contained(type.getShape(), 0))
      return rewriter.notifyMatchFailure(op, "result may have elements");
    if (isa<tensor::EmptyOp>(op) || matchPattern(op, m_Constant()))
      return rewriter.notifyMatchFailure(op, "is as simple as tensor.empty");
    SmallVector<OpFoldResult> sizes =
        getAsIndexOpFoldResult(op->getContext(), type.getShape());
    if (!type.hasStaticShape()) {
      ReifiedRankedShapedTypeDims shapes;
      if (failed(reifyResultShapes(rewriter, op, shapes)))
        return rewriter.notifyMatchFailure(op, "shape cannot be reified");
      sizes = shapes.front();
    }
    rewriter.replaceOpWithNewOp<tensor::EmptyOp>(
        op, sizes, type.getElementType(), type.getEncoding());
    return success();
  }
};

// concat(%a, %empty) -> %a
struct DropEmptyConcatInputs final : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ConcatOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Value> inputs =
        llvm::filter_to_vector(op.getInputs(), [&](Value input) {
          return getTypeBehindCast(input).getDimSize(op.getDim()) != 0;
        });
    if (inputs.size() == op.getInputs().size() || inputs.empty())
      return rewriter.notifyMatchFailure(op, "no input, or every, is empty");
    RankedTensorType type = op.getResultType();
    Value result = inputs.front();
    if (inputs.size() > 1) {
      RankedTensorType inferred =
          tensor::ConcatOp::inferResultType(op.getDim(), TypeRange(inputs));
      result = tensor::ConcatOp::create(rewriter, op.getLoc(), inferred,
                                        op.getDim(), inputs);
    }
    if (result.getType() != type) {
      if (!tensor::CastOp::areCastCompatible(result.getType(), type))
        return rewriter.notifyMatchFailure(op, "inputs do not fit the result");
      result = tensor::CastOp::create(rewriter, op.getLoc(), type, result);
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

// extract_slice %x[0, 0] [dim 0 of %x, dim 1 of %x] [1, 1] -> %x
struct FoldWholeSlice final : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = op.getType();
    if (op.getSourceType().getRank() != type.getRank())
      return rewriter.notifyMatchFailure(op, "reduces the rank");
    if (!op.hasUnitStride() ||
        !llvm::all_of(op.getMixedOffsets(), isZeroInteger))
      return rewriter.notifyMatchFailure(op, "starts later or strides");
    for (auto [dim, size] : llvm::enumerate(op.getMixedSizes()))
      if (!(getOrigin(size) == getOrigin(op.getSource(), dim)))
        return rewriter.notifyMatchFailure(op, "may be a part");
    Value source = op.getSource();
    if (source.getType() != type)
      source = tensor::CastOp::create(rewriter, op.getLoc(), type, source);
    rewriter.replaceOp(op, source);
    return success();
  }
};
} // namespace

void transmamba::populateNoTokensPatterns(RewritePatternSet &patterns) {
  patterns.add<RefineTokens, FoldEmptyResult, DropEmptyConcatInputs,
               FoldWholeSlice>(patterns.getContext());
}
