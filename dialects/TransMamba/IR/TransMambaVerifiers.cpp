//===- TransMambaVerifiers.cpp - What may be written ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// The numbers in messages are those of TransMambaOps.td.
//
//===----------------------------------------------------------------------===//

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Helpers
//===----------------------------------------------------------------------===//

/// Whether two sizes can be equal: a dynamic one matches everything.
static bool compatible(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// A size as it is written in a type.
static std::string spell(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

static Type elementOf(Value value) {
  return cast<ShapedType>(value.getType()).getElementType();
}

/// Verifies that the given dimension of all values can be equal.
static LogicalResult verifySame(Operation *op, StringRef rule, StringRef what,
                                ArrayRef<std::pair<Value, int64_t>> dims) {
  int64_t first = shapeOf(dims[0].first)[dims[0].second];
  for (auto [value, dim] : dims) {
    int64_t size = shapeOf(value)[dim];
    if (!compatible(first, size))
      return op->emitOpError() << "(" << rule << ") " << what
                               << " must agree: " << first << " and " << size;
    if (ShapedType::isDynamic(first))
      first = size;
  }
  return success();
}

static LogicalResult verifySize(Operation *op, StringRef rule, StringRef what,
                                int64_t size, int64_t expected) {
  if (compatible(size, expected))
    return success();
  return op->emitOpError() << "(" << rule << ") " << what << " is " << size
                           << ", expected " << expected;
}

/// As above for a size that must be static.
static LogicalResult verifyStaticSize(Operation *op, StringRef rule,
                                      StringRef what, int64_t size,
                                      int64_t expected) {
  if (size == expected)
    return success();
  return op->emitOpError() << "(" << rule << ") " << what << " is "
                           << spell(size) << ", expected " << expected;
}

/// Lengths and positions: one element a row of `batch`.
static LogicalResult verifyPerRow(Operation *op, StringRef rule, StringRef what,
                                  Value perRow, Value batch) {
  if (!perRow)
    return success();
  return verifySize(op, rule, what, shapeOf(perRow)[0], shapeOf(batch)[0]);
}

static LogicalResult verifySameElement(Operation *op, StringRef rule,
                                       ValueRange values) {
  for (Value value : values)
    if (elementOf(value) != elementOf(values[0]))
      return op->emitOpError()
             << "(" << rule
             << ") element types differ: " << elementOf(values[0]) << " and "
             << elementOf(value);
  return success();
}

/// The rule of grouped heads: every number of heads divides the largest, which
/// is returned. Heads must be static.
static FailureOr<int64_t> verifyHeads(Operation *op, StringRef rule,
                                      ValueRange values) {
  int64_t heads = 0;
  for (Value value : values)
    heads = std::max(heads, shapeOf(value)[2]);
  for (Value value : values) {
    int64_t own = shapeOf(value)[2];
    if (own <= 0 || heads % own != 0)
      return op->emitOpError()
             << "(" << rule << ") numbers of heads must be static, positive "
             << "and divide the largest, " << heads;
  }
  return heads;
}

/// Head dimensions decide the sizes of scratch memory: they must be static.
static LogicalResult verifyStaticHeadDim(Operation *op, StringRef rule,
                                         ValueRange values) {
  for (Value value : values)
    if (shapeOf(value)[3] <= 0)
      return op->emitOpError()
             << "(" << rule << ") head dimensions must be static and positive";
  return success();
}

/// The result of a mixer has the rows and tokens of q, `heads` heads and the
/// head dimension of v.
template <typename OpTy>
static LogicalResult verifyMixerResult(OpTy op, StringRef rule, int64_t heads) {
  Value result = op.getResult();
  if (failed(verifySame(op, rule, "rows of the result",
                        {{op.getQ(), 0}, {result, 0}})) ||
      failed(verifySame(op, rule, "tokens of the result",
                        {{op.getQ(), 1}, {result, 1}})) ||
      failed(verifyStaticSize(op, rule, "the result's number of heads",
                              shapeOf(result)[2], heads)))
    return failure();
  return verifyStaticSize(op, rule, "the result's head dimension",
                          shapeOf(result)[3], shapeOf(op.getV())[3]);
}

static LogicalResult verifyStateShape(Operation *op, StringRef rule,
                                      StateTypeInterface state,
                                      ArrayRef<int64_t> expected) {
  if (state.getShape() == expected)
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError();
  diagnostic << "(" << rule << ") the state " << Type(state)
             << " does not have the shape ";
  llvm::interleave(expected, diagnostic, "x");
  return diagnostic;
}

/// Whether an attribute that must be a positive number is one: not zero, not
/// negative, not infinite and not NaN.
static bool isPositive(const APFloat &value) {
  return value.isFinite() && !value.isZero() && !value.isNegative();
}

static LogicalResult verifyScale(Operation *op, StringRef rule,
                                 FloatAttr scale) {
  if (!scale || scale.getValue().isFinite())
    return success();
  return op->emitOpError() << "(" << rule << ") the scale must be finite";
}

/// (S1) State is linear: the value that an operation updates has no other use,
/// so no version of it can be read, written or returned after it is stale.
static LogicalResult verifyOnlyUse(Operation *op, Value state) {
  if (!state || state.hasOneUse())
    return success();
  InFlightDiagnostic diagnostic =
      op->emitOpError() << "(S1) the state that it updates has another use: "
                           "it would read or write a stale version";
  for (Operation *user : state.getUsers())
    if (user != op) {
      diagnostic.attachNote(user->getLoc()) << "other use";
      break;
    }
  return diagnostic;
}

//===----------------------------------------------------------------------===//
// Parameters and the schedule
//===----------------------------------------------------------------------===//

LogicalResult ParameterOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape() || !isa<FloatType>(type.getElementType()))
    return emitOpError("(C1) needs a static tensor of floats, not ")
           << getType();
  if (getSource().has_value() == getTable().has_value())
    return emitOpError("(C2) needs either a source or a table");
  if (getTransform() == WeightTransform::Transpose && type.getRank() != 2)
    return emitOpError("(C3) only a matrix can be transposed, not ") << type;
  if (RopeTableAttr table = getTableAttr()) {
    if (type.getRank() != 2 || !isPositive(table.getTheta().getValue()))
      return emitOpError("(C4) a table has rank 2 and a positive theta");
    if (getTransform() != WeightTransform::None)
      return emitOpError("(C4) a table is not transformed");
  }
  return success();
}

