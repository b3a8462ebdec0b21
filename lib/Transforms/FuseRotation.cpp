//===- FuseRotation.cpp - Rotate keys on their way to a cache -------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Transforms/FuseRotation.h"
#include "transmamba/Transforms/Passes.h"

namespace transmamba {
#define GEN_PASS_DEF_FUSEROTATION
#include "transmamba/Transforms/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

bool transmamba::fuseRotation(AppendKVOp op) {
  auto rope = op.getK().getDefiningOp<RopeOp>();
  if (!rope || !rope->hasOneUse() || op.getRopeTheta() ||
      rope.getPositions() != op.getPositions())
    return false;
  op.getKMutable().assign(rope.getInput());
  op.setRopeThetaAttr(rope.getThetaAttr());
  op.setRotaryDimAttr(rope.getRotaryDimAttr());
  op.setInterleaved(rope.getInterleaved());
  rope.erase();
  return true;
}

namespace {
class FuseRotation final
    : public transmamba::impl::FuseRotationBase<FuseRotation> {
public:
  using FuseRotationBase::FuseRotationBase;

  void runOnOperation() override {
    getOperation()->walk([&](AppendKVOp op) { numFused += fuseRotation(op); });
  }
};
} // namespace
