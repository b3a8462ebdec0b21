//===- FuseSwitch.cpp - Form transmamba.switch ----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// Two roots, one result:
//
//   concat dim(1) (attention reading of [0, n)), (scan reading of [n, T))
//     -> switch                                                  (prefill)
//   select_reading (cached attention reading), (scan reading)
//     -> switch init cache at                                    (decode)
//
// A reading is matched from its end backwards: gate, heads joined, attention or
// scan, rotation, slices. Each way out says why.
//
//===----------------------------------------------------------------------===//

#include "Dimensions.h"

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"
#include "transmamba/Transforms/Passes.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// What a switch is made of
//===----------------------------------------------------------------------===//

namespace {
/// The operands and attributes of the switch to be.
struct SwitchParts {
  Value q, k, v, dt, A, skip, init, cache, positions, lengths;
  int64_t point = 0;
  FloatAttr scale, theta;
  IntegerAttr window, chunk, rotaryDim;
  bool interleaved = false;
  SSMStateType stateType;

  /// Where the heads were joined, and the gate behind that, with the whole of
  /// its gating tensor.
  tensor::CollapseShapeOp join;
  GatedRMSNormOp gate;
  Value z;

  /// What the switch replaces, users first.
  Operation *reader = nullptr;
  AppendKVOp append;
  SSDScanOp scan;
  ConvertMemoryOp convert;
};

/// A query or key before its rotation.
struct Rotation {
  Value input;
  RopeOp op;

  bool matches(Rotation other) {
    if (!op || !other.op)
      return !op && !other.op;
    return op.getPositions() == other.op.getPositions() &&
           op.getThetaAttr() == other.op.getThetaAttr() &&
           op.getRotaryDimAttr() == other.op.getRotaryDimAttr() &&
           op.getInterleaved() == other.op.getInterleaved();
  }
};
} // namespace

static Rotation getRotation(Value value) {
  if (auto rope = value.getDefiningOp<RopeOp>())
    return {rope.getInput(), rope};
  return {value, nullptr};
}

static void setRotation(SwitchParts &parts, Rotation rotation) {
  if (!rotation.op)
    return;
  parts.theta = rotation.op.getThetaAttr();
  parts.rotaryDim = rotation.op.getRotaryDimAttr();
  parts.interleaved = rotation.op.getInterleaved();
}

/// [B, T, H, D] -> [B, T, H * D].
static tensor::CollapseShapeOp getJoin(Value value) {
  auto join = value.getDefiningOp<tensor::CollapseShapeOp>();
  if (!join || join.getSrcType().getRank() != 4 ||
      join.getResultType().getRank() != 3 ||
      join.getReassociationIndices()[2].size() != 2)
    return nullptr;
  return join;
}

/// The queries that a cached attention repeats because keys or values have more
/// heads: broadcast to [B, T, Hq, H / Hq, D], collapsed to [B, T, H, D]. A
/// switch repeats them by itself.
static Value skipRepeatedHeads(Value query) {
  auto collapse = query.getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse || collapse.getSrcType().getRank() != 5 ||
      collapse.getReassociationIndices()[2].size() != 2)
    return query;
  auto broadcast = collapse.getSrc().getDefiningOp<linalg::BroadcastOp>();
  if (!broadcast || broadcast.getDimensions() != ArrayRef<int64_t>{3})
    return query;
  return broadcast.getInput();
}

//===----------------------------------------------------------------------===//
// Legality shared by both forms
//===----------------------------------------------------------------------===//

/// Matches (gate of) (joined heads of) a scan.
static LogicalResult matchScanReading(Operation *root, Value reading,
                                      SwitchParts &parts,
                                      RewriterBase &rewriter) {
  auto fail = [&](const char *reason) {
    return rewriter.notifyMatchFailure(root, reason);
  };
  if (!reading.hasOneUse())
    return fail("the state-space reading has another use");
  if (auto gate = reading.getDefiningOp<GatedRMSNormOp>()) {
    if (gate.getPointAttr() || gate.getPositions())
      return fail("the gate has a TransPoint of its own");
    if (!gate.getInput().hasOneUse())
      return fail("the state-space reading has another use");
    parts.gate = gate;
    reading = gate.getInput();
  }
  if (tensor::CollapseShapeOp join = getJoin(reading)) {
    if (!join.getSrc().hasOneUse())
      return fail("the state-space reading has another use");
    parts.join = join;
    reading = join.getSrc();
  }
  parts.scan = reading.getDefiningOp<SSDScanOp>();
  if (!parts.scan || reading != parts.scan.getResult())
    return fail("the second reading is no scan");
  parts.A = parts.scan.getA();
  parts.skip = parts.scan.getSkip();
  parts.lengths = parts.scan.getLengths();
  parts.chunk = parts.scan.getChunkAttr();
  parts.stateType = parts.scan.getState().getType();
  return success();
}

