//===- Phases.h - The phases of a compilation -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// docs/phases.md says what the IR looks like after each phase. The driver, the
// pipelines of transmamba-opt and bindings all call the functions declared
// here.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PIPELINES_PHASES_H
#define TRANSMAMBA_PIPELINES_PHASES_H

#include "mlir/Pass/PassManager.h"
#include "transmamba/Target/Host/CpuLevel.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace transmamba {

/// In the order in which they run; those of a GPU with tile kernels branch off
/// after Fuse, those of others after Linalg.
enum class Phase {
  Import,
  Schedule,
  Fuse,
  Tile,
  Merge,
  Linalg,
  Cpu,
  Llvm,
  Object,
  Gpu,
  Nvvm,
  Ptx,
  Cubin,
  Package
};

struct PhaseInfo {
  Phase phase;
  llvm::StringLiteral name;
  llvm::StringLiteral description;
};

llvm::ArrayRef<PhaseInfo> getPhases();
llvm::StringRef getPhaseName(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);

/// How hot operations of 16-bit floats become kernels of a GPU.
enum class GpuKernels {
  /// Tile kernels.
  Tile,
  /// The same; kernels that belong together are one launch, where the chip has
  /// what that needs.
  Merged,
  /// Linalg on tiles, as everything else.
  Linalg
};

/// What code is made for.
struct CompileTarget {
  enum class Kind { Cpu, Nvidia };

  Kind kind = Kind::Cpu;
  CpuLevel level = CpuLevel::V3;
  /// "sm_90a" or "sm_80".
  std::string chip;
  /// Of a GPU.
  GpuKernels gpuKernels = GpuKernels::Tile;
  /// A row gives the same bits in any batch. Without it, scans by tile kernels
  /// cut the tokens into more segments the fewer rows there are.
  bool batchInvariant = false;

  bool hasTileKernels() const {
    return kind == Kind::Nvidia && gpuKernels != GpuKernels::Linalg;
  }

  /// Where that is asked for and the chip can draw work.
  bool mergesLaunches() const;

  /// The name in a package: "cpu:x86-64-v3", "nvidia:sm_90a".
  std::string getName() const;
};

/// The targets that there are, with a description each.
llvm::ArrayRef<std::pair<llvm::StringLiteral, llvm::StringLiteral>>
getTargets();

/// "cpu", "cpu:LEVEL" or "nvidia:CHIP"; "cpu:native" is the highest level that
/// this machine supports.
std::optional<CompileTarget> parseTarget(llvm::StringRef name);

/// Whether a phase belongs to a target: those up to Linalg but Tile and Merge,
/// and Package, belong to all.
bool hasPhase(const CompileTarget &target, Phase phase);

/// The TransPoints of the layers; branches and state that no layer uses go.
void populateSchedulePhase(mlir::OpPassManager &pm);
/// One switch where there were attention, conversion, scan and concat.
void populateFusePhase(mlir::OpPassManager &pm);
/// Hot operations to tile kernels, which a phase Merge can join.
void populateTilePhase(mlir::OpPassManager &pm, const CompileTarget &target);
/// Tile kernels that belong together to one persistent kernel.
void populateMergePhase(mlir::OpPassManager &pm);
/// Everything else to linalg and workgroup loops on tensors. Attention of one
/// query to a cache is cut into segments of the cache where that is asked for:
/// a GPU has more workgroups to fill than there are heads.
void populateLinalgPhase(mlir::OpPassManager &pm, bool cutsCaches = false);
/// The first half of the phases cpu and gpu: kernels and dispatches, still with
/// linalg in the kernels, with tiles that suit the target.
void populateDispatch(mlir::OpPassManager &pm, const CompileTarget &target);
/// The second half of phase cpu: kernels to vector loops.
void populateCpuKernels(mlir::OpPassManager &pm, const CompileTarget &target);
/// The second half of phase gpu: kernels to gpu.func and gpu.launch_func.
void populateGpuKernels(mlir::OpPassManager &pm);

/// `transmamba-to-<phase>` for linalg, cpu, gpu and nvvm, and
/// `transmamba-to-gpu-binary`, each from a model after import.
void registerTransMambaPipelines();

} // namespace transmamba

#endif // TRANSMAMBA_PIPELINES_PHASES_H
