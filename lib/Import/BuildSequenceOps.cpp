//===- BuildSequenceOps.cpp - Operations that see other tokens ------------===//
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

void EntryBuilder::buildConv(const ModelOp &op) {
  // Prefill begins at the first token: the window before it is empty.
  unsigned state = op.states[0];
  auto conv = CausalConv1DOp::create(
      builder, loc, getOutputType(op), model.states[state].type,
      getInput(op, 0), getParameter(op, "weight"), getParameter(op, "bias"),
      isDecode() ? states[state] : Value(), lengths);
  states[state] = conv.getNextWindow();
  setOutput(op, conv.getResult());
}

Value EntryBuilder::rotate(const ModelOp &op, Value tensor) {
  StringRef theta = op.spec->kind == OpKind::Rope ? "theta" : "rope_theta";
  if (!op.getFloat(theta))
    return tensor;
  return RopeOp::create(builder, loc, tensor.getType(), tensor, positions,
                        getFloat(op.getFloat(theta)),
                        getInteger(op.getInteger("rotary_dim")),
                        getUnit(op.getFlag("interleaved")));
}

void EntryBuilder::buildRope(const ModelOp &op) {
  setOutput(op, rotate(op, getInput(op, 0)));
}

/// [B, T, H, D] -> [B, T, H * D].
Value EntryBuilder::joinHeads(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  ArrayRef<int64_t> shape = type.getShape();
  return tensor::CollapseShapeOp::create(
      builder, loc,
      getType({shape[0], shape[1], shape[2] * shape[3]}, type.getElementType()),
      tensor, ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3}});
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Attention to a cache has as many heads as q. Where k or v have more, each
/// head of q is repeated for those that share it.
Value EntryBuilder::repeatHeads(Value q, int64_t heads) {
  auto type = cast<RankedTensorType>(q.getType());
  ArrayRef<int64_t> shape = type.getShape();
  if (shape[2] == heads)
    return q;
  Type element = type.getElementType();
  Value empty = tensor::EmptyOp::create(
      builder, loc,
      getType({shape[0], shape[1], shape[2], heads / shape[2], shape[3]},
              element),
      batch);
  Value repeated =
      linalg::BroadcastOp::create(builder, loc, q, empty, ArrayRef<int64_t>{3})
          ->getResult(0);
  return tensor::CollapseShapeOp::create(
      builder, loc, getType({shape[0], shape[1], heads, shape[3]}, element),
      repeated, ArrayRef<ReassociationIndices>{{0}, {1}, {2, 3}, {4}});
}

/// One token a row: its key and value join the cache before it is read.
Value EntryBuilder::buildCachedAttention(const ModelOp &op, Value q, Value k,
                                         Value v, unsigned state,
                                         int64_t heads) {
  states[state] =
      AppendKVOp::create(builder, loc, states[state], k, v, positions,
                         /*lengths=*/Value());
  Value query = repeatHeads(q, heads);
  return CachedAttentionOp::create(
      builder, loc, query.getType(), query, states[state], positions,
      getFloat(op.getFloat("scale")), getInteger(op.getInteger("window")));
}

void EntryBuilder::buildAttention(const ModelOp &op) {
  Value q = getInput(op, 0), k = getInput(op, 1), v = getInput(op, 2);
  if (isDecode())
    return setOutput(
        op, buildCachedAttention(op, q, k, v, op.states[0],
                                 model.tensors[op.outputs[0]].dims[0]));
  setOutput(op, AttentionOp::create(builder, loc, getOutputType(op), q, k, v,
                                    lengths, getFloat(op.getFloat("scale")),
                                    getUnit(op.getFlag("causal", true)),
                                    getInteger(op.getInteger("window")))
                    .getResult());
  if (entry != Entry::Prefill)
    return;
  unsigned state = op.states[0];
  states[state] = AppendKVOp::create(builder, loc, states[state], k, v,
                                     /*positions=*/Value(), lengths);
}

//===----------------------------------------------------------------------===//
// Scans
//===----------------------------------------------------------------------===//

void EntryBuilder::buildSSDScan(const ModelOp &op) {
  unsigned state = op.states[0];
  auto scan = SSDScanOp::create(
      builder, loc, getOutputType(op), model.states[state].type,
      getInput(op, 0), getInput(op, 1), getInput(op, 2), getInput(op, 3),
      getParameter(op, "A_log"), getParameter(op, "D"),
      isDecode() ? states[state] : Value(), /*start=*/Value(), lengths,
      getInteger(op.getInteger("chunk")));
  states[state] = scan.getState();
  setOutput(op, scan.getResult());
}

void EntryBuilder::buildSelectiveScan(const ModelOp &op) {
  unsigned state = op.states[0];
  auto scan = SelectiveScanOp::create(
      builder, loc, getOutputType(op), model.states[state].type,
      getInput(op, 0), getInput(op, 1), getParameter(op, "A_log"),
      getInput(op, 2), getInput(op, 3), getParameter(op, "D"),
      isDecode() ? states[state] : Value(), lengths);
  states[state] = scan.getState();
  setOutput(op, scan.getResult());
}