/// The switch stands where the readings were joined: what it updates must not
/// be needed earlier.
static bool isUsedBefore(Value value, Operation *root,
                         Operation *except = nullptr) {
  Block *block = root->getBlock();
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    Operation *ancestor = block->findAncestorOpInBlock(*user);
    return user != except && (!ancestor || ancestor->isBeforeInBlock(root));
  });
}

static bool isDefinedBefore(Value value, Operation *root) {
  if (isa<BlockArgument>(value))
    return true;
  Operation *op = value.getDefiningOp();
  return op->getBlock() != root->getBlock() || op->isBeforeInBlock(root);
}

/// What the verifier of the switch will ask of a layer and its cache.
static LogicalResult checkLayer(Operation *root, SwitchParts &parts,
                                std::optional<int64_t> layer,
                                RewriterBase &rewriter) {
  auto fail = [&](const char *reason) {
    return rewriter.notifyMatchFailure(root, reason);
  };
  if (parts.point <= 0)
    return fail("the TransPoint is not positive");
  if (layer && *layer != parts.stateType.getLayer())
    return fail("TransPoint and state belong to different layers");
  if (isUsedBefore(parts.scan.getState(), root))
    return fail("the state is used before the readings are joined");
  if (!parts.append)
    return success();
  KVCacheType cache = parts.append.getCache().getType();
  if (cache.getLayer() != parts.stateType.getLayer())
    return fail("cache and state belong to different layers");
  if (parts.stateType.getShape()[0] % cache.getShape()[0] != 0)
    return fail("the heads of the cache do not divide those of the state");
  if (isUsedBefore(parts.append.getResult(), root, parts.reader))
    return fail("the cache is used before the readings are joined");
  if (!isDefinedBefore(parts.append.getCache(), root))
    return fail("the cache is made after the readings are joined");
  return success();
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// Creates the switch, joins heads and gates behind it, and replaces the root
/// and everything that updated a state.
static void formSwitch(Operation *root, SwitchParts &parts,
                       PatternRewriter &rewriter) {
  rewriter.setInsertionPoint(root);
  Location loc = root->getLoc();
  auto qType = cast<RankedTensorType>(parts.q.getType());
  auto vType = cast<RankedTensorType>(parts.v.getType());
  auto type = qType.clone({qType.getDimSize(0), qType.getDimSize(1),
                           parts.stateType.getShape()[0], vType.getDimSize(3)});
  if (parts.append)
    parts.cache = parts.append.getCache();
  auto switchOp = SwitchOp::create(
      rewriter, loc, type, parts.stateType,
      parts.cache ? parts.cache.getType() : Type(), parts.q, parts.k, parts.v,
      parts.dt, parts.A, parts.skip, parts.init, parts.cache, parts.positions,
      parts.lengths, rewriter.getI64IntegerAttr(parts.point), parts.scale,
      parts.window, parts.chunk, parts.theta, parts.rotaryDim,
      parts.interleaved ? rewriter.getUnitAttr() : UnitAttr());

  Value result = switchOp.getResult();
  if (parts.join)
    result = tensor::CollapseShapeOp::create(
        rewriter, loc, result, parts.join.getReassociationIndices());
  if (GatedRMSNormOp gate = parts.gate) {
    Value z = parts.z;
    if (z.getType() != result.getType())
      z = tensor::CastOp::create(rewriter, loc, result.getType(), z);
    result = GatedRMSNormOp::create(
        rewriter, gate.getLoc(), result.getType(), result, z, gate.getWeight(),
        parts.positions, rewriter.getI64IntegerAttr(parts.point),
        gate.getEpsAttr(), gate.getGroupsAttr(), gate.getNormBeforeGateAttr());
  }
  if (result.getType() != root->getResult(0).getType())
    result = tensor::CastOp::create(rewriter, loc, root->getResult(0).getType(),
                                    result);

  Operation *attentionJoin = root->getOperand(0).getDefiningOp();
  rewriter.replaceOp(root, result);
  if (parts.gate)
    rewriter.eraseOp(parts.gate);
  if (parts.join)
    rewriter.eraseOp(parts.join);
  if (attentionJoin != parts.reader)
    rewriter.eraseOp(attentionJoin);
  rewriter.eraseOp(parts.reader);
  rewriter.replaceAllUsesWith(parts.scan.getState(), switchOp.getState());
  rewriter.eraseOp(parts.scan);
  if (parts.convert)
    rewriter.eraseOp(parts.convert);
  if (parts.append)
    rewriter.replaceOp(parts.append, switchOp.getNextCache());
}

//===----------------------------------------------------------------------===//
// Prefill
//===----------------------------------------------------------------------===//

namespace {
/// Slices [0, n) and [n, T) of the tokens of one tensor.
class TokenSplit {
public:
  explicit TokenSplit(OpFoldResult point) : point(point) {}

  /// The tensor of which `slice` is [n, T); null if it is not one.
  Value getTailSource(Value slice) const {
    auto op = slice.getDefiningOp<tensor::ExtractSliceOp>();
    if (!op || !coversOtherDims(op) ||
        !isEqualConstantIntOrValue(op.getMixedOffsets()[1], point))
      return {};
    return isRest(op.getMixedSizes()[1], op.getSource()) ? op.getSource()
                                                         : Value();
  }

  /// Whether `slice` is [0, n) of `source`.
  bool isHead(Value slice, Value source) const {
    auto op = slice.getDefiningOp<tensor::ExtractSliceOp>();
    return op && op.getSource() == source && coversOtherDims(op) &&
           isZeroInteger(op.getMixedOffsets()[1]) &&
           isEqualConstantIntOrValue(op.getMixedSizes()[1], point);
  }

private:
  /// Unit strides, no rank reduction, all of every dimension but the tokens.
  static bool coversOtherDims(tensor::ExtractSliceOp op) {
    if (op.getSourceType().getRank() < 2 ||
        op.getSourceType().getRank() != op.getType().getRank() ||
        !op.hasUnitStride())
      return false;
    for (int64_t dim = 0; dim < op.getSourceType().getRank(); ++dim)
      if (dim != 1 && (!isZeroInteger(op.getMixedOffsets()[dim]) ||
                       !(getOrigin(op.getMixedSizes()[dim]) ==
                         getOrigin(op.getSource(), dim))))
        return false;
    return true;
  }

  /// Whether `size` is T - n, T being the tokens of `source`.
  bool isRest(OpFoldResult size, Value source) const {
    SizeOrigin tokens = getOrigin(source, 1);
    std::optional<int64_t> rest = getConstantIntValue(size);
    std::optional<int64_t> first = getConstantIntValue(point);
    if (rest)
      return first && tokens.constant == *first + *rest;
    auto sub = cast<Value>(size).getDefiningOp<arith::SubIOp>();
    return sub && getOrigin(OpFoldResult(sub.getLhs())) == tokens &&
           isEqualConstantIntOrValue(sub.getRhs(), point);
  }

  OpFoldResult point;
};

// concat dim(1)
//   join(attention(rope(q[0, n)), rope(k[0, n)), v[0, n)))
//   gate(join(ssd_scan(q[n, T), ... init(convert_memory(k[0, n), ...))
//   start(n)))
//   -> gate(join(switch(q, k, v, dt, A) transpoint P)) transpoint P
struct FusePrefill final : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ConcatOp root,
                                PatternRewriter &rewriter) const override {
    SwitchParts parts;
    if (failed(match(root, parts, rewriter)))
      return failure();
    formSwitch(root, parts, rewriter);
    return success();
  }

private:
  static LogicalResult match(tensor::ConcatOp root, SwitchParts &parts,
                             RewriterBase &rewriter);
  static FailureOr<std::optional<int64_t>>
  matchPoint(tensor::ConcatOp root, SwitchParts &parts, RewriterBase &rewriter);
};
} // namespace

