//===- FuseElementwise.cpp - Fuse pointwise ops on whole tensors ----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "transmamba/Conversion/TransMambaToLinalg/TransMambaToLinalg.h"

namespace transmamba {
#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "transmamba/Conversion/TransMambaToLinalg/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

/// Whether an element of the result costs more than a few cycles.
static bool isCostly(linalg::LinalgOp op) {
  return llvm::any_of(*op.getBlock(), [](Operation &inner) {
    return isa<arith::DivFOp>(inner) ||
           isa_and_nonnull<math::MathDialect>(inner.getDialect());
  });
}

/// Whether the producer of `operand` may become part of its consumer.
static bool mayFuse(OpOperand *operand) {
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
  if (!consumer || !producer || !producer->hasOneUse())
    return false;
  if (linalg::isaContractionOpInterface(consumer))
    return false;
  bool isBroadcast = consumer.getMatchingIndexingMap(operand).getNumResults() <
                     consumer.getNumLoops();
  return !isBroadcast || !isCostly(producer);
}

/// outs(%producer), whose elements the body does not look at
///   -> outs(%empty), the tensor that the producer writes to.
/// Else this use keeps the producer as it is.
static void dropUnusedOutputs(linalg::LinalgOp op) {
  for (OpOperand &output : op.getDpsInitsMutable()) {
    if (op.payloadUsesValueFromOperand(&output))
      continue;
    Value origin = output.get();
    while (auto producer = origin.getDefiningOp<linalg::LinalgOp>())
      origin = producer.getTiedOpOperand(cast<OpResult>(origin))->get();
    if (origin.getDefiningOp<tensor::EmptyOp>())
      output.set(origin);
  }
}

namespace {
struct FuseElementwise
    : transmamba::impl::FuseElementwiseBase<FuseElementwise> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, mayFuse);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    // The bodies of workgroups are made as they should be.
    SmallVector<Operation *> ops;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<scf::ForallOp>(op))
        return WalkResult::skip();
      if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
        dropUnusedOutputs(linalgOp);
        ops.push_back(op);
      }
      return WalkResult::advance();
    });
    GreedyRewriteConfig config;
    config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
    if (failed(applyOpPatternsGreedily(ops, std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
