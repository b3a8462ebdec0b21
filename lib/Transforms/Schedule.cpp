//===- Schedule.cpp - Write TransPoints down ------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "DropStates.h"

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "transmamba/Transforms/Passes.h"

namespace transmamba {
#define GEN_PASS_DEF_SCHEDULEMODEL
#include "transmamba/Transforms/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

namespace {
/// The TransPoint of every hybrid layer of a module.
using LayerPoints = llvm::DenseMap<int64_t, int64_t>;

class ScheduleModel final
    : public transmamba::impl::ScheduleModelBase<ScheduleModel> {
public:
  using ScheduleModelBase::ScheduleModelBase;

  void runOnOperation() override;

private:
  template <typename OpT> LogicalResult resolve(OpT op);
  void countLayers();
  void takeOneReading(Operation *op);
  bool isUnused(Type type) const;
  void simplify();

  ScheduleAttr schedule;
  /// Absent in a module whose TransPoints somebody else wrote down.
  std::optional<int64_t> maxSequence;
  LayerPoints points;
};
} // namespace

/// Writes the TransPoint on an operation that has none, and remembers it.
template <typename OpT> LogicalResult ScheduleModel::resolve(OpT op) {
  int64_t layer = op.getLayerAttr().getInt();
  if (!op.getPointAttr()) {
    StringRef missing;
    if (!schedule)
      missing = TransMambaDialect::kScheduleAttr;
    else if (!maxSequence)
      missing = TransMambaDialect::kMaxSequenceAttr;
    if (!missing.empty())
      return op.emitOpError("of layer ")
             << layer << " has no TransPoint, and the module has no attribute '"
             << missing << "' to take it from";
    op.setPointAttr(Builder(op).getI64IntegerAttr(schedule.getPoint(layer)));
    ++numResolved;
  }
  int64_t point = op.getPointAttr().getInt();
  auto [it, inserted] = points.try_emplace(layer, point);
  if (it->second != point)
    return op.emitOpError("gives layer ")
           << layer << " the TransPoint " << point << ", after " << it->second
           << " elsewhere: a layer has one";
  return success();
}

void ScheduleModel::countLayers() {
  for (auto [layer, point] : points) {
    numScanOnly += point == 0;
    numAttentionOnly += maxSequence && point >= *maxSequence;
  }
}

/// What a TransPoint of 0, or one that no sequence exceeds, decides and no
/// folder knows: how long sequences are is known to the module only.
//
//   transpoint %T at P, P >= max_sequence            -> %T
//   select_reading %a, %s transpoint P, likewise     -> %a
//   append_kv of a layer with P = 0 (no capacity)    -> the cache
void ScheduleModel::takeOneReading(Operation *op) {
  Value replacement;
  auto attends = [&](IntegerAttr point) {
    return maxSequence && point.getInt() >= *maxSequence;
  };
  if (auto transpoint = dyn_cast<TransPointOp>(op)) {
    if (attends(transpoint.getPointAttr()))
      replacement = transpoint.getTokens();
  } else if (auto select = dyn_cast<SelectReadingOp>(op)) {
    if (attends(select.getPointAttr()))
      replacement = select.getAttention();
  } else if (auto append = dyn_cast<AppendKVOp>(op)) {
    auto it = points.find(append.getCache().getType().getLayer());
    if (it != points.end() && it->second == 0)
      replacement = append.getCache();
  }
  if (!replacement)
    return;
  op->getResult(0).replaceAllUsesWith(replacement);
  op->erase();
}

/// State that a layer of one reading has no use for.
bool ScheduleModel::isUnused(Type type) const {
  auto state = dyn_cast<StateTypeInterface>(type);
  if (!state)
    return false;
  auto it = points.find(state.getLayer());
  if (it == points.end())
    return false;
  if (isa<KVCacheType>(type))
    return it->second == 0;
  return isa<SSMStateType>(type) && maxSequence && it->second >= *maxSequence;
}

/// Canonicalizes, and with it removes what runs over no tokens.
void ScheduleModel::simplify() {
  RewritePatternSet patterns(&getContext());
  for (Dialect *dialect : getContext().getLoadedDialects())
    dialect->getCanonicalizationPatterns(patterns);
  for (RegisteredOperationName op : getContext().getRegisteredOperations())
    op.getCanonicalizationPatterns(patterns, &getContext());
  populateNoTokensPatterns(patterns);
  // Every intermediate result is valid: not to converge is no failure.
  (void)applyPatternsGreedily(getOperation(), std::move(patterns));
}

void ScheduleModel::runOnOperation() {
  ModuleOp module = getOperation();
  schedule =
      module->getAttrOfType<ScheduleAttr>(TransMambaDialect::kScheduleAttr);
  maxSequence.reset();
  if (auto attribute = module->getAttrOfType<IntegerAttr>(
          TransMambaDialect::kMaxSequenceAttr))
    maxSequence = attribute.getValue().getSExtValue();
  points.clear();

  WalkResult result = module.walk([&](Operation *op) {
    LogicalResult resolved = success();
    if (auto transpoint = dyn_cast<TransPointOp>(op))
      resolved = resolve(transpoint);
    else if (auto select = dyn_cast<SelectReadingOp>(op))
      resolved = resolve(select);
    return failed(resolved) ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (result.wasInterrupted())
    return signalPassFailure();
  countLayers();

  module.walk([&](Operation *op) { takeOneReading(op); });
  simplify();
  numDroppedStates +=
      dropDeadStates(module, [&](Type type) { return isUnused(type); });
  simplify();
}
