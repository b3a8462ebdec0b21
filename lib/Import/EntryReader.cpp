//===- EntryReader.cpp - An entry point to graph operations ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "EntryReader.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

InFlightDiagnostic EntryReader::unsupported(Operation *op, StringRef why) {
  return op->emitError("'")
         << op->getName().getStringRef() << "' has no JSON form here: " << why;
}

ReadOp &EntryReader::add(OpKind kind, ValueRange inputs, Value output) {
  ReadOp &read = ops.emplace_back();
  read.kind = kind;
  llvm::append_range(read.inputs, inputs);
  read.outputs.push_back(output);
  return read;
}

FailureOr<std::vector<ReadOp>> EntryReader::read() {
  if (!function.getBody().hasOneBlock())
    return function.emitError("an entry point with control flow has no JSON "
                              "form: a graph is a list of operations");
  if (failed(readHybridMixers()))
    return failure();
  for (Operation &op : function.getBody().front())
    if (failed(readOp(&op)))
      return failure();
  return std::move(ops);
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

LogicalResult EntryReader::setWeight(ReadOp &read, StringRef name, Value value,
                                     Operation *user) {
  if (!value)
    return success();
  auto get = value.getDefiningOp<GetParameterOp>();
  auto parameter =
      get ? module.lookupSymbol<ParameterOp>(get.getName()) : nullptr;
  if (!parameter || !parameter.getSource())
    return unsupported(user, ("'" + name + "' is not a weight").str());
  read.attributes[name.str()] = parameter.getSource()->str();
  return success();
}

void EntryReader::setFlag(ReadOp &read, StringRef name, bool value) {
  if (value)
    read.attributes[name.str()] = true;
}

void EntryReader::setInteger(ReadOp &read, StringRef name, IntegerAttr value) {
  if (value)
    read.attributes[name.str()] = value.getInt();
}

void EntryReader::setFloat(ReadOp &read, StringRef name, FloatAttr value) {
  if (value)
    read.attributes[name.str()] = value.getValueAsDouble();
}

void EntryReader::setState(ReadOp &read, Value state, StringRef standard) {
  int64_t layer = cast<StateTypeInterface>(state.getType()).getLayer();
  read.attributes["layer"] = layer;
  std::string prefix = ("layers." + Twine(layer) + ".").str();
  std::string name = prefix + standard.str();
  if (entry == Entry::Forward) {
    // Without arguments the name is free, but each operation has its own.
    unsigned number = numStates[name]++;
    if (number != 0)
      read.attributes["state"] = (standard + "_" + Twine(number)).str();
    return;
  }
  // States come last, in the order of the results.
  Operation *end = function.getBody().front().getTerminator();
  for (OpOperand &use : state.getUses()) {
    if (use.getOwner() != end)
      continue;
    int64_t fromEnd = end->getNumOperands() - use.getOperandNumber();
    int64_t argument = int64_t(function.getNumArguments()) - fromEnd;
    auto attribute = argument < 0 ? StringAttr()
                                  : function.getArgAttrOfType<StringAttr>(
                                        argument, TransMambaDialect::kNameAttr);
    if (!attribute || attribute == name)
      return;
    StringRef suffix = attribute.getValue();
    if (suffix.consume_front(prefix))
      read.attributes["state"] = suffix.str();
    return;
  }
}

//===----------------------------------------------------------------------===//
// Each token by itself
//===----------------------------------------------------------------------===//

bool transmamba::graph::isRowsCollapse(tensor::CollapseShapeOp op) {
  return op.getSrcType().getRank() == 3 && op.getResultType().getRank() == 2 &&
         op.getReassociationIndices()[0].size() == 2;
}

Operation *transmamba::graph::getLinearResult(linalg::MatmulOp op,
                                              bool &hasTokens) {
  Operation *last = op;
  hasTokens = false;
  auto onlyUser = [&]() -> Operation * {
    return last->getResult(0).hasOneUse() ? *last->getResult(0).user_begin()
                                          : nullptr;
  };
  if (auto narrow = dyn_cast_or_null<arith::TruncFOp>(onlyUser()))
    last = narrow;
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(onlyUser())) {
    hasTokens = expand.getSrcType().getRank() == 2 &&
                expand.getResultType().getRank() == 3;
    if (hasTokens)
      last = expand;
  }
  return last;
}