LogicalResult TransPointOp::verify() {
  if (getLayerAttr().getInt() < 0)
    return emitOpError("(C1) the layer is negative");
  if (getPointAttr() && getPointAttr().getInt() < 0)
    return emitOpError("(C2) the TransPoint is negative");
  return success();
}

//===----------------------------------------------------------------------===//
// Around the mixer
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingOp::verify() {
  if (failed(verifySame(*this, "C1", "rows",
                        {{getTokens(), 0}, {getResult(), 0}})) ||
      failed(verifySame(*this, "C1", "tokens",
                        {{getTokens(), 1}, {getResult(), 1}})) ||
      failed(verifySame(*this, "C1", "channels",
                        {{getTable(), 1}, {getResult(), 2}})))
    return failure();
  return verifySameElement(*this, "C2", {getTable(), getResult()});
}

LogicalResult RMSNormOp::verify() {
  auto type = cast<RankedTensorType>(getInput().getType());
  if (type.getRank() == 0)
    return emitOpError("(C1) there is no dimension to normalise");
  if (failed(verifySize(*this, "C1", "the weight's size",
                        shapeOf(getWeight())[0], type.getShape().back())))
    return failure();
  if (!isPositive(getEps()))
    return emitOpError("(C2) eps must be positive");
  return success();
}

LogicalResult GatedRMSNormOp::verify() {
  int64_t channels = shapeOf(getInput())[2];
  if (getWeight() && failed(verifySize(*this, "C1", "the weight's size",
                                       shapeOf(getWeight())[0], channels)))
    return failure();
  int64_t groups = getGroups();
  if (groups <= 0 || ShapedType::isDynamic(channels) || channels % groups != 0)
    return emitOpError("(C2) ")
           << groups << " groups do not divide the channels";
  if (!isPositive(getEps()))
    return emitOpError("(C3) eps must be positive");
  if (getPointAttr() && getPointAttr().getInt() < 0)
    return emitOpError("(C4) the TransPoint is negative");
  return verifyPerRow(*this, "C5", "the number of positions", getPositions(),
                      getInput());
}

