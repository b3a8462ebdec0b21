//===- Dimensions.cpp - Where a size comes from ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Dimensions.h"

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;
using namespace transmamba;

namespace {
/// One step towards the origin of a dimension: a dimension of another tensor,
/// or a size that an operation was given.
struct Step {
  Value tensor;
  int64_t dim = 0;
  OpFoldResult size;
};
} // namespace

/// Dimension `dim` of a collapsed tensor is one of the source only where it is
/// alone in its group.
static std::optional<Step> stepThrough(tensor::CollapseShapeOp op,
                                       int64_t dim) {
  ReassociationIndices group = op.getReassociationIndices()[dim];
  if (group.size() != 1)
    return std::nullopt;
  return Step{op.getSrc(), group.front(), {}};
}

static std::optional<Step> stepThrough(tensor::ExtractSliceOp op, int64_t dim) {
  if (op.getSourceType().getRank() != op.getType().getRank())
    return std::nullopt;
  return Step{{}, 0, op.getMixedSizes()[dim]};
}

static std::optional<Step> step(OpResult result, int64_t dim) {
  Operation *op = result.getOwner();
  if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    if (!isa<RankedTensorType>(cast.getSource().getType()))
      return std::nullopt;
    return Step{cast.getSource(), dim, {}};
  }
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return Step{{}, 0, empty.getMixedSizes()[dim]};
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return Step{{}, 0, expand.getMixedOutputShape()[dim]};
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return stepThrough(collapse, dim);
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return stepThrough(slice, dim);
  if (auto dps = dyn_cast<DestinationStyleOpInterface>(op))
    return Step{dps.getTiedOpOperand(result)->get(), dim, {}};
  if (OpTrait::hasElementwiseMappableTraits(op) &&
      isa<RankedTensorType>(op->getOperand(0).getType()))
    return Step{op->getOperand(0), dim, {}};
  // In the dialect, a dynamic dimension of the first result is the same of the
  // first operand; only last_token leaves one out.
  if (isa_and_present<TransMambaDialect>(op->getDialect()) &&
      isa<ReifyRankedShapedTypeOpInterface>(op) &&
      result.getResultNumber() == 0 && op->getNumOperands() > 0) {
    int64_t source = isa<LastTokenOp>(op) && dim > 0 ? dim + 1 : dim;
    auto type = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
    if (type && source < type.getRank())
      return Step{op->getOperand(0), source, {}};
  }
  return std::nullopt;
}

SizeOrigin transmamba::getOrigin(Value tensor, int64_t dim) {
  while (true) {
    int64_t size = cast<RankedTensorType>(tensor.getType()).getDimSize(dim);
    if (!ShapedType::isDynamic(size))
      return {{}, -1, size};
    auto result = dyn_cast<OpResult>(tensor);
    std::optional<Step> next = result ? step(result, dim) : std::nullopt;
    if (!next)
      return {tensor, dim, -1};
    if (next->size)
      return getOrigin(next->size);
    tensor = next->tensor;
    dim = next->dim;
  }
}

SizeOrigin transmamba::getOrigin(OpFoldResult size) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return {{}, -1, *constant};
  auto value = cast<Value>(size);
  if (auto dim = value.getDefiningOp<tensor::DimOp>())
    if (std::optional<int64_t> index = dim.getConstantIndex())
      if (auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
          type && *index >= 0 && *index < type.getRank())
        return getOrigin(dim.getSource(), *index);
  return {value, -1, -1};
}