/// collapse, matmul onto zero or the bias, round, expand -> linear.
LogicalResult EntryReader::readLinear(linalg::MatmulOp op) {
  bool hasTokens;
  Operation *last = getLinearResult(op, hasTokens);
  for (Operation *part = last; part != op;
       part = part->getOperand(0).getDefiningOp())
    consumed.insert(part);
  Value input = op.getInputs()[0];
  auto collapse = input.getDefiningOp<tensor::CollapseShapeOp>();
  if (hasTokens && collapse && isRowsCollapse(collapse))
    input = collapse.getSrc();
  ReadOp &read = add(OpKind::Linear, input, last->getResult(0));
  auto type = cast<RankedTensorType>(last->getResult(0).getType());
  read.attributes["width"] = type.getShape().back();
  if (failed(setWeight(read, "weight", op.getInputs()[1], op)))
    return failure();
  if (auto bias = op.getOutputs()[0].getDefiningOp<linalg::BroadcastOp>())
    if (failed(setWeight(read, "bias", bias.getInput(), op)))
      return failure();
  if (isBF16 && type.getElementType().isF32())
    read.attributes["element_type"] = "f32";
  return success();
}

/// A range of the last dimension -> slice.
LogicalResult EntryReader::readSlice(tensor::ExtractSliceOp op) {
  int64_t rank = op.getSourceType().getRank();
  if (op.getType().getRank() != rank || rank < 2)
    return unsupported(op, "it drops dimensions");
  std::optional<int64_t> offset =
      getConstantIntValue(op.getMixedOffsets().back());
  int64_t size = op.getType().getShape().back();
  if (!offset || ShapedType::isDynamic(size))
    return unsupported(op, "it is not a fixed range of channels");
  ReadOp &read = add(OpKind::Slice, op.getSource(), op.getResult());
  read.attributes["offset"] = *offset;
  read.attributes["size"] = size;
  return success();
}

LogicalResult EntryReader::readReshape(Operation *op) {
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    if (expand.getSrcType().getRank() != 3 ||
        expand.getResultType().getRank() != 4)
      return unsupported(op, "it does not split channels into heads");
    ReadOp &read = add(OpKind::SplitHeads, expand.getSrc(), expand.getResult());
    read.attributes["heads"] = expand.getResultType().getDimSize(2);
    return success();
  }
  auto collapse = cast<tensor::CollapseShapeOp>(op);
  if (collapse.getSrcType().getRank() == 4) {
    add(OpKind::JoinHeads, collapse.getSrc(), collapse.getResult());
    return success();
  }
  if (!isRowsCollapse(collapse))
    return unsupported(op, "it does not join heads");
  // Before a matmul this is part of a linear; in decode it is also what takes
  // the only token, and the linear then has no tokens either.
  for (Operation *user : op->getUsers()) {
    auto matmul = dyn_cast<linalg::MatmulOp>(user);
    bool hasTokens = false;
    if (matmul)
      getLinearResult(matmul, hasTokens);
    if (hasTokens)
      continue;
    if (entry != Entry::Decode)
      return unsupported(op, "only a projection sees all tokens as rows");
    add(OpKind::LastToken, collapse.getSrc(), collapse.getResult());
    return success();
  }
  return success();
}

