//===- Advisor.cpp - Which TransPoint costs what --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A TransPoint in the middle of the longest sequence makes every hybrid layer
// one transmamba.switch; its shapes are all that the cost of any TransPoint
// depends on.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Pipelines/Advisor.h"
#include "Limits.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "transmamba/Analysis/StateLayout.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"

#include <algorithm>

using namespace mlir;
using namespace transmamba;

static void setSchedule(ModuleOp module, int64_t point) {
  module->setAttr(TransMambaDialect::kScheduleAttr,
                  ScheduleAttr::get(module.getContext(), {point}));
}

static int64_t getHeads(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(2);
}

static int64_t getRowBytes(const StateLayout &layout,
                           StateTypeInterface state) {
  RankedTensorType type = layout.getTensorType(state);
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  for (int64_t size : type.getShape().drop_front())
    bytes *= size;
  return bytes;
}

namespace {
/// What is known of a layer before a TransPoint is.
struct HybridLayer {
  MixerSizes sizes;
  SSMStateType state;
  /// Null where no entry point keeps keys and values.
  KVCacheType cache;
};
} // namespace

static LogicalResult findLayers(ModuleOp module, int64_t batch, int64_t tokens,
                                llvm::MapVector<int64_t, HybridLayer> &layers) {
  WalkResult walk = module.walk([&](SwitchOp op) {
    // A decode step is of one token.
    auto q = cast<RankedTensorType>(op.getQ().getType());
    auto v = cast<RankedTensorType>(op.getV().getType());
    if (q.getDimSize(1) == 1)
      return WalkResult::advance();
    if (!q.getElementType().isBF16() && !q.getElementType().isF16()) {
      op.emitError("there is no model of cost for ")
          << q.getElementType() << ", only for 16-bit floats";
      return WalkResult::interrupt();
    }
    auto state = cast<SSMStateType>(op.getState().getType());
    auto heads = cast<RankedTensorType>(op.getResult().getType()).getDimSize(2);
    // Of several entry points, what any of them does.
    HybridLayer &layer =
        layers
            .try_emplace(state.getLayer(),
                         HybridLayer{{batch, tokens, heads, getHeads(op.getK()),
                                      getHeads(op.getV()), q.getDimSize(3),
                                      v.getDimSize(3), /*copiesPrefix=*/false},
                                     state,
                                     nullptr})
            .first->second;
    if (op.getCache())
      layer.cache = cast<KVCacheType>(op.getCache().getType());
    layer.sizes.copiesPrefix |= op.getCache() || op.getRopeTheta();
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

FailureOr<Advice> transmamba::adviseTransPoints(ModuleOp module,
                                                const CompileTarget &target,
                                                int64_t batch, int64_t tokens) {
  if (!target.hasTileKernels() || target.chip != "sm_90a")
    return module.emitError("there is no model of cost for target ")
           << target.getName() << ", only for nvidia:sm_90a with tile kernels";
  if (failed(checkLimits(module)))
    return failure();
  StateLayout given(module);
  int64_t longest = given.getMaxSequence().value_or(0);
  if (longest < 2)
    return module.emitError("a TransPoint needs a bound '")
           << TransMambaDialect::kMaxSequenceAttr << "' of two tokens or more";
  if (tokens > longest)
    return module.emitError("a sequence has at most ")
           << longest << " tokens, advice is wanted for " << tokens;

  OwningOpRef<ModuleOp> probe = module.clone();
  setSchedule(*probe, longest / 2);
  PassManager pm(module.getContext());
  populateSchedulePhase(pm);
  populateFusePhase(pm);
  llvm::MapVector<int64_t, HybridLayer> layers;
  if (failed(pm.run(*probe)) ||
      failed(findLayers(*probe, batch, tokens, layers)))
    return failure();
  if (layers.empty())
    return module.emitError("no layer has a TransPoint");

  std::vector<int64_t> points = {0};
  for (int64_t point = 64; point < longest; point *= 2)
    points.push_back(point);
  points.push_back(longest);

  Advice advice{batch, tokens, {}};
  for (auto &[number, layer] : layers) {
    auto getCost = [&, &layer = layer](int64_t point) {
      setSchedule(*probe, point);
      StateLayout layout(*probe);
      // A layer of one reading keeps the state of that reading only.
      int64_t bytes = 0;
      if (point > 0 && layer.cache)
        bytes += getRowBytes(layout, layer.cache);
      if (point < longest)
        bytes += getRowBytes(layout, layer.state);
      return TransPointCost{point, estimateMixer(layer.sizes, point, longest),
                            bytes * batch};
    };
    LayerAdvice own;
    own.layer = number;
    own.sizes = layer.sizes;
    own.current = getCost(given.getTransPoint(number).value_or(longest));
    for (int64_t point : points)
      own.candidates.push_back(getCost(point));
    own.best =
        *std::min_element(own.candidates.begin(), own.candidates.end(),
                          [](const TransPointCost &a, const TransPointCost &b) {
                            return std::pair(a.time.total(), a.stateBytes) <
                                   std::pair(b.time.total(), b.stateBytes);
                          });
    advice.layers.push_back(std::move(own));
  }
  llvm::sort(advice.layers, [](const LayerAdvice &a, const LayerAdvice &b) {
    return a.layer < b.layer;
  });
  return advice;
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

static void printRow(raw_ostream &stream, const TransPointCost &cost) {
  stream << llvm::format("%8lld %9.1f %9.1f %9.1f %9.1f %12.3f\n",
                         static_cast<long long>(cost.point),
                         cost.time.attention, cost.time.prefix, cost.time.scan,
                         cost.time.total(), cost.stateBytes / 1e6);
}

static bool isAlike(const LayerAdvice &a, const LayerAdvice &b) {
  return a.sizes == b.sizes &&
         a.candidates.front().stateBytes == b.candidates.front().stateBytes;
}

void transmamba::printAdvice(raw_ostream &stream, const Advice &advice) {
  stream << "TransPoints for a prefill of " << advice.batch << " x "
         << advice.tokens
         << " tokens, predicted for one H200; times in microseconds\n";
  // Layers of one shape share a table.
  std::vector<bool> isPrinted(advice.layers.size());
  for (size_t i = 0; i < advice.layers.size(); ++i) {
    const LayerAdvice &first = advice.layers[i];
    if (isPrinted[i])
      continue;
    stream << "\nlayers";
    for (size_t j = i; j < advice.layers.size(); ++j)
      if (isAlike(first, advice.layers[j])) {
        isPrinted[j] = true;
        stream << " " << advice.layers[j].layer;
      }
    stream << ": " << first.sizes.heads << " heads, state "
           << first.sizes.stateDim << " x " << first.sizes.headDim << "\n"
           << "      P  attention    prefix      scan     total     state MB\n";
    for (const TransPointCost &cost : first.candidates)
      printRow(stream, cost);
    stream << "fastest: P = " << first.best.point << ", "
           << llvm::format("%.1f us\n", first.best.time.total());
  }

  double now = 0, best = 0;
  int64_t stateNow = 0, stateBest = 0;
  stream << "\nlayer        P     us  state MB   fastest P     us  state MB\n";
  for (const LayerAdvice &layer : advice.layers) {
    stream << llvm::format(
        "%5lld %8lld %6.1f %9.3f %11lld %6.1f %9.3f\n",
        static_cast<long long>(layer.layer),
        static_cast<long long>(layer.current.point), layer.current.time.total(),
        layer.current.stateBytes / 1e6,
        static_cast<long long>(layer.best.point), layer.best.time.total(),
        layer.best.stateBytes / 1e6);
    now += layer.current.time.total();
    best += layer.best.time.total();
    stateNow += layer.current.stateBytes;
    stateBest += layer.best.stateBytes;
  }
  stream << llvm::format("total %15.1f %9.3f %18.1f %9.3f\n", now,
                         stateNow / 1e6, best, stateBest / 1e6);
}
