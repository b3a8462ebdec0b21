//===- SplitLoops.cpp - Loops cut where a condition changes ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Tile/Transforms/ShortForms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace transmamba::tile;

/// The condition of an operation that has one, or null.
static Value getCondition(Operation *op) {
  if (auto mask = dyn_cast<MaskOp>(op))
    return mask.getCondition();
  if (auto clear = dyn_cast<ClearRowsOp>(op))
    return clear.getCondition();
  return {};
}

/// What is known of a condition.
static std::optional<bool> evaluate(Value condition) {
  if (IntegerAttr constant; matchPattern(condition, m_Constant(&constant)))
    return !constant.getValue().isZero();
  Operation *op = condition.getDefiningOp();
  if (!isa_and_nonnull<arith::OrIOp, arith::AndIOp>(op))
    return std::nullopt;
  // One side decides where it is this.
  bool decisive = isa<arith::OrIOp>(op);
  std::optional<bool> a = evaluate(op->getOperand(0)),
                      b = evaluate(op->getOperand(1));
  if (a == decisive || b == decisive)
    return decisive;
  return a && b ? std::optional(!decisive) : std::nullopt;
}

/// A comparison of the index of the loop on which the condition depends.
static arith::CmpIOp findComparison(Value condition, scf::ForOp loop) {
  Operation *op = condition.getDefiningOp();
  if (isa_and_nonnull<arith::OrIOp, arith::AndIOp>(op)) {
    for (Value side : op->getOperands())
      if (!evaluate(side))
        if (arith::CmpIOp found = findComparison(side, loop))
          return found;
    return {};
  }
  auto compare = dyn_cast_or_null<arith::CmpIOp>(op);
  bool cuts = compare && compare->getBlock() == loop.getBody() &&
              compare.getLhs() == loop.getInductionVar() &&
              loop.isDefinedOutsideOfLoop(compare.getRhs()) &&
              (compare.getPredicate() == arith::CmpIPredicate::slt ||
               compare.getPredicate() == arith::CmpIPredicate::sge);
  return cuts ? compare : arith::CmpIOp();
}

/// A comparison at which the loop can be cut, or null.
static arith::CmpIOp findCut(scf::ForOp loop) {
  if (!isOneInteger(loop.getStep()))
    return {};
  for (Operation &op : loop.getBody()->without_terminator())
    if (Value condition = getCondition(&op); condition && !evaluate(condition))
      if (arith::CmpIOp found = findComparison(condition, loop))
        return found;
  return {};
}

static void setResult(arith::CmpIOp compare, bool value) {
  OpBuilder builder(compare);
  compare.replaceAllUsesWith(
      arith::ConstantIntOp::create(builder, compare.getLoc(), value, 1)
          .getResult());
  compare.erase();
}

/// Returns the first part; `loop` becomes the second.
static scf::ForOp cut(scf::ForOp loop, arith::CmpIOp compare) {
  OpBuilder builder(loop);
  Location loc = loop.getLoc();
  Value bound = arith::MinSIOp::create(
      builder, loc,
      arith::MaxSIOp::create(builder, loc, compare.getRhs(),
                             loop.getLowerBound()),
      loop.getUpperBound());
  IRMapping mapping;
  auto first = cast<scf::ForOp>(builder.clone(*loop, mapping));
  first.setUpperBound(bound);
  loop.setLowerBound(bound);
  loop.getInitArgsMutable().assign(first.getResults());
  bool isTrueFirst = compare.getPredicate() == arith::CmpIPredicate::slt;
  setResult(mapping.lookup(compare.getResult()).getDefiningOp<arith::CmpIOp>(),
            isTrueFirst);
  setResult(compare, !isTrueFirst);
  return first;
}

void transmamba::tile::splitLoops(KernelOp kernel) {
  SmallVector<scf::ForOp> loops;
  kernel.walk([&](scf::ForOp loop) { loops.push_back(loop); });
  while (!loops.empty()) {
    scf::ForOp loop = loops.pop_back_val();
    if (arith::CmpIOp compare = findCut(loop))
      loops.append({loop, cut(loop, compare)});
  }
  // What is known now.
  kernel.walk([](Operation *op) {
    std::optional<bool> known;
    if (Value condition = getCondition(op))
      known = evaluate(condition);
    if (!known)
      return;
    if (auto mask = dyn_cast<MaskOp>(op)) {
      if (*known)
        mask.getConditionMutable().clear();
      else
        mask.replaceAllUsesWith(mask.getSource());
    } else if (*known) {
      cast<ClearRowsOp>(op).getConditionMutable().clear();
    }
    if (!*known)
      op->erase();
  });
}