LogicalResult EntryReader::readNorm(GatedRMSNormOp op) {
  if (op.getPointAttr() || op.getPositions())
    return unsupported(op, "it has a TransPoint, which belongs to "
                           "'hybrid_mixer' and the schedule");
  ReadOp &read =
      add(OpKind::GatedRMSNorm, {op.getInput(), op.getGate()}, op.getResult());
  if (failed(setWeight(read, "weight", op.getWeight(), op)))
    return failure();
  setFloat(read, "eps", op.getEpsAttr());
  if (op.getGroups() != 1)
    setInteger(read, "groups", op.getGroupsAttr());
  setFlag(read, "norm_before_gate", op.getNormBeforeGate());
  return success();
}

//===----------------------------------------------------------------------===//
// Tokens that see each other
//===----------------------------------------------------------------------===//

LogicalResult EntryReader::readConv(CausalConv1DOp op) {
  ReadOp &read = add(OpKind::CausalConv1D, op.getInput(), op.getResult());
  setState(read, op.getNextWindow(), "conv");
  read.attributes["taps"] = op.getNextWindow().getType().getShape()[0] + 1;
  if (failed(setWeight(read, "weight", op.getWeight(), op)))
    return failure();
  return setWeight(read, "bias", op.getBias(), op);
}

LogicalResult EntryReader::readRope(RopeOp op) {
  ReadOp &read = add(OpKind::Rope, op.getInput(), op.getResult());
  setFloat(read, "theta", op.getThetaAttr());
  setInteger(read, "rotary_dim", op.getRotaryDimAttr());
  setFlag(read, "interleaved", op.getInterleaved());
  return success();
}

/// Without a cache nothing names the layer of plain attention, but its
/// TransPoint is the longest sequence.
int64_t EntryReader::nextAttentionLayer() {
  auto schedule =
      module->getAttrOfType<ScheduleAttr>(TransMambaDialect::kScheduleAttr);
  auto maxSequence =
      module->getAttrOfType<IntegerAttr>(TransMambaDialect::kMaxSequenceAttr);
  unsigned &next = numStates["attention"];
  if (schedule && maxSequence)
    for (unsigned layer = next; layer < next + schedule.getPoints().size();
         ++layer)
      if (schedule.getPoint(layer) == maxSequence.getInt()) {
        next = layer + 1;
        return layer;
      }
  return next++;
}

LogicalResult EntryReader::readAttention(AttentionOp op) {
  if (op.getLse())
    return unsupported(op, "a graph has no word for its logarithms");
  ReadOp &read =
      add(OpKind::Attention, {op.getQ(), op.getK(), op.getV()}, op.getResult());
  if (!op.getCausal())
    read.attributes["causal"] = false;
  setFloat(read, "scale", op.getScaleAttr());
  setInteger(read, "window", op.getWindowAttr());
  // The cache tells the layer.
  for (Operation *user : op.getV().getUsers())
    if (auto append = dyn_cast<AppendKVOp>(user);
        append && append.getK() == op.getK()) {
      setState(read, append.getResult(), "kv");
      return success();
    }
  if (entry != Entry::Forward)
    return unsupported(op, "its keys and values are not kept");
  read.attributes["layer"] = nextAttentionLayer();
  return success();
}

LogicalResult EntryReader::readCachedAttention(CachedAttentionOp op) {
  auto append = op.getCache().getDefiningOp<AppendKVOp>();
  if (!append)
    return unsupported(op, "the token's own key is not in the cache");
  ReadOp &read = add(OpKind::Attention,
                     {skipRepeat(op.getQ()), append.getK(), append.getV()},
                     op.getResult());
  setFloat(read, "scale", op.getScaleAttr());
  setInteger(read, "window", op.getWindowAttr());
  setState(read, append.getResult(), "kv");
  return success();
}

LogicalResult EntryReader::readScan(SSDScanOp op) {
  if (op.getStart())
    return unsupported(op, "it starts after other tokens");
  ReadOp &read =
      add(OpKind::SSDScan, {op.getQ(), op.getK(), op.getV(), op.getDt()},
          op.getResult());
  setState(read, op.getState(), "ssm");
  setInteger(read, "chunk", op.getChunkAttr());
  if (failed(setWeight(read, "A_log", op.getA(), op)))
    return failure();
  return setWeight(read, "D", op.getSkip(), op);
}

