//===- TransMambaFolders.cpp - Folders and canonicalizers -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// What P = 0 and P >= T leave behind: operations over no tokens disappear, and
// with them the reading that a layer does not use.
//
//===----------------------------------------------------------------------===//

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace transmamba;

OpFoldResult TransPointOp::fold(FoldAdaptor adaptor) {
  std::optional<uint64_t> point = getPoint();
  if (!point)
    return {};
  if (*point == 0)
    return IntegerAttr::get(IndexType::get(getContext()), 0);
  // min(P, tokens) with both known.
  if (auto tokens = dyn_cast_or_null<IntegerAttr>(adaptor.getTokens()))
    return IntegerAttr::get(IndexType::get(getContext()),
                            std::min<int64_t>(*point, tokens.getInt()));
  return {};
}

OpFoldResult SelectReadingOp::fold(FoldAdaptor) {
  // P = 0: no token attends.
  if (getPoint() && *getPoint() == 0)
    return getSsm();
  return {};
}

/// Whether the type says that there are no tokens (dimension 1).
static bool hasNoTokens(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1) == 0;
}

// append_kv of no tokens -> cache
OpFoldResult AppendKVOp::fold(FoldAdaptor) {
  if (hasNoTokens(getK()) || hasNoTokens(getV()))
    return getCache();
  return {};
}

/// An empty tensor of the type and shape of a result of `op`.
static Value createEmptyLike(PatternRewriter &rewriter, Operation *op,
                             unsigned result = 0) {
  ReifiedRankedShapedTypeDims shapes;
  if (failed(reifyResultShapes(rewriter, op, shapes)))
    return {};
  auto type = cast<RankedTensorType>(op->getResult(result).getType());
  return tensor::EmptyOp::create(rewriter, op->getLoc(), shapes[result],
                                 type.getElementType(), type.getEncoding());
}

// attention over zero queries -> empty tensors
static LogicalResult foldEmptyAttention(AttentionOp op,
                                        PatternRewriter &rewriter) {
  if (!hasNoTokens(op.getResult()))
    return rewriter.notifyMatchFailure(op, "has tokens");
  SmallVector<Value> empty;
  for (unsigned result = 0; result < op->getNumResults(); ++result) {
    empty.push_back(createEmptyLike(rewriter, op, result));
    if (!empty.back())
      return rewriter.notifyMatchFailure(op, "shape cannot be reified");
  }
  rewriter.replaceOp(op, empty);
  return success();
}

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *) {
  patterns.add(foldEmptyAttention);
}

// ssd_scan over zero tokens -> (an empty tensor, init)
static LogicalResult foldEmptyScan(SSDScanOp op, PatternRewriter &rewriter) {
  if (!hasNoTokens(op.getResult()))
    return rewriter.notifyMatchFailure(op, "has tokens");
  if (!op.getInit() && !op.getState().use_empty())
    return rewriter.notifyMatchFailure(op, "a zero state is wanted");
  Value empty = createEmptyLike(rewriter, op);
  if (!empty)
    return rewriter.notifyMatchFailure(op, "shape cannot be reified");
  if (!op.getState().use_empty())
    rewriter.replaceAllUsesWith(op.getState(), op.getInit());
  rewriter.replaceAllUsesWith(op.getResult(), empty);
  rewriter.eraseOp(op);
  return success();
}

// ssd_scan init(convert_memory over zero tokens) -> ssd_scan without init:
// the state before the first token is zero.
static LogicalResult dropZeroInit(SSDScanOp op, PatternRewriter &rewriter) {
  if (!op.getInit())
    return rewriter.notifyMatchFailure(op, "has no init");
  auto convert = op.getInit().getDefiningOp<ConvertMemoryOp>();
  if (!convert || !hasNoTokens(convert.getK()))
    return rewriter.notifyMatchFailure(op, "init is not a zero state");
  if (op.getStart() && !matchPattern(op.getStart(), m_Zero()))
    return rewriter.notifyMatchFailure(op, "starts after other tokens");
  rewriter.modifyOpInPlace(op, [&] { op.getInitMutable().clear(); });
  return success();
}

// ssd_scan start(0) -> ssd_scan: the default.
static LogicalResult dropZeroStart(SSDScanOp op, PatternRewriter &rewriter) {
  if (!op.getStart() || !matchPattern(op.getStart(), m_Zero()))
    return rewriter.notifyMatchFailure(op, "does not start at zero");
  rewriter.modifyOpInPlace(op, [&] { op.getStartMutable().clear(); });
  return success();
}

void SSDScanOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *) {
  patterns.add(foldEmptyScan);
  patterns.add(dropZeroInit);
  patterns.add(dropZeroStart);
}