LogicalResult LastTokenOp::verify() {
  if (failed(verifySame(*this, "C1", "rows",
                        {{getInput(), 0}, {getResult(), 0}})) ||
      failed(verifySame(*this, "C1", "channels",
                        {{getInput(), 2}, {getResult(), 1}})))
    return failure();
  if (elementOf(getInput()) != elementOf(getResult()))
    return emitOpError("(C1) element types differ");
  return verifyPerRow(*this, "C2", "the number of lengths", getLengths(),
                      getInput());
}

LogicalResult CausalConv1DOp::verify() {
  int64_t channels = shapeOf(getInput())[2];
  ArrayRef<int64_t> weight = shapeOf(getWeight());
  if (ShapedType::isDynamic(channels) || weight[0] != channels || weight[1] < 2)
    return emitOpError("(C1) the weight must be C x W with W >= 2, where C is "
                       "the static number of channels");
  if (getBias() && shapeOf(getBias())[0] != channels)
    return emitOpError("(C2) the bias must have ") << channels << " elements";
  ConvWindowType window = getNextWindow().getType();
  if (failed(verifyStateShape(*this, "C3", window, {weight[1] - 1, channels})))
    return failure();
  if (window.getElementType() != elementOf(getInput()))
    return emitOpError("(C3) window and input have different element types");
  if (getWindow() && getWindow().getType() != window)
    return emitOpError("(C4) the window comes in as ")
           << getWindow().getType() << " and goes out as " << window;
  if (failed(verifyPerRow(*this, "C5", "the number of lengths", getLengths(),
                          getInput())))
    return failure();
  return verifyOnlyUse(*this, getWindow());
}

//===----------------------------------------------------------------------===//
// The attention reading
//===----------------------------------------------------------------------===//

/// `rotary_dim` is even and within the head dimension.
static LogicalResult verifyRotaryDim(Operation *op, StringRef rule,
                                     IntegerAttr rotaryDim, int64_t headDim) {
  int64_t size = rotaryDim ? rotaryDim.getInt() : headDim;
  if (size < 2 || size % 2 != 0 || size > headDim)
    return op->emitOpError() << "(" << rule << ") rotary dimension " << size
                             << " is not even or not in [2, " << headDim << "]";
  return success();
}

/// A rotation that an operation has besides what it does, or none.
template <typename OpTy>
static LogicalResult verifyRotation(OpTy op, StringRef rule, int64_t headDim) {
  if (!op.getRopeTheta()) {
    if (op.getRotaryDimAttr() || op.getInterleaved())
      return op.emitOpError()
             << "(" << rule << ") rotary_dim and interleaved need a theta";
    return success();
  }
  if (!isPositive(*op.getRopeTheta()))
    return op.emitOpError() << "(" << rule << ") theta must be positive";
  return verifyRotaryDim(op, rule, op.getRotaryDimAttr(), headDim);
}

LogicalResult RopeOp::verify() {
  if (!isPositive(getTheta()))
    return emitOpError("(C1) theta must be positive");
  if (failed(verifyStaticHeadDim(*this, "C2", getInput())) ||
      failed(verifyRotaryDim(*this, "C2", getRotaryDimAttr(),
                             shapeOf(getInput())[3])))
    return failure();
  return verifyPerRow(*this, "C3", "the number of positions", getPositions(),
                      getInput());
}