LogicalResult EntryReader::readSelectiveScan(SelectiveScanOp op) {
  ReadOp &read =
      add(OpKind::SelectiveScan, {op.getU(), op.getDt(), op.getB(), op.getC()},
          op.getResult());
  setState(read, op.getState(), "ssm");
  if (failed(setWeight(read, "A_log", op.getA(), op)))
    return failure();
  return setWeight(read, "D", op.getSkip(), op);
}

LogicalResult EntryReader::readOp(Operation *op) {
  auto hybrid = hybrids.find(op);
  if (hybrid != hybrids.end()) {
    ops.push_back(hybrid->second);
    return success();
  }
  if (consumed.contains(op))
    return success();
  auto pointwise = [&](OpKind kind) {
    add(kind, op->getOperands(), op->getResult(0));
    return success();
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](EmbeddingOp embedding) {
        ReadOp &read = add(OpKind::Embedding, embedding.getTokens(),
                           embedding.getResult());
        auto table = cast<RankedTensorType>(embedding.getTable().getType());
        read.attributes["rows"] = table.getDimSize(0);
        read.attributes["width"] = table.getDimSize(1);
        return setWeight(read, "weight", embedding.getTable(), op);
      })
      .Case([&](RMSNormOp norm) {
        ReadOp &read = add(OpKind::RMSNorm, norm.getInput(), norm.getResult());
        setFloat(read, "eps", norm.getEpsAttr());
        return setWeight(read, "weight", norm.getWeight(), op);
      })
      .Case([&](ActivateOp activate) {
        add(OpKind::Activate, activate.getInput(), activate.getResult())
            .attributes["function"] =
            stringifyActivation(activate.getFunction()).str();
        return success();
      })
      .Case([&](LastTokenOp last) {
        add(OpKind::LastToken, last.getInput(), last.getResult());
        return success();
      })
      .Case([&](arith::AddFOp) { return pointwise(OpKind::Add); })
      .Case([&](arith::MulFOp) { return pointwise(OpKind::Multiply); })
      .Case<arith::ExtFOp, arith::TruncFOp>([&](Operation *cast) {
        bool widens = isa<arith::ExtFOp>(cast);
        add(OpKind::Cast, cast->getOperand(0), cast->getResult(0))
            .attributes["element_type"] = widens ? "f32" : "model";
        return success();
      })
      .Case([&](linalg::MatmulOp matmul) { return readLinear(matmul); })
      .Case([&](tensor::ExtractSliceOp slice) { return readSlice(slice); })
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
          [&](Operation *reshape) { return readReshape(reshape); })
      .Case([&](GatedRMSNormOp norm) { return readNorm(norm); })
      .Case([&](CausalConv1DOp conv) { return readConv(conv); })
      .Case([&](RopeOp rope) { return readRope(rope); })
      .Case([&](AttentionOp attention) { return readAttention(attention); })
      .Case([&](CachedAttentionOp attention) {
        return readCachedAttention(attention);
      })
      .Case([&](SSDScanOp scan) { return readScan(scan); })
      .Case([&](SelectiveScanOp scan) { return readSelectiveScan(scan); })
      // What the importer adds around the operations of a graph.
      .Case<arith::ConstantOp, arith::MulIOp, arith::SubIOp, tensor::DimOp,
            tensor::EmptyOp, linalg::FillOp, linalg::BroadcastOp,
            GetParameterOp, func::ReturnOp>(
          [](Operation *) { return success(); })
      .Case([&](AppendKVOp append) -> LogicalResult {
        if (append.getRopeTheta())
          return unsupported(append, "it rotates keys");
        return success();
      })
      .Default([&](Operation *other) {
        return unsupported(other, "docs/graph.md lists the operations of a "
                                  "graph");
      });
}
