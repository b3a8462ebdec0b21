//===- FuseSwitchPass.cpp - The pass around the fusion patterns -----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Rewrite/PatternApplicator.h"
#include "mlir/Transforms/RegionUtils.h"
#include "transmamba/Transforms/Passes.h"

namespace transmamba {
#define GEN_PASS_DEF_FUSESWITCH
#include "transmamba/Transforms/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

namespace {
/// Turns the reason of a failed match into a remark.
struct Explainer final : RewriterBase::Listener {
  void
  notifyMatchFailure(Location loc,
                     function_ref<void(Diagnostic &)> reasonCallback) override {
    Diagnostic reason(loc, DiagnosticSeverity::Remark);
    reasonCallback(reason);
    emitRemark(loc) << "not fused to a transmamba.switch: " << reason.str();
  }
};

class FuseSwitch final : public transmamba::impl::FuseSwitchBase<FuseSwitch> {
public:
  using FuseSwitchBase::FuseSwitchBase;

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    populateFuseSwitchPatterns(set);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override;

private:
  FrozenRewritePatternSet patterns;
};
} // namespace

/// Whether operands of a concatenation come from an attention or a scan, so
/// that a reader may wonder why it was not fused.
static bool joinsReadings(tensor::ConcatOp op) {
  return llvm::any_of(op.getInputs(), [](Value input) {
    for (Operation *def = input.getDefiningOp(); def;
         def = def->getOperand(0).getDefiningOp()) {
      if (isa<AttentionOp, SSDScanOp>(def))
        return true;
      if (!isa<tensor::CollapseShapeOp, GatedRMSNormOp>(def))
        return false;
    }
    return false;
  });
}

void FuseSwitch::runOnOperation() {
  SmallVector<Operation *> roots;
  getOperation()->walk([&](Operation *op) {
    auto concat = dyn_cast<tensor::ConcatOp>(op);
    if (isa<SelectReadingOp>(op) || (concat && joinsReadings(concat)))
      roots.push_back(op);
  });

  // Fusing one root never erases another, so each is visited once: that is also
  // what keeps a remark from being repeated.
  Explainer explainer;
  PatternRewriter rewriter(&getContext());
  if (explain)
    rewriter.setListener(&explainer);
  PatternApplicator applicator(patterns);
  applicator.applyDefaultCostModel();
  for (Operation *root : roots) {
    bool isPrefill = isa<tensor::ConcatOp>(root);
    if (succeeded(applicator.matchAndRewrite(root, rewriter)))
      ++(isPrefill ? numPrefill : numDecode);
  }

  // Slices and rotations that only the replaced operations read.
  for (Region &region : getOperation()->getRegions())
    (void)runRegionDCE(rewriter, region);
}