LogicalResult AttentionOp::verify() {
  if (failed(verifySame(*this, "C1", "rows",
                        {{getQ(), 0}, {getK(), 0}, {getV(), 0}})) ||
      failed(verifySame(*this, "C1", "tokens of k and v",
                        {{getK(), 1}, {getV(), 1}})) ||
      failed(verifySame(*this, "C2", "head dimensions of q and k",
                        {{getQ(), 3}, {getK(), 3}})) ||
      failed(verifyStaticHeadDim(*this, "C2", {getQ(), getK(), getV()})))
    return failure();
  FailureOr<int64_t> heads = verifyHeads(*this, "C3", {getQ(), getK(), getV()});
  if (failed(heads))
    return failure();
  if (getCausal() && failed(verifySame(*this, "C4", "queries and keys",
                                       {{getQ(), 1}, {getK(), 1}})))
    return failure();
  if (failed(verifyMixerResult(*this, "C5", *heads)))
    return failure();
  if (getWindowAttr() && (getWindowAttr().getInt() <= 0 || !getCausal()))
    return emitOpError("(C6) a window must be positive and causal");
  if (failed(verifyPerRow(*this, "C7", "the number of lengths", getLengths(),
                          getQ())))
    return failure();
  if (failed(verifySameElement(*this, "C8",
                               {getQ(), getK(), getV(), getResult()})) ||
      failed(verifyScale(*this, "C9", getScaleAttr())))
    return failure();
  if (!getLse())
    return success();
  if (failed(verifySame(*this, "C10", "rows of the logarithms",
                        {{getQ(), 0}, {getLse(), 0}})) ||
      failed(verifySame(*this, "C10", "tokens of the logarithms",
                        {{getQ(), 1}, {getLse(), 1}})))
    return failure();
  return verifyStaticSize(*this, "C10", "the number of heads of the logarithms",
                          shapeOf(getLse())[2], *heads);
}

LogicalResult AppendKVOp::verify() {
  if (failed(verifySame(*this, "C1", "rows", {{getK(), 0}, {getV(), 0}})) ||
      failed(verifySame(*this, "C1", "tokens", {{getK(), 1}, {getV(), 1}})))
    return failure();
  KVCacheType cache = getCache().getType();
  for (Value value : {getK(), getV()}) {
    if (shapeOf(value)[3] != cache.getShape()[1])
      return emitOpError("(C2) head dimension ")
             << spell(shapeOf(value)[3]) << " does not fit " << cache;
    int64_t heads = shapeOf(value)[2];
    if (heads <= 0 || cache.getShape()[0] % heads != 0)
      return emitOpError("(C3) ")
             << spell(heads) << " heads do not divide those of " << cache;
    if (elementOf(value) != cache.getElementType())
      return emitOpError("(C4) element type ")
             << elementOf(value) << " does not fit " << cache;
  }
  if (failed(verifyPerRow(*this, "C5", "the number of lengths", getLengths(),
                          getK())) ||
      failed(verifyPerRow(*this, "C5", "the number of positions",
                          getPositions(), getK())) ||
      failed(verifyRotation(*this, "C6", shapeOf(getK())[3])))
    return failure();
  return verifyOnlyUse(*this, getCache());
}

/// Whether an operation updates (replaces) the state that it takes.
static bool updatesState(Operation *op) {
  return isa<AppendKVOp, SSDScanOp, SelectiveScanOp, CausalConv1DOp, SwitchOp>(
      op);
}

LogicalResult CachedAttentionOp::verify() {
  KVCacheType cache = getCache().getType();
  if (shapeOf(getQ())[3] != cache.getShape()[1])
    return emitOpError("(C1) head dimension ")
           << spell(shapeOf(getQ())[3]) << " does not fit " << cache;
  int64_t heads = shapeOf(getQ())[2];
  if (heads <= 0 || heads % cache.getShape()[0] != 0)
    return emitOpError("(C2) the heads of ")
           << cache << " do not divide the queries' " << spell(heads);
  if (getResult().getType() != getQ().getType())
    return emitOpError("(C3) the result must have the type of the queries");
  if (failed(verifyPerRow(*this, "C4", "the number of positions",
                          getPositions(), getQ())))
    return failure();
  if (getWindowAttr() && getWindowAttr().getInt() <= 0)
    return emitOpError("(C5) a window must be positive");
  if (elementOf(getQ()) != cache.getElementType())
    return emitOpError("(C6) element type ")
           << elementOf(getQ()) << " does not fit " << cache;
  if (failed(verifyScale(*this, "C7", getScaleAttr())))
    return failure();
  for (Operation *user : getCache().getUsers())
    if (updatesState(user)) {
      InFlightDiagnostic diagnostic =
          emitOpError("(S2) reads a cache that another operation updates");
      diagnostic.attachNote(user->getLoc()) << "updated here";
      return diagnostic;
    }
  return success();
}

//===----------------------------------------------------------------------===//
// The state-space reading
//===----------------------------------------------------------------------===//

