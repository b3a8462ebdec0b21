//===- InferSequenceOps.cpp - Operations that see other tokens ------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Limits.h"
#include "OpContext.h"

using namespace mlir;
using namespace transmamba;
using namespace transmamba::graph;

static constexpr StringLiteral kHeadsShape = "[B, T, heads, head dimension]";

static LogicalResult inferCausalConv1D(OpContext &context) {
  FailureOr<int64_t> layer = context.getLayer();
  if (failed(layer) || failed(context.expectFloat(0)) ||
      failed(context.expectTokens(0, 1, "[B, T, channels]")) ||
      failed(context.expectPositive("taps")))
    return failure();
  const GraphTensor &input = context.getInput(0);
  int64_t channels = input.dims[0], taps = *context.getOp().getInteger("taps");
  if (taps < 2)
    return context.errorAt("taps")
           << "a convolution over " << taps
           << " token sees no other token: give 2 taps or more";
  if (taps > kMaxTaps)
    return context.errorAt("taps")
           << "a convolution has at most " << kMaxTaps << " taps, not " << taps;
  std::string state = context.getOp().getText("state");
  if (failed(context.addParameter("weight", {channels, taps},
                                  context.getModelElement())) ||
      failed(context.addParameter("bias", {channels},
                                  context.getModelElement())) ||
      failed(context.addState(
          state.empty() ? "conv" : state,
          ConvWindowType::get(context.getContext(), *layer,
                              {taps - 1, channels},
                              context.getIRElement(input.element)))))
    return failure();
  return context.setOutput(input);
}

/// `rotary_dim` is even and within the head dimension.
static LogicalResult checkRotary(OpContext &context, StringRef theta,
                                 int64_t headDim) {
  std::optional<int64_t> given = context.getOp().getInteger("rotary_dim");
  int64_t rotaryDim = given.value_or(headDim);
  if (failed(context.expectPositiveFloat(theta)))
    return failure();
  if (rotaryDim < 2 || rotaryDim % 2 != 0 || rotaryDim > headDim)
    return (given ? context.errorAt("rotary_dim") : context.error())
           << "the rotary dimension " << rotaryDim
           << " must be even and in [2, " << headDim << "], the head dimension";
  return success();
}

static LogicalResult inferRope(OpContext &context) {
  if (failed(context.expectFloat(0)) ||
      failed(context.expectTokens(0, 2, kHeadsShape)) ||
      failed(checkRotary(context, "theta", context.getInput(0).dims[1])))
    return failure();
  return context.setOutput(context.getInput(0));
}

/// The rule of grouped heads for q, k, v (and the heads of dt); returns H.
static FailureOr<int64_t> checkHeads(OpContext &context,
                                     ArrayRef<unsigned> inputs) {
  int64_t heads = 0;
  for (unsigned number : inputs)
    heads = std::max(heads, context.getInput(number).dims[0]);
  for (unsigned number : inputs)
    if (heads % context.getInput(number).dims[0] != 0)
      return context.errorAtInput(number)
             << context.getInput(number).dims[0]
             << " heads do not divide the largest number of heads, " << heads;
  return heads;
}

/// q, k, v are heads of one element type, q and k of one head dimension.
static LogicalResult checkQKV(OpContext &context) {
  for (unsigned number : {0, 1, 2})
    if (failed(context.expectFloat(number)) ||
        failed(context.expectTokens(number, 2, kHeadsShape)) ||
        failed(context.expectElement(number, context.getInput(0).element)))
      return failure();
  if (context.getInput(0).dims[1] != context.getInput(1).dims[1])
    return context.errorAtInput(1)
           << "q is " << context.getInput(0).str() << " and k is "
           << context.getInput(1).str() << ": their head dimensions must agree";
  return success();
}

/// A cache has one number of heads and one head dimension for k and v.
static FailureOr<Type> getCacheType(OpContext &context, int64_t layer) {
  const GraphTensor &k = context.getInput(1), &v = context.getInput(2);
  if (k.dims[1] != v.dims[1])
    return context.errorAtInput(2)
           << "k is " << k.str() << " and v is " << v.str()
           << ": attention keeps them in one cache, so their head dimensions "
              "must agree";
  int64_t heads = std::max(k.dims[0], v.dims[0]);
  if (heads % k.dims[0] != 0 || heads % v.dims[0] != 0)
    return context.errorAtInput(2)
           << "k is " << k.str() << " and v is " << v.str()
           << ": one number of heads must divide the other";
  return Type(KVCacheType::get(context.getContext(), layer, {heads, k.dims[1]},
                               context.getIRElement(k.element)));
}

