//===- TransMambaDispatch.cpp - Operations of the dialect -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// Takes operands and attributes apart; what is computed is in Operations.h.
//
//===----------------------------------------------------------------------===//

#include "Dispatch.h"

#include "transmamba/Reference/Operations.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace transmamba;
using namespace transmamba::reference;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// Results and attributes
//===----------------------------------------------------------------------===//

static Expected<Values> results(Expected<FloatTensor> tensor) {
  if (!tensor)
    return tensor.takeError();
  return Values{Value(std::move(*tensor))};
}

static Expected<Values> results(Expected<Scanned> scanned) {
  if (!scanned)
    return scanned.takeError();
  return Values{Value(std::move(scanned->y)), Value(std::move(scanned->state))};
}

static std::optional<double> real(mlir::FloatAttr attribute) {
  if (!attribute)
    return std::nullopt;
  return attribute.getValueAsDouble();
}

static std::optional<int64_t> integer(mlir::IntegerAttr attribute) {
  if (!attribute)
    return std::nullopt;
  return attribute.getInt();
}

static Function functionOf(Activation activation) {
  switch (activation) {
  case Activation::Silu:
    return Function::Silu;
  case Activation::Gelu:
    return Function::Gelu;
  case Activation::GeluTanh:
    return Function::GeluTanh;
  case Activation::Relu2:
    return Function::Relu2;
  case Activation::Sigmoid:
    return Function::Sigmoid;
  case Activation::Softplus:
    return Function::Softplus;
  }
  return Function::Silu;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static Expected<Values> evaluate(TransPointOp op, const Frame &frame,
                                 ModelContext &model) {
  int64_t tokens = frame.integer(op.getTokens());
  std::optional<int64_t> point = integer(op.getPointAttr());
  if (!point) {
    Expected<int64_t> scheduled = model.transpoint(op.getLayerAttr().getInt());
    if (!scheduled)
      return scheduled.takeError();
    point = *scheduled;
  }
  return Values{Value(std::min(*point, tokens))};
}

static Expected<Values> evaluate(GatedRMSNormOp op, const Frame &frame) {
  GatedRMSNorm options;
  options.eps = op.getEps().convertToDouble();
  options.groups = op.getGroupsAttr().getInt();
  options.normBeforeGate = op.getNormBeforeGate();
  options.transpoint = integer(op.getPointAttr());
  return results(
      gatedRMSNorm(frame.floats(op.getInput()), frame.floats(op.getGate()),
                   frame.floatsOrNull(op.getWeight()),
                   frame.integersOrNull(op.getPositions()), options));
}

static Expected<Values> evaluate(CausalConv1DOp op, const Frame &frame) {
  Expected<Convolved> convolved = causalConv1D(
      frame.floats(op.getInput()), frame.floats(op.getWeight()),
      frame.floatsOrNull(op.getBias()), frame.floatsOrNull(op.getWindow()),
      frame.integersOrNull(op.getLengths()));
  if (!convolved)
    return convolved.takeError();
  return Values{Value(std::move(convolved->y)),
                Value(std::move(convolved->window))};
}

static Expected<Values> evaluate(RopeOp op, const Frame &frame) {
  Rope options;
  options.theta = op.getTheta().convertToDouble();
  options.rotaryDim = integer(op.getRotaryDimAttr());
  options.interleaved = op.getInterleaved();
  return results(rope(frame.floats(op.getInput()),
                      frame.integersOrNull(op.getPositions()), options));
}

static Expected<Values> evaluate(AttentionOp op, const Frame &frame) {
  Attention options;
  options.scale = real(op.getScaleAttr());
  options.causal = op.getCausal();
  options.window = integer(op.getWindowAttr());
  FloatTensor logarithms;
  Expected<FloatTensor> y = attention(
      frame.floats(op.getQ()), frame.floats(op.getK()), frame.floats(op.getV()),
      frame.integersOrNull(op.getLengths()), options, &logarithms);
  if (!y || !op.getLse())
    return results(std::move(y));
  return Values{Value(std::move(*y)), Value(std::move(logarithms))};
}

static Expected<Values> evaluate(CachedAttentionOp op, const Frame &frame) {
  Attention options;
  options.scale = real(op.getScaleAttr());
  options.causal = true;
  options.window = integer(op.getWindowAttr());
  return results(cachedAttention(frame.floats(op.getQ()),
                                 frame.floats(op.getCache()),
                                 frame.integers(op.getPositions()), options));
}

static Expected<Values> evaluate(AppendKVOp op, const Frame &frame) {
  const IntTensor *positions = frame.integersOrNull(op.getPositions());
  const FloatTensor *k = &frame.floats(op.getK());
  std::optional<FloatTensor> rotated;
  if (op.getRopeTheta()) {
    Rope options;
    options.theta = op.getRopeTheta()->convertToDouble();
    options.rotaryDim = integer(op.getRotaryDimAttr());
    options.interleaved = op.getInterleaved();
    Expected<FloatTensor> result = rope(*k, positions, options);
    if (!result)
      return result.takeError();
    k = &rotated.emplace(std::move(*result));
  }
  return results(appendKV(frame.floats(op.getCache()), *k,
                          frame.floats(op.getV()), positions,
                          frame.integersOrNull(op.getLengths())));
}

static Expected<Values> evaluate(ConvertMemoryOp op, const Frame &frame) {
  return results(convertMemory(frame.floats(op.getK()), frame.floats(op.getV()),
                               frame.floats(op.getDt()),
                               frame.floats(op.getA()),
                               frame.integersOrNull(op.getLengths())));
}

// The chunk is a hint for block algorithms, which this is not (identity 7).
static Expected<Values> evaluate(SSDScanOp op, const Frame &frame) {
  return results(ssdScan(
      frame.floats(op.getQ()), frame.floats(op.getK()), frame.floats(op.getV()),
      frame.floats(op.getDt()), frame.floats(op.getA()),
      frame.floatsOrNull(op.getSkip()), frame.floatsOrNull(op.getInit()),
      op.getStart() ? frame.integer(op.getStart()) : 0,
      frame.integersOrNull(op.getLengths())));
}

static Expected<Values> evaluate(SelectiveScanOp op, const Frame &frame) {
  return results(selectiveScan(
      frame.floats(op.getU()), frame.floats(op.getDt()),
      frame.floats(op.getA()), frame.floats(op.getB()), frame.floats(op.getC()),
      frame.floatsOrNull(op.getSkip()), frame.floatsOrNull(op.getInit()),
      frame.integersOrNull(op.getLengths())));
}

static Expected<Values> evaluate(SelectReadingOp op, const Frame &frame,
                                 ModelContext &model) {
  std::optional<int64_t> point = integer(op.getPointAttr());
  if (!point) {
    Expected<int64_t> scheduled = model.transpoint(op.getLayerAttr().getInt());
    if (!scheduled)
      return scheduled.takeError();
    point = *scheduled;
  }
  return results(selectReading(frame.floats(op.getAttention()),
                               frame.floats(op.getSsm()),
                               frame.integers(op.getPositions()), *point));
}

static Expected<Values> evaluate(SwitchOp op, const Frame &frame) {
  Switch options;
  options.transpoint = op.getPointAttr().getInt();
  options.scale = real(op.getScaleAttr());
  options.window = integer(op.getWindowAttr());
  if (op.getRopeThetaAttr()) {
    options.rope.emplace();
    options.rope->theta = *real(op.getRopeThetaAttr());
    options.rope->rotaryDim = integer(op.getRotaryDimAttr());
    options.rope->interleaved = op.getInterleaved();
  }
  Expected<Switched> switched = switchReading(
      frame.floats(op.getQ()), frame.floats(op.getK()), frame.floats(op.getV()),
      frame.floats(op.getDt()), frame.floats(op.getA()),
      frame.floatsOrNull(op.getSkip()), frame.floatsOrNull(op.getInit()),
      frame.floatsOrNull(op.getCache()),
      frame.integersOrNull(op.getPositions()),
      frame.integersOrNull(op.getLengths()), options);
  if (!switched)
    return switched.takeError();
  Values values{Value(std::move(switched->y)),
                Value(std::move(switched->state))};
  if (switched->cache)
    values.push_back(Value(std::move(*switched->cache)));
  return values;
}

Expected<Values> transmamba::reference::evaluateTransMamba(
    mlir::Operation *op, const Frame &frame, ModelContext &model) {
  using R = Expected<Values>;
  return llvm::TypeSwitch<mlir::Operation *, R>(op)
      .Case([&](GetParameterOp get) -> R {
        Expected<Value> value = model.parameter(get.getName());
        if (!value)
          return value.takeError();
        return Values{*value};
      })
      .Case([&](EmbeddingOp embed) {
        return results(embedding(frame.integers(embed.getTokens()),
                                 frame.floats(embed.getTable())));
      })
      .Case([&](ActivateOp activation) -> R {
        return Values{Value(activate(functionOf(activation.getFunction()),
                                     frame.floats(activation.getInput())))};
      })
      .Case([&](RMSNormOp norm) {
        return results(rmsNorm(frame.floats(norm.getInput()),
                               frame.floats(norm.getWeight()),
                               norm.getEps().convertToDouble()));
      })
      .Case([&](LastTokenOp last) {
        return results(lastToken(frame.floats(last.getInput()),
                                 frame.integers(last.getLengths())));
      })
      .Case<TransPointOp, SelectReadingOp>(
          [&](auto concrete) { return evaluate(concrete, frame, model); })
      .Case<GatedRMSNormOp, CausalConv1DOp, RopeOp, AttentionOp,
            CachedAttentionOp, AppendKVOp, ConvertMemoryOp, SSDScanOp,
            SelectiveScanOp, SwitchOp>(
          [&](auto concrete) { return evaluate(concrete, frame); })
      .Default([](mlir::Operation *) -> R {
        return fail("the interpreter does not know this operation: it runs "
                    "what the phases import, schedule and fuse produce");
      });
}