//===----------------------------------------------------------------------===//
// The hybrid mixer
//===----------------------------------------------------------------------===//

void EntryBuilder::buildHybridMixer(const ModelOp &op) {
  return isDecode() ? buildHybridDecode(op) : buildHybridPrefill(op);
}

Value EntryBuilder::gate(const ModelOp &op, Value tensor, Value z) {
  return GatedRMSNormOp::create(
      builder, loc, tensor.getType(), tensor, z,
      getParameter(op, "gate_weight"), /*positions=*/Value(),
      /*point=*/IntegerAttr(), getFloat(op.getFloat("eps")),
      getInteger(op.getInteger("groups").value_or(1)),
      getUnit(op.getFlag("norm_before_gate")));
}

Value EntryBuilder::sliceTokens(Value tensor, OpFoldResult start, Value count) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes{batch, count};
  offsets[1] = start;
  for (int64_t size : type.getShape().drop_front(2))
    sizes.push_back(builder.getIndexAttr(size));
  return buildSlice(tensor, type, offsets, sizes);
}

/// Both readings over their tokens: attention up to the TransPoint, its memory
/// converted, the scan from there on.
void EntryBuilder::buildHybridPrefill(const ModelOp &op) {
  int64_t layer = *op.getInteger("layer");
  unsigned cache = op.states[0], state = op.states[1];
  Value point = TransPointOp::create(builder, loc, builder.getIndexType(),
                                     tokens, getInteger(layer),
                                     /*point=*/IntegerAttr());
  Value rest = arith::SubIOp::create(builder, loc, tokens, point);
  OpFoldResult first = builder.getIndexAttr(0);
  SmallVector<Value> before, after;
  for (unsigned number : {0, 1, 2, 3})
    before.push_back(sliceTokens(getInput(op, number), first, point));
  Value A = getParameter(op, "A_log");
  Value q = rotate(op, before[0]), k = rotate(op, before[1]), v = before[2];
  auto heads =
      cast<RankedTensorType>(v.getType())
          .clone({ShapedType::kDynamic, ShapedType::kDynamic,
                  getInputType(op, 3).dims[0], getInputType(op, 2).dims[1]});
  Value attended =
      AttentionOp::create(builder, loc, heads, q, k, v, lengths,
                          getFloat(op.getFloat("scale")), getUnit(true),
                          getInteger(op.getInteger("window")))
          .getResult();
  if (entry == Entry::Prefill)
    states[cache] = AppendKVOp::create(builder, loc, states[cache], k, v,
                                       /*positions=*/Value(), lengths);
  Value memory = ConvertMemoryOp::create(builder, loc, model.states[state].type,
                                         before[1], v, before[3], A, lengths);

  for (unsigned number = 0; number < op.inputs.size(); ++number)
    after.push_back(sliceTokens(getInput(op, number), point, rest));
  auto scan = SSDScanOp::create(builder, loc, heads, model.states[state].type,
                                after[0], after[1], after[2], after[3], A,
                                getParameter(op, "D"), memory, point, lengths,
                                getInteger(op.getInteger("chunk")));
  states[state] = scan.getState();
  attended = joinHeads(attended);
  Value scanned = joinHeads(scan.getResult());
  if (op.inputs.size() == 5)
    scanned = gate(op, scanned, after[4]);
  setOutput(op, tensor::ConcatOp::create(builder, loc, /*dim=*/1,
                                         ValueRange{attended, scanned}));
}

/// Both readings of one token; the position of its row decides.
void EntryBuilder::buildHybridDecode(const ModelOp &op) {
  unsigned state = op.states[1];
  int64_t numHeads = getInputType(op, 3).dims[0];
  Value q = getInput(op, 0), k = getInput(op, 1), v = getInput(op, 2);
  Value rotatedQ = rotate(op, q), rotatedK = rotate(op, k);
  Value attended = joinHeads(
      buildCachedAttention(op, rotatedQ, rotatedK, v, op.states[0], numHeads));
  auto type = cast<RankedTensorType>(v.getType());
  auto scan = SSDScanOp::create(
      builder, loc,
      type.clone({ShapedType::kDynamic, 1, numHeads, type.getDimSize(3)}),
      model.states[state].type, q, k, v, getInput(op, 3),
      getParameter(op, "A_log"), getParameter(op, "D"), states[state],
      /*start=*/Value(), /*lengths=*/Value(),
      getInteger(op.getInteger("chunk")));
  states[state] = scan.getState();
  Value scanned = joinHeads(scan.getResult());
  if (op.inputs.size() == 5)
    scanned = gate(op, scanned, getInput(op, 4));
  setOutput(op, SelectReadingOp::create(builder, loc, scanned.getType(),
                                        attended, scanned, positions,
                                        getInteger(op.getInteger("layer")),
                                        /*point=*/IntegerAttr()));
}