LogicalResult ConvertMemoryOp::verify() {
  if (failed(verifySame(*this, "C1", "rows",
                        {{getK(), 0}, {getV(), 0}, {getDt(), 0}})) ||
      failed(verifySame(*this, "C1", "tokens",
                        {{getK(), 1}, {getV(), 1}, {getDt(), 1}})))
    return failure();
  if (failed(verifyStaticHeadDim(*this, "C2", {getK(), getV()})))
    return failure();
  SSMStateType state = getState().getType();
  if (state.getShape().size() != 3)
    return emitOpError("(C2) the state must be H x N x D, not ") << state;
  int64_t heads = state.getShape()[0];
  if (failed(verifyStateShape(*this, "C2", state,
                              {heads, shapeOf(getK())[3], shapeOf(getV())[3]})))
    return failure();
  for (Value value : {getK(), getV()})
    if (shapeOf(value)[2] <= 0 || heads % shapeOf(value)[2] != 0)
      return emitOpError("(C3) ")
             << spell(shapeOf(value)[2]) << " heads do not divide the state's "
             << heads;
  if (shapeOf(getDt())[2] != heads || shapeOf(getA())[0] != heads)
    return emitOpError("(C4) dt and A must have the state's ")
           << heads << " heads";
  if (failed(verifyPerRow(*this, "C5", "the number of lengths", getLengths(),
                          getK())))
    return failure();
  return verifySameElement(*this, "C6", {getK(), getV()});
}

/// (C1) to (C6) of an operation with the operands and results of an SSD scan.
/// Returns the number of heads.
template <typename OpTy> static FailureOr<int64_t> verifyScan(OpTy op) {
  Value q = op.getQ(), k = op.getK(), v = op.getV(), dt = op.getDt();
  if (failed(verifySame(op, "C1", "rows", {{q, 0}, {k, 0}, {v, 0}, {dt, 0}})) ||
      failed(
          verifySame(op, "C1", "tokens", {{q, 1}, {k, 1}, {v, 1}, {dt, 1}})) ||
      failed(verifySame(op, "C2", "head dimensions of q and k",
                        {{q, 3}, {k, 3}})) ||
      failed(verifyStaticHeadDim(op, "C2", {q, k, v})))
    return failure();
  FailureOr<int64_t> heads = verifyHeads(op, "C3", {q, k, v, dt});
  if (failed(heads))
    return failure();
  if (shapeOf(dt)[2] != *heads || shapeOf(op.getA())[0] != *heads ||
      (op.getSkip() && shapeOf(op.getSkip())[0] != *heads))
    return op.emitOpError("(C4) dt, A and D must have ") << *heads << " heads";
  if (failed(verifyStateShape(op, "C5", op.getState().getType(),
                              {*heads, shapeOf(k)[3], shapeOf(v)[3]})) ||
      failed(verifyMixerResult(op, "C6", *heads)))
    return failure();
  return heads;
}

/// A state that comes in goes out with the same type.
template <typename OpTy>
static LogicalResult verifyInit(OpTy op, StringRef rule) {
  if (!op.getInit() || op.getInit().getType() == op.getState().getType())
    return success();
  return op.emitOpError() << "(" << rule << ") the state comes in as "
                          << op.getInit().getType() << " and goes out as "
                          << op.getState().getType();
}

LogicalResult SSDScanOp::verify() {
  if (failed(verifyScan(*this)) || failed(verifyInit(*this, "C7")))
    return failure();
  if (failed(verifyPerRow(*this, "C8", "the number of lengths", getLengths(),
                          getQ())))
    return failure();
  if (getChunkAttr() && getChunkAttr().getInt() <= 0)
    return emitOpError("(C9) the chunk must be positive");
  if (failed(verifySameElement(*this, "C10",
                               {getQ(), getK(), getV(), getResult()})) ||
      failed(verifyOnlyUse(*this, getInit())))
    return failure();
  if (getStart() && !getInit() && !matchPattern(getStart(), m_Zero()))
    return emitOpError("(S3) starts after other tokens without a state: "
                       "convert the memory of the tokens before it");
  return success();
}