/// dt, A and D of H heads. Returns the type of the state.
static FailureOr<Type> checkScan(OpContext &context, int64_t layer) {
  if (failed(checkQKV(context)) ||
      failed(context.expectTokens(3, 1, "[B, T, heads]")) ||
      failed(context.expectElement(3, Element::F32)))
    return failure();
  FailureOr<int64_t> heads = checkHeads(context, {0, 1, 2, 3});
  if (failed(heads))
    return failure();
  if (context.getInput(3).dims[0] != *heads)
    return context.errorAtInput(3) << "dt is " << context.getInput(3).str()
                                   << ", but there are " << *heads << " heads";
  if (failed(context.addParameter("A_log", {*heads}, Element::F32,
                                  WeightTransform::NegExp)) ||
      failed(context.addParameter("D", {*heads}, Element::F32)) ||
      failed(context.expectPositive("chunk")))
    return failure();
  return Type(SSMStateType::get(
      context.getContext(), layer,
      {*heads, context.getInput(1).dims[1], context.getInput(2).dims[1]},
      Float32Type::get(context.getContext())));
}

static LogicalResult checkAttention(OpContext &context) {
  if (failed(context.expectPositiveFloat("scale")))
    return failure();
  return context.expectPositive("window");
}

static LogicalResult inferAttention(OpContext &context) {
  FailureOr<int64_t> layer = context.getLayer();
  if (failed(layer) || failed(checkQKV(context)) ||
      failed(checkAttention(context)))
    return failure();
  FailureOr<int64_t> heads = checkHeads(context, {0, 1, 2});
  if (failed(heads))
    return failure();
  bool isCausal = context.getOp().getFlag("causal", true);
  if (!isCausal && context.getOp().getInteger("window"))
    return context.errorAt("window") << "a window needs causal attention";
  if (!isCausal &&
      (context.hasEntry(Entry::Prefill) || context.hasEntry(Entry::Decode)))
    return context.errorAt("causal")
           << "attention that sees later tokens cannot be continued token by "
              "token: such a model has the entry \"forward\" only";
  FailureOr<Type> cache = getCacheType(context, *layer);
  std::string state = context.getOp().getText("state");
  if (failed(cache) || failed(context.setAttends(*layer, /*always=*/true)) ||
      (isCausal &&
       failed(context.addState(state.empty() ? "kv" : state, *cache))))
    return failure();
  return context.setOutput({true,
                            {*heads, context.getInput(2).dims[1]},
                            context.getInput(0).element});
}

static LogicalResult inferSSDScan(OpContext &context) {
  FailureOr<int64_t> layer = context.getLayer();
  if (failed(layer))
    return failure();
  FailureOr<Type> state = checkScan(context, *layer);
  std::string name = context.getOp().getText("state");
  if (failed(state) ||
      failed(context.addState(name.empty() ? "ssm" : name, *state)))
    return failure();
  return context.setOutput(
      {true,
       {context.getInput(3).dims[0], context.getInput(2).dims[1]},
       context.getInput(0).element});
}

/// u, dt [B, T, C], B, C [B, T, N].
static LogicalResult inferSelectiveScan(OpContext &context) {
  FailureOr<int64_t> layer = context.getLayer();
  if (failed(layer))
    return failure();
  for (unsigned number : {0, 1, 2, 3})
    if (failed(context.expectFloat(number)) ||
        failed(context.expectTokens(number, 1, "[B, T, channels]")))
      return failure();
  const GraphTensor &u = context.getInput(0);
  int64_t channels = u.dims[0], states = context.getInput(2).dims[0];
  std::string name = context.getOp().getText("state");
  if (failed(context.expectType(1, {true, {channels}, Element::F32})) ||
      failed(context.expectElement(2, u.element)) ||
      failed(context.expectType(3, context.getInput(2))) ||
      failed(context.addParameter("A_log", {channels, states}, Element::F32,
                                  WeightTransform::NegExp)) ||
      failed(context.addParameter("D", {channels}, Element::F32)) ||
      failed(context.addState(
          name.empty() ? "ssm" : name,
          SSMStateType::get(context.getContext(), *layer, {channels, states},
                            Float32Type::get(context.getContext())))))
    return failure();
  return context.setOutput(u);
}

