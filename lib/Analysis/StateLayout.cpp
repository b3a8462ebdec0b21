//===- StateLayout.cpp - How states lie in memory -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Analysis/StateLayout.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace transmamba;

StateLayout::StateLayout(ModuleOp module)
    : schedule(module->getAttrOfType<ScheduleAttr>(
          TransMambaDialect::kScheduleAttr)) {
  if (auto bound = module->getAttrOfType<IntegerAttr>(
          TransMambaDialect::kMaxSequenceAttr))
    maxSequence = bound.getInt();
}

std::optional<int64_t> StateLayout::getTransPoint(int64_t layer) const {
  if (!schedule)
    return std::nullopt;
  return schedule.getPoint(layer);
}

std::optional<int64_t> StateLayout::getCapacity(int64_t layer) const {
  std::optional<int64_t> point = getTransPoint(layer);
  if (!point || !maxSequence)
    return point ? point : maxSequence;
  return std::min(*point, *maxSequence);
}

RankedTensorType StateLayout::getTensorType(StateTypeInterface state) const {
  ArrayRef<int64_t> own = state.getShape();
  SmallVector<int64_t> shape = {ShapedType::kDynamic};
  if (isa<KVCacheType>(state)) {
    std::optional<int64_t> capacity = getCapacity(state.getLayer());
    if (!capacity)
      return {};
    shape.append({2, own[0], *capacity, own[1]});
  } else {
    shape.append(own.begin(), own.end());
  }
  return RankedTensorType::get(shape, state.getElementType());
}
