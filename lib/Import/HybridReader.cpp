//===- HybridReader.cpp - Recognise the hybrid mixer ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "EntryReader.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

/// The operation that makes a value, which becomes part of the group.
template <typename OpT> OpT EntryReader::consume(Value value) {
  auto op = value ? value.getDefiningOp<OpT>() : OpT();
  if (op)
    consumed.insert(op);
  return op;
}

/// The tensor of which prefill takes the tokens on one side of the TransPoint.
Value EntryReader::part(Value value) {
  if (entry == Entry::Decode)
    return value;
  auto slice = consume<tensor::ExtractSliceOp>(value);
  return slice ? slice.getSource() : Value();
}

/// Decode repeats the heads of q where k or v have more.
Value EntryReader::skipRepeat(Value value) {
  auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse || collapse.getSrcType().getRank() != 5)
    return value;
  auto broadcast = collapse.getSrc().getDefiningOp<linalg::BroadcastOp>();
  if (!broadcast)
    return value;
  consumed.insert(collapse);
  return broadcast.getInput();
}

/// concat(join(attention), gate(join(scan))) in prefill,
/// select_reading(join(cached_attention), gate(join(scan))) in decode
/// -> hybrid_mixer.
LogicalResult EntryReader::readHybrid(Operation *op) {
  Value attended = op->getOperand(0), scanned = op->getOperand(1);
  ReadOp read{OpKind::HybridMixer, {}, {op->getResult(0)}};
  auto gate = consume<GatedRMSNormOp>(scanned);
  if (gate)
    scanned = gate.getInput();
  auto joinAttended = consume<tensor::CollapseShapeOp>(attended);
  auto joinScanned = consume<tensor::CollapseShapeOp>(scanned);
  auto scan = joinScanned ? consume<SSDScanOp>(joinScanned.getSrc()) : nullptr;
  Operation *attention =
      joinAttended ? joinAttended.getSrc().getDefiningOp() : nullptr;
  if (!scan || !isa_and_nonnull<AttentionOp, CachedAttentionOp>(attention))
    return unsupported(op, "it does not join the readings of one mixer");
  consumed.insert(attention);

  for (Value operand : {scan.getQ(), scan.getK(), scan.getV(), scan.getDt()})
    read.inputs.push_back(part(operand));
  if (gate)
    read.inputs.push_back(part(gate.getGate()));
  if (llvm::is_contained(read.inputs, Value()))
    return unsupported(op, "the SSM reading is not one of all tokens from the "
                           "TransPoint on");

  setState(read, scan.getState(), "ssm");
  if (failed(setWeight(read, "A_log", scan.getA(), scan)) ||
      failed(setWeight(read, "D", scan.getSkip(), scan)))
    return failure();

  Value query = skipRepeat(attention->getOperand(0));
  if (auto rope = consume<RopeOp>(query)) {
    setFloat(read, "rope_theta", rope.getThetaAttr());
    setInteger(read, "rotary_dim", rope.getRotaryDimAttr());
    setFlag(read, "interleaved", rope.getInterleaved());
    query = rope.getInput();
  }
  if (auto cached = dyn_cast<CachedAttentionOp>(attention)) {
    setFloat(read, "scale", cached.getScaleAttr());
    setInteger(read, "window", cached.getWindowAttr());
    if (auto append = cached.getCache().getDefiningOp<AppendKVOp>())
      consume<RopeOp>(append.getK());
  } else {
    auto whole = cast<AttentionOp>(attention);
    setFloat(read, "scale", whole.getScaleAttr());
    setInteger(read, "window", whole.getWindowAttr());
    part(query);
    part(whole.getV());
    if (auto rope = consume<RopeOp>(whole.getK()))
      part(rope.getInput());
    else
      part(whole.getK());
    if (auto convert = consume<ConvertMemoryOp>(scan.getInit())) {
      part(convert.getK());
      part(convert.getDt());
    }
    if (scan.getStart())
      consume<TransPointOp>(scan.getStart());
  }
  setInteger(read, "chunk", scan.getChunkAttr());
  if (gate) {
    if (failed(setWeight(read, "gate_weight", gate.getWeight(), gate)))
      return failure();
    setFloat(read, "eps", gate.getEpsAttr());
    if (gate.getGroups() != 1)
      setInteger(read, "groups", gate.getGroupsAttr());
    setFlag(read, "norm_before_gate", gate.getNormBeforeGate());
  }
  hybrids.try_emplace(op, std::move(read));
  return success();
}

LogicalResult EntryReader::readHybridMixers() {
  for (Operation &op : function.getBody().front())
    if (isa<tensor::ConcatOp, SelectReadingOp>(op) &&
        op.getNumOperands() >= 2 && failed(readHybrid(&op)))
      return failure();
  return success();
}