/// Where the scan starts: at `transpoint T at P`, or at a constant less than a
/// static T. Returns the layer if the transpoint names it.
FailureOr<std::optional<int64_t>>
FusePrefill::matchPoint(tensor::ConcatOp root, SwitchParts &parts,
                        RewriterBase &rewriter) {
  Value start = parts.scan.getStart();
  if (!start)
    return rewriter.notifyMatchFailure(root,
                                       "the scan starts at no TransPoint");
  if (std::optional<int64_t> constant = getConstantIntValue(start)) {
    parts.point = *constant;
    return std::optional<int64_t>();
  }
  auto transpoint = start.getDefiningOp<TransPointOp>();
  if (!transpoint)
    return rewriter.notifyMatchFailure(root,
                                       "the scan starts at no TransPoint");
  if (!transpoint.getPointAttr())
    return rewriter.notifyMatchFailure(root, "the TransPoint is unresolved");
  if (!(getOrigin(OpFoldResult(transpoint.getTokens())) ==
        getOrigin(parts.q, 1)))
    return rewriter.notifyMatchFailure(
        root, "the TransPoint counts tokens of another sequence");
  parts.point = transpoint.getPointAttr().getInt();
  return std::optional<int64_t>(transpoint.getLayerAttr().getInt());
}

LogicalResult FusePrefill::match(tensor::ConcatOp root, SwitchParts &parts,
                                 RewriterBase &rewriter) {
  auto fail = [&](const char *reason) {
    return rewriter.notifyMatchFailure(root, reason);
  };
  if (root.getDim() != 1 || root.getInputs().size() != 2)
    return fail("does not join the tokens of two readings");

  // The attention reading.
  Value reading = root.getInputs()[0];
  if (!reading.hasOneUse())
    return fail("the attention reading has another use");
  tensor::CollapseShapeOp join = getJoin(reading);
  if (join) {
    reading = join.getSrc();
    if (!reading.hasOneUse())
      return fail("the attention reading has another use");
  }
  auto attention = reading.getDefiningOp<AttentionOp>();
  if (!attention)
    return fail("the first reading is no attention");
  if (!attention.getCausal())
    return fail("the attention is not causal");
  parts.reader = attention;
  parts.scale = attention.getScaleAttr();
  parts.window = attention.getWindowAttr();

  // The state-space reading and the conversion between them.
  if (failed(matchScanReading(root, root.getInputs()[1], parts, rewriter)))
    return failure();
  if (static_cast<bool>(join) != static_cast<bool>(parts.join))
    return fail("one reading has its heads joined, the other has not");
  if (!parts.scan.getInit())
    return fail("the scan starts without a converted memory");
  parts.convert = parts.scan.getInit().getDefiningOp<ConvertMemoryOp>();
  if (!parts.convert)
    return fail("the scan starts without a converted memory");
  if (!parts.scan.getStart())
    return fail("the scan starts at no TransPoint");
  if (parts.convert.getA() != parts.A)
    return fail("conversion and scan have different decays");
  if (parts.convert.getLengths() != parts.lengths ||
      attention.getLengths() != parts.lengths)
    return fail("attention, conversion and scan have different lengths");

  // One q, k, v, dt, split at the TransPoint.
  TokenSplit split{OpFoldResult(parts.scan.getStart())};
  if (std::optional<int64_t> point = getConstantIntValue(parts.scan.getStart()))
    split = TokenSplit(rewriter.getIndexAttr(*point));
  parts.q = split.getTailSource(parts.scan.getQ());
  parts.k = split.getTailSource(parts.scan.getK());
  parts.v = split.getTailSource(parts.scan.getV());
  parts.dt = split.getTailSource(parts.scan.getDt());
  if (!parts.q || !parts.k || !parts.v || !parts.dt)
    return fail("the scan does not read all tokens from the TransPoint on");
  FailureOr<std::optional<int64_t>> layer = matchPoint(root, parts, rewriter);
  if (failed(layer))
    return failure();
  Rotation q = getRotation(attention.getQ()), k = getRotation(attention.getK());
  if (!q.matches(k))
    return fail("queries and keys are rotated differently");
  if (q.op && q.op.getPositions())
    return fail("rows of a prefill start at position 0");
  if (!split.isHead(q.input, parts.q) || !split.isHead(k.input, parts.k) ||
      !split.isHead(attention.getV(), parts.v))
    return fail("attention does not read all tokens before the TransPoint of "
                "what the scan reads after it");
  if (!split.isHead(parts.convert.getK(), parts.k) ||
      !split.isHead(parts.convert.getV(), parts.v) ||
      !split.isHead(parts.convert.getDt(), parts.dt))
    return fail("conversion does not read all tokens before the TransPoint of "
                "what the scan reads after it");
  if (parts.gate) {
    parts.z = split.getTailSource(parts.gate.getGate());
    if (!parts.z)
      return fail("the gate does not read all tokens from the TransPoint on");
  }
  setRotation(parts, q);

  // The cache that keeps the attention's keys and values, if any does.
  for (Operation *user : attention.getK().getUsers()) {
    auto append = dyn_cast<AppendKVOp>(user);
    if (!append || append.getK() != attention.getK() ||
        append.getV() != attention.getV())
      continue;
    if (parts.append)
      return fail("two caches keep the keys");
    if (append.getPositions() || append.getLengths() != parts.lengths)
      return fail("the cache keeps other tokens than the attention reads");
    parts.append = append;
  }
  return checkLayer(root, parts, *layer, rewriter);
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

namespace {
// select_reading at(p)
//   join(cached_attention(rope(q) at(p), append_kv(cache, rope(k) at(p), v)))
//   gate(join(ssd_scan(q, k, v, dt, A) init(state)))
//   -> gate(join(switch(q, k, v, dt, A) transpoint P init cache at(p)))
//        transpoint P at(p)
struct FuseDecode final : OpRewritePattern<SelectReadingOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SelectReadingOp root,
                                PatternRewriter &rewriter) const override {
    SwitchParts parts;
    if (failed(match(root, parts, rewriter)))
      return failure();
    formSwitch(root, parts, rewriter);
    return success();
  }

private:
  static LogicalResult match(SelectReadingOp root, SwitchParts &parts,
                             RewriterBase &rewriter);
};
} // namespace

