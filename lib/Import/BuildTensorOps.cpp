//===- BuildTensorOps.cpp - Operations on each token by itself ------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "EntryBuilder.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

void EntryBuilder::buildEmbedding(const ModelOp &op) {
  setOutput(op,
            EmbeddingOp::create(builder, loc, getOutputType(op),
                                getInput(op, 0), getParameter(op, "weight")));
}

/// Rows and tokens together: [B, T, C] -> [B * T, C].
Value EntryBuilder::buildRows(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getRank() == 2)
    return tensor;
  return tensor::CollapseShapeOp::create(
      builder, loc,
      getType({ShapedType::kDynamic, type.getDimSize(2)},
              type.getElementType()),
      tensor, ArrayRef<ReassociationIndices>{{0, 1}, {2}});
}

void EntryBuilder::buildLinear(const ModelOp &op) {
  const GraphTensor &output = model.tensors[op.outputs[0]];
  Value input = buildRows(getInput(op, 0));
  Value weight = getParameter(op, "weight");
  // Without tokens there is one row a sequence.
  Value numRows = hasTokens(output) ? rows : batch;
  auto f32 =
      getType({ShapedType::kDynamic, output.dims[0]}, builder.getF32Type());
  Value init = tensor::EmptyOp::create(builder, loc, f32, numRows);
  if (Value bias = getParameter(op, "bias"))
    init = linalg::BroadcastOp::create(builder, loc, bias, init,
                                       ArrayRef<int64_t>{0})
               ->getResult(0);
  else
    init = linalg::FillOp::create(builder, loc, getZero(), init).getResult(0);
  Value result =
      linalg::MatmulOp::create(builder, loc, TypeRange{f32},
                               ValueRange{input, weight}, ValueRange{init})
          .getResult(0);
  RankedTensorType type = getOutputType(op);
  if (type.getElementType() != f32.getElementType())
    result = arith::TruncFOp::create(
        builder, loc, getType(f32.getShape(), type.getElementType()), result);
  if (type.getRank() == 3)
    result = tensor::ExpandShapeOp::create(
        builder, loc, type, result, ArrayRef<ReassociationIndices>{{0, 1}, {2}},
        getSizes(output));
  setOutput(op, result);
}

void EntryBuilder::buildNorm(const ModelOp &op) {
  FloatAttr eps = getFloat(op.getFloat("eps"));
  Value weight = getParameter(op, "weight");
  if (op.spec->kind == OpKind::RMSNorm)
    return setOutput(op, RMSNormOp::create(builder, loc, getOutputType(op),
                                           getInput(op, 0), weight, eps));
  setOutput(op, GatedRMSNormOp::create(
                    builder, loc, getOutputType(op), getInput(op, 0),
                    getInput(op, 1), weight, /*positions=*/Value(),
                    /*point=*/IntegerAttr(), eps,
                    getInteger(op.getInteger("groups").value_or(1)),
                    getUnit(op.getFlag("norm_before_gate"))));
}

void EntryBuilder::buildPointwise(const ModelOp &op) {
  switch (op.spec->kind) {
  case OpKind::Add:
    return setOutput(op, arith::AddFOp::create(builder, loc, getInput(op, 0),
                                               getInput(op, 1)));
  case OpKind::Multiply:
    return setOutput(op, arith::MulFOp::create(builder, loc, getInput(op, 0),
                                               getInput(op, 1)));
  default:
    // The table of operations and the dialect use the same names.
    return setOutput(
        op, ActivateOp::create(builder, loc, getOutputType(op),
                               *symbolizeActivation(op.getText("function")),
                               getInput(op, 0)));
  }
}

void EntryBuilder::buildCast(const ModelOp &op) {
  Value input = getInput(op, 0);
  RankedTensorType type = getOutputType(op);
  if (input.getType() == type)
    return setOutput(op, input);
  if (type.getElementType().isF32())
    return setOutput(op, arith::ExtFOp::create(builder, loc, type, input));
  setOutput(op, arith::TruncFOp::create(builder, loc, type, input));
}

Value EntryBuilder::buildSlice(Value tensor, RankedTensorType type,
                               ArrayRef<OpFoldResult> offsets,
                               ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, type, tensor, offsets,
                                        sizes, strides);
}

/// `slice` and `split`: ranges of the last dimension.
void EntryBuilder::buildSlices(const ModelOp &op) {
  int64_t offset =
      op.spec->kind == OpKind::Slice ? *op.getInteger("offset") : 0;
  for (auto [number, output] : llvm::enumerate(op.outputs)) {
    const GraphTensor &type = model.tensors[output];
    SmallVector<OpFoldResult> sizes = getSizes(type);
    SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0));
    offsets.back() = builder.getIndexAttr(offset);
    setOutput(op, buildSlice(getInput(op, 0), getType(type), offsets, sizes),
              number);
    offset += type.dims.back();
  }
}

void EntryBuilder::buildHeads(const ModelOp &op) {
  if (op.spec->kind == OpKind::JoinHeads)
    return setOutput(op, joinHeads(getInput(op, 0)));
  const GraphTensor &output = model.tensors[op.outputs[0]];
  setOutput(op, tensor::ExpandShapeOp::create(
                    builder, loc, getType(output), getInput(op, 0),
                    ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3}},
                    getSizes(output)));
}

void EntryBuilder::buildLastToken(const ModelOp &op) {
  switch (entry) {
  case Entry::Forward:
    // Logits of every token are wanted.
    return setOutput(op, getInput(op, 0));
  case Entry::Prefill:
    return setOutput(op, LastTokenOp::create(builder, loc, getOutputType(op),
                                             getInput(op, 0), lengths));
  case Entry::Decode:
    return setOutput(op, buildRows(getInput(op, 0)));
  }
}
