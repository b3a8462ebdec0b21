//===- Advisor.h - Which TransPoint costs what ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PIPELINES_ADVISOR_H
#define TRANSMAMBA_PIPELINES_ADVISOR_H

#include "mlir/IR/BuiltinOps.h"
#include "transmamba/Conversion/TransMambaToTile/MixerCost.h"
#include "transmamba/Pipelines/Phases.h"
#include <vector>

namespace transmamba {

/// A TransPoint of a layer and what it costs.
struct TransPointCost {
  int64_t point;
  MixerTime time;
  /// Caches and states of the layer, for all sequences.
  int64_t stateBytes;
};

struct LayerAdvice {
  int64_t layer;
  MixerSizes sizes;
  /// As the schedule says.
  TransPointCost current;
  /// 0, the powers of two from 64 on, and the longest sequence.
  std::vector<TransPointCost> candidates;
  /// The candidate that takes least time; of equal ones the smallest state.
  TransPointCost best;
};

struct Advice {
  int64_t batch, tokens;
  std::vector<LayerAdvice> layers;
};

/// What the mixers of a model after import would take for a prefill of `batch`
/// sequences of `tokens` tokens on `target`. Fails, with an error, where there
/// is no model of cost: other targets than sm_90a with tile kernels, and mixers
/// of other types than 16-bit floats. `module` is not changed.
mlir::FailureOr<Advice> adviseTransPoints(mlir::ModuleOp module,
                                          const CompileTarget &target,
                                          int64_t batch, int64_t tokens);

/// A table for people.
void printAdvice(llvm::raw_ostream &stream, const Advice &advice);

} // namespace transmamba

#endif // TRANSMAMBA_PIPELINES_ADVISOR_H
