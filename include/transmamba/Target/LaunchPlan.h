//===- LaunchPlan.h - The host program as data ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TARGET_LAUNCHPLAN_H
#define TRANSMAMBA_TARGET_LAUNCHPLAN_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "transmamba/Package/Manifest.h"
#include "llvm/ADT/StringMap.h"

namespace transmamba {

/// Where the names of an entry point's arguments lead.
struct LaunchPlanContext {
  /// Indices into Manifest::parameters and Manifest::states.
  llvm::StringMap<uint64_t> parameters;
  llvm::StringMap<uint64_t> states;
  /// Index of the state that `tile.workspace` is.
  uint64_t workspace = 0;
  /// Largest values of the symbols B and T.
  int64_t maxBatch = 1;
  int64_t maxSequence = 1;
};

/// Writes an entry point that consists of allocations, index arithmetic and
/// dispatches (phase cpu or gpu, docs/phases.md) down as a launch plan. Buffers
/// whose lifetimes do not overlap share arena memory. Block sizes and shared
/// memory of the commands are not known here; `Command::block` is 1, 1, 1.
/// `workspaceWords` grows to the words that the workspace needs, 0 if none.
mlir::FailureOr<package::EntryPoint>
extractLaunchPlan(mlir::func::FuncOp entry, const LaunchPlanContext &context,
                  int64_t *workspaceWords = nullptr);

/// The manifest's name of an MLIR element type.
mlir::FailureOr<package::ElementType> toElementType(mlir::Type type);

} // namespace transmamba

#endif // TRANSMAMBA_TARGET_LAUNCHPLAN_H