LogicalResult FuseDecode::match(SelectReadingOp root, SwitchParts &parts,
                                RewriterBase &rewriter) {
  auto fail = [&](const char *reason) {
    return rewriter.notifyMatchFailure(root, reason);
  };
  if (!root.getPointAttr())
    return fail("the TransPoint is unresolved");
  parts.point = root.getPointAttr().getInt();
  parts.positions = root.getPositions();

  // The attention reading.
  Value reading = root.getAttention();
  if (!reading.hasOneUse())
    return fail("the attention reading has another use");
  tensor::CollapseShapeOp join = getJoin(reading);
  if (join) {
    reading = join.getSrc();
    if (!reading.hasOneUse())
      return fail("the attention reading has another use");
  }
  auto attention = reading.getDefiningOp<CachedAttentionOp>();
  if (!attention)
    return fail("the first reading is no attention to a cache");
  parts.reader = attention;
  parts.scale = attention.getScaleAttr();
  parts.window = attention.getWindowAttr();
  parts.append = attention.getCache().getDefiningOp<AppendKVOp>();
  if (!parts.append)
    return fail("the cache does not hold the token's own key");

  // The state-space reading.
  if (failed(matchScanReading(root, root.getSsm(), parts, rewriter)))
    return failure();
  if (static_cast<bool>(join) != static_cast<bool>(parts.join))
    return fail("one reading has its heads joined, the other has not");
  if (!parts.scan.getInit())
    return fail("the scan starts without a state");
  if (parts.scan.getStart())
    return fail("the scan of a decode step starts at a TransPoint");
  if (parts.lengths || parts.append.getLengths())
    return fail("attention to a cache knows no lengths");

  // One q, k, v at one position.
  if (attention.getPositions() != parts.positions ||
      parts.append.getPositions() != parts.positions)
    return fail("the readings stand at different positions");
  Rotation q = getRotation(skipRepeatedHeads(attention.getQ()));
  Rotation k = getRotation(parts.append.getK());
  if (!q.matches(k))
    return fail("queries and keys are rotated differently");
  if (q.op && q.op.getPositions() != parts.positions)
    return fail("the readings stand at different positions");
  parts.q = parts.scan.getQ();
  parts.k = parts.scan.getK();
  parts.v = parts.scan.getV();
  parts.dt = parts.scan.getDt();
  parts.init = parts.scan.getInit();
  if (q.input != parts.q || k.input != parts.k ||
      parts.append.getV() != parts.v)
    return fail("the readings read different queries, keys or values");
  if (parts.gate)
    parts.z = parts.gate.getGate();
  setRotation(parts, q);
  return checkLayer(root, parts, root.getLayerAttr().getInt(), rewriter);
}

void transmamba::populateFuseSwitchPatterns(RewritePatternSet &patterns) {
  patterns.add<FusePrefill, FuseDecode>(patterns.getContext());
}
