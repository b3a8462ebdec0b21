//===- SplitHeads.cpp - Heads as columns of a tensor ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "SplitHeads.h"

#include "Launches.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace transmamba;

/// Sees through a slice of the first tokens of all rows and heads. More tokens
/// at the end change nothing for the kernels: attention is causal, and a scan
/// takes no step where dt ends.
static Value dropPrefixSlice(Value heads) {
  auto slice = heads.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice || slice.getSourceType().getRank() != 4 ||
      slice.getType().getRank() != 4 || !slice.hasUnitStride() ||
      !llvm::all_of(slice.getMixedOffsets(), isZeroInteger))
    return heads;
  for (int64_t dim : {2, 3})
    if (slice.getType().getDimSize(dim) !=
        slice.getSourceType().getDimSize(dim))
      return heads;
  return slice.getSource();
}

SplitHeads transmamba::findColumns(Value heads, OpBuilder &builder) {
  heads = dropPrefixSlice(heads);
  SmallVector<ReassociationIndices> groups = {{0}, {1}, {2, 3}};
  auto expand = heads.getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand || expand.getReassociationIndices() != groups) {
    Value joined =
        tensor::CollapseShapeOp::create(builder, heads.getLoc(), heads, groups);
    return {joined, 0};
  }
  return findColumns(expand.getSrc());
}

SplitHeads transmamba::findColumns(Value source) {
  auto slice = source.getDefiningOp<tensor::ExtractSliceOp>();
  // From the first row and token on; what it leaves out at the end, see above.
  auto takesColumns = [&] {
    return slice.getSourceType().getRank() == 3 &&
           slice.getType().getRank() == 3 && slice.hasUnitStride() &&
           hasAlignedRows(slice.getSourceType()) &&
           isZeroInteger(slice.getMixedOffsets()[0]) &&
           isZeroInteger(slice.getMixedOffsets()[1]) &&
           getConstantIntValue(slice.getMixedOffsets()[2]).has_value();
  };
  if (slice && takesColumns())
    return {slice.getSource(),
            *getConstantIntValue(slice.getMixedOffsets()[2])};
  return {source, 0};
}

HeadColumns transmamba::describe(const SplitHeads &columns, Value heads) {
  return {cast<RankedTensorType>(columns.tensor.getType()), columns.first,
          cast<RankedTensorType>(heads.getType()).getDimSize(2)};
}
