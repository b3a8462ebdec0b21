//===- StateLayout.h - How states lie in memory -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A state type names its layer and shape; the rows of the batch and the
// capacity of a cache come from the module. This is the one place that puts
// them together: the lowering to tensors and the launch plan both ask it.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_ANALYSIS_STATELAYOUT_H
#define TRANSMAMBA_ANALYSIS_STATELAYOUT_H

#include "TransMamba/IR/TransMambaDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>

namespace transmamba {

/// The schedule and the bounds of a model, read once from its module.
class StateLayout {
public:
  explicit StateLayout(mlir::ModuleOp module);

  /// The TransPoint of a layer, where the module has a schedule.
  std::optional<int64_t> getTransPoint(int64_t layer) const;

  /// The longest sequence, where the module bounds it.
  std::optional<int64_t> getMaxSequence() const { return maxSequence; }

  /// How many tokens the cache of a layer holds: its TransPoint, at most the
  /// longest sequence. Absent where the module says neither.
  std::optional<int64_t> getCapacity(int64_t layer) const;

  /// The tensor that holds a state for a dynamic number of rows:
  ///   kv_cache<layer = l, HxDxT>    -> tensor<?x2xHxCAPxDxT>
  ///   ssm_state<layer = l, HxNxD>   -> tensor<?xHxNxDxf32>
  ///   conv_window<layer = l, WxCxT> -> tensor<?xWxCxT>
  /// Null for a cache without a capacity.
  mlir::RankedTensorType getTensorType(StateTypeInterface state) const;

private:
  ScheduleAttr schedule;
  std::optional<int64_t> maxSequence;
};

} // namespace transmamba

#endif // TRANSMAMBA_ANALYSIS_STATELAYOUT_H