LogicalResult SelectiveScanOp::verify() {
  if (failed(
          verifySame(*this, "C1", "rows",
                     {{getU(), 0}, {getDt(), 0}, {getB(), 0}, {getC(), 0}})) ||
      failed(verifySame(*this, "C1", "tokens",
                        {{getU(), 1}, {getDt(), 1}, {getB(), 1}, {getC(), 1}})))
    return failure();
  int64_t channels = shapeOf(getU())[2];
  if (channels <= 0 || shapeOf(getDt())[2] != channels ||
      shapeOf(getA())[0] != channels ||
      (getSkip() && shapeOf(getSkip())[0] != channels))
    return emitOpError("(C2) u, dt, A and D must have the same static number "
                       "of channels");
  int64_t states = shapeOf(getA())[1];
  if (states <= 0 || shapeOf(getB())[2] != states ||
      shapeOf(getC())[2] != states)
    return emitOpError("(C3) A, B and C must have the same static number of "
                       "states");
  if (failed(verifyStateShape(*this, "C4", getState().getType(),
                              {channels, states})) ||
      failed(verifyInit(*this, "C5")))
    return failure();
  if (failed(verifyPerRow(*this, "C6", "the number of lengths", getLengths(),
                          getU())) ||
      failed(verifySameElement(*this, "C7", {getU(), getB(), getC()})))
    return failure();
  return verifyOnlyUse(*this, getInit());
}

//===----------------------------------------------------------------------===//
// Both readings
//===----------------------------------------------------------------------===//

LogicalResult SelectReadingOp::verify() {
  if (getLayerAttr().getInt() < 0)
    return emitOpError("(C1) the layer is negative");
  if (getPointAttr() && getPointAttr().getInt() < 0)
    return emitOpError("(C2) the TransPoint is negative");
  if (cast<RankedTensorType>(getAttention().getType()).getRank() < 2)
    return emitOpError("(C3) needs rows and tokens");
  return verifyPerRow(*this, "C3", "the number of positions", getPositions(),
                      getAttention());
}

LogicalResult SwitchOp::verify() {
  FailureOr<int64_t> heads = verifyScan(*this);
  if (failed(heads) || failed(verifyInit(*this, "C7")))
    return failure();
  int64_t keyDim = shapeOf(getK())[3], valueDim = shapeOf(getV())[3];
  SSMStateType state = getState().getType();
  if (getCache()) {
    KVCacheType cache = getCache().getType();
    int64_t cacheHeads = cache.getShape()[0];
    if (cache.getShape()[1] != keyDim || keyDim != valueDim ||
        *heads % cacheHeads != 0 || cacheHeads % shapeOf(getK())[2] != 0 ||
        cacheHeads % shapeOf(getV())[2] != 0)
      return emitOpError("(C5) ") << cache << " does not fit keys and values";
    if (cache.getLayer() != state.getLayer())
      return emitOpError("(C7) ")
             << cache << " and " << state << " belong to different layers";
    if (cache.getElementType() != elementOf(getK()))
      return emitOpError("(C12) element type ")
             << elementOf(getK()) << " does not fit " << cache;
  }
  if (static_cast<bool>(getCache()) != static_cast<bool>(getNextCache()) ||
      (getCache() && getCache().getType() != getNextCache().getType()))
    return emitOpError("(C8) a cache must go in and come out, with one type");
  if (getPositions() && (!getCache() || !getInit()))
    return emitOpError("(C9) rows that stand at positions have tokens before "
                       "them: a cache and an init are needed");
  if (failed(verifyPerRow(*this, "C10", "the number of lengths", getLengths(),
                          getQ())) ||
      failed(verifyPerRow(*this, "C10", "the number of positions",
                          getPositions(), getQ())))
    return failure();
  if (getPointAttr().getInt() <= 0 ||
      (getWindowAttr() && getWindowAttr().getInt() <= 0) ||
      (getChunkAttr() && getChunkAttr().getInt() <= 0))
    return emitOpError("(C11) TransPoint, window and chunk must be positive");
  if (failed(verifySameElement(*this, "C12",
                               {getQ(), getK(), getV(), getResult()})))
    return failure();
  if (failed(verifyRotation(*this, "C13", keyDim)) ||
      failed(verifyScale(*this, "C14", getScaleAttr())) ||
      failed(verifyOnlyUse(*this, getInit())))
    return failure();
  return verifyOnlyUse(*this, getCache());
}