/// The gate of the tokens that take the SSM reading, if there is one.
static LogicalResult checkGate(OpContext &context, int64_t channels) {
  const ModelOp &op = context.getOp();
  if (context.getNumInputs() < 5) {
    for (StringRef name : {"gate_weight", "eps", "groups", "norm_before_gate"})
      if (!std::holds_alternative<std::monostate>(
              op.attributes[op.spec->getAttribute(name)]))
        return context.errorAt(name)
               << "'" << name << "' belongs to the gate, but there is none: "
               << "give z as the fifth tensor in 'in'";
    return success();
  }
  int64_t groups = op.getInteger("groups").value_or(1);
  if (failed(context.expectType(
          4, {true, {channels}, context.getInput(0).element})) ||
      failed(context.expectPositiveFloat("eps")) ||
      failed(context.expectPositive("groups")))
    return failure();
  if (!op.getFloat("eps"))
    return context.error() << "'hybrid_mixer' with a gate needs 'eps': add it";
  if (channels % groups != 0)
    return context.errorAt("groups")
           << groups << " groups do not divide " << channels << " channels";
  return context.addParameter("gate_weight", {channels},
                              context.getModelElement());
}

static LogicalResult inferHybridMixer(OpContext &context) {
  FailureOr<int64_t> layer = context.getLayer();
  if (failed(layer))
    return failure();
  FailureOr<Type> state = checkScan(context, *layer);
  if (failed(state) || failed(checkAttention(context)))
    return failure();
  const ModelOp &op = context.getOp();
  if (op.getFloat("rope_theta")) {
    if (failed(checkRotary(context, "rope_theta", context.getInput(1).dims[1])))
      return failure();
  } else {
    for (StringRef name : {"rotary_dim", "interleaved"})
      if (!std::holds_alternative<std::monostate>(
              op.attributes[op.spec->getAttribute(name)]))
        return context.errorAt(name)
               << "'" << name << "' needs 'rope_theta': add it";
  }
  // dt has H heads; the sizes are below 2^31.
  int64_t channels = context.getInput(3).dims[0] * context.getInput(2).dims[1];
  GraphTensor result{true, {channels}, context.getInput(0).element};
  if (failed(checkGate(context, channels)))
    return failure();
  FailureOr<Type> cache = getCacheType(context, *layer);
  if (failed(cache))
    return failure();
  // Attention has max(Hq, Hk, Hv) heads, the scan also those of dt.
  int64_t attentionHeads =
      std::max({context.getInput(0).dims[0], context.getInput(1).dims[0],
                context.getInput(2).dims[0]});
  if (attentionHeads != context.getInput(3).dims[0])
    return context.errorAtInput(3)
           << "dt has " << context.getInput(3).dims[0]
           << " heads, but q, k and v have " << attentionHeads
           << ": both readings must have as many";
  if (failed(context.setAttends(*layer, /*always=*/false)) ||
      failed(context.addState("kv", *cache)) ||
      failed(context.addState("ssm", *state)))
    return failure();
  return context.setOutput(std::move(result));
}

bool transmamba::graph::isSequenceOp(OpKind kind) {
  switch (kind) {
  case OpKind::CausalConv1D:
  case OpKind::Rope:
  case OpKind::Attention:
  case OpKind::SSDScan:
  case OpKind::SelectiveScan:
  case OpKind::HybridMixer:
    return true;
  default:
    return false;
  }
}

LogicalResult transmamba::graph::inferSequenceOp(OpContext &context) {
  switch (context.getOp().spec->kind) {
  case OpKind::CausalConv1D:
    return inferCausalConv1D(context);
  case OpKind::Rope:
    return inferRope(context);
  case OpKind::Attention:
    return inferAttention(context);
  case OpKind::SSDScan:
    return inferSSDScan(context);
  case OpKind::SelectiveScan:
    return inferSelectiveScan(context);
  case OpKind::HybridMixer:
    return inferHybridMixer(context);
  default:
    return context.error() << "the compiler has no checks of '"
                           << context.getOp().spec->name << "'";
  }
}
