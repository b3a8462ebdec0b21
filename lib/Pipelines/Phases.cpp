//===- Phases.cpp - The phases of a compilation ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Pipelines/Phases.h"

#include "Tile/IR/Target.h"
#include "Tile/Transforms/Passes.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "transmamba/Conversion/LinalgToDispatch/LinalgToDispatch.h"
#include "transmamba/Conversion/TransMambaToLinalg/TransMambaToLinalg.h"
#include "transmamba/Conversion/TransMambaToTile/TransMambaToTile.h"
#include "transmamba/Target/Host/Host.h"
#include "transmamba/Target/NVPTX.h"
#include "transmamba/Transforms/Passes.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static constexpr PhaseInfo phases[] = {
    {Phase::Import, "import", "the model graph as transmamba operations"},
    {Phase::Schedule, "schedule",
     "a TransPoint for each layer; what a layer never uses is gone"},
    {Phase::Fuse, "fuse", "one transmamba.switch for each hybrid mixer"},
    {Phase::Tile, "tile", "GPU: tile kernels of hot operations (bf16, f16)"},
    {Phase::Merge, "merge",
     "GPU: tile kernels that belong together as one persistent kernel"},
    {Phase::Linalg, "linalg",
     "linalg on tensors; hot operations as loops over workgroups"},
    {Phase::Cpu, "cpu",
     "CPU: host program of dispatches, kernels as vector loops"},
    {Phase::Llvm, "llvm", "CPU: kernels in the llvm dialect"},
    {Phase::Object, "object", "CPU: kernels as a shared object"},
    {Phase::Gpu, "gpu", "GPU: host program of launches, kernels as gpu.func"},
    {Phase::Nvvm, "nvvm", "GPU: kernels in the nvvm dialect"},
    {Phase::Ptx, "ptx", "GPU: kernels as PTX"},
    {Phase::Cubin, "cubin", "GPU: kernels as machine code, by ptxas"},
    {Phase::Package, "package", "one file with everything, ready to run"},
};

ArrayRef<PhaseInfo> transmamba::getPhases() { return phases; }

StringRef transmamba::getPhaseName(Phase phase) {
  return llvm::find_if(
             phases, [&](const PhaseInfo &info) { return info.phase == phase; })
      ->name;
}

std::optional<Phase> transmamba::parsePhase(StringRef name) {
  const auto *it = llvm::find_if(
      phases, [&](const PhaseInfo &info) { return info.name == name; });
  if (it == std::end(phases))
    return std::nullopt;
  return it->phase;
}

static constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral> targets[] =
    {
        {"cpu", "x86-64-v3 (AVX2, FMA): the default"},
        {"cpu:x86-64-v2", "processors without AVX2"},
        {"cpu:x86-64-v3", "AVX2 and FMA"},
        {"cpu:x86-64-v4", "AVX-512"},
        {"cpu:native", "the highest of these levels that this machine has"},
        {"nvidia:sm_90a", "Hopper (H100, H200)"},
        {"nvidia:sm_80", "Ampere (A100) and, through PTX, everything later"},
};

ArrayRef<std::pair<llvm::StringLiteral, llvm::StringLiteral>>
transmamba::getTargets() {
  return targets;
}

std::string CompileTarget::getName() const {
  if (kind == Kind::Nvidia)
    return "nvidia:" + chip;
  return ("cpu:" + getCpuLevelName(level)).str();
}

std::optional<CompileTarget> transmamba::parseTarget(StringRef name) {
  CompileTarget target;
  if (name.consume_front("nvidia:")) {
    target.kind = CompileTarget::Kind::Nvidia;
    target.chip = name.str();
    if (name != "sm_90a" && name != "sm_80")
      return std::nullopt;
    return target;
  }
  if (name == "cpu")
    return target;
  if (!name.consume_front("cpu:"))
    return std::nullopt;
  std::optional<CpuLevel> level = parseCpuLevel(name);
  if (!level)
    return std::nullopt;
  target.level = *level;
  if (target.level == CpuLevel::Native) {
    target.level = CpuLevel::V2;
    for (CpuLevel candidate : {CpuLevel::V3, CpuLevel::V4})
      if (isSupportedByThisMachine(candidate))
        target.level = candidate;
  }
  return target;
}

bool CompileTarget::mergesLaunches() const {
  return hasTileKernels() && gpuKernels == GpuKernels::Merged &&
         tile::findTarget(chip)->hasTickets;
}

bool transmamba::hasPhase(const CompileTarget &target, Phase phase) {
  switch (phase) {
  case Phase::Tile:
    return target.hasTileKernels();
  case Phase::Merge:
    return target.mergesLaunches();
  case Phase::Cpu:
  case Phase::Llvm:
  case Phase::Object:
    return target.kind == CompileTarget::Kind::Cpu;
  case Phase::Gpu:
  case Phase::Nvvm:
  case Phase::Ptx:
  case Phase::Cubin:
    return target.kind == CompileTarget::Kind::Nvidia;
  default:
    return true;
  }
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

void transmamba::populateSchedulePhase(OpPassManager &pm) {
  populateSchedulePipeline(pm);
}

void transmamba::populateFusePhase(OpPassManager &pm) {
  populateFusePipeline(pm);
}

void transmamba::populateTilePhase(OpPassManager &pm,
                                   const CompileTarget &target) {
  ConvertTransMambaToTileOptions options;
  options.chip = target.chip;
  options.groups = target.mergesLaunches();
  options.batchInvariant = target.batchInvariant;
  pm.addPass(createConvertTransMambaToTile(options));
  populateCleanUp(pm);
}

void transmamba::populateMergePhase(OpPassManager &pm) {
  pm.addPass(createTileMergeLaunches());
  populateCleanUp(pm);
}

void transmamba::populateLinalgPhase(OpPassManager &pm, bool cutsCaches) {
  ConvertTransMambaToLinalgOptions options;
  if (cutsCaches)
    options.keySegment = 64;
  populateLinalgPipeline(pm, options);
}

void transmamba::populateDispatch(OpPassManager &pm,
                                  const CompileTarget &target) {
  TileToWorkgroupsOptions options;
  if (target.kind == CompileTarget::Kind::Nvidia) {
    // A block of 256 threads: 4 x 4 outputs a thread in a matmul, a few
    // elements a thread elsewhere.
    options.matmulRows = 64;
    options.matmulColumns = 64;
    options.tileElements = 2048;
    // A warp takes a row that is wide.
    options.reducedRows = 4;
  } else {
    // A tile of B (64 columns) stays in the second-level cache.
    options.matmulRows = 64;
    options.matmulColumns = 64;
    options.tileElements = 8192;
  }
  populateDispatchPipeline(pm, options);
}

void transmamba::populateCpuKernels(OpPassManager &pm,
                                    const CompileTarget &target) {
  CpuOptions options;
  options.level = target.level;
  populateCpuPipeline(pm, options);
}

void transmamba::populateGpuKernels(OpPassManager &pm) {
  populateGpuPipeline(pm);
}

//===----------------------------------------------------------------------===//
// Pipelines of transmamba-opt
//===----------------------------------------------------------------------===//

namespace {
struct ToCpuOptions : public PassPipelineOptions<ToCpuOptions> {
  Option<CpuLevel> level{
      *this, "level", llvm::cl::desc("Processor level"),
      llvm::cl::init(CpuLevel::V3),
      llvm::cl::values(
          clEnumValN(CpuLevel::V2, "x86-64-v2", "processors without AVX2"),
          clEnumValN(CpuLevel::V3, "x86-64-v3", "AVX2 and FMA"),
          clEnumValN(CpuLevel::V4, "x86-64-v4", "AVX-512"),
          clEnumValN(CpuLevel::Native, "native", "this machine"))};
};
enum class Chip { SM80, SM90A };
enum class Format { Ptx, Cubin };

struct ToGpuOptions : public PassPipelineOptions<ToGpuOptions> {
  Option<Chip> chip{
      *this, "chip", llvm::cl::desc("GPU"), llvm::cl::init(Chip::SM90A),
      llvm::cl::values(clEnumValN(Chip::SM90A, "sm_90a", "Hopper"),
                       clEnumValN(Chip::SM80, "sm_80", "Ampere"))};
  Option<GpuKernels> kernels{
      *this, "gpu-kernels", llvm::cl::desc("Hot operations of 16-bit floats"),
      llvm::cl::init(GpuKernels::Tile),
      llvm::cl::values(
          clEnumValN(GpuKernels::Tile, "tile", "tile kernels"),
          clEnumValN(GpuKernels::Merged, "merged",
                     "tile kernels, one launch where they belong together"),
          clEnumValN(GpuKernels::Linalg, "linalg", "as everything else"))};
  Option<bool> batchInvariant{
      *this, "batch-invariant",
      llvm::cl::desc("A row gives the same bits in any batch"),
      llvm::cl::init(false)};
  Option<Format> format{
      *this, "format", llvm::cl::desc("Contents of the gpu.binary"),
      llvm::cl::init(Format::Ptx),
      llvm::cl::values(
          clEnumValN(Format::Ptx, "isa", "PTX"),
          clEnumValN(Format::Cubin, "bin", "machine code; needs ptxas"))};

  StringRef chipName() const { return chip == Chip::SM80 ? "sm_80" : "sm_90a"; }
};
} // namespace

static void toLinalg(OpPassManager &pm) {
  populateSchedulePhase(pm);
  populateFusePhase(pm);
  populateLinalgPhase(pm);
}

static void toCpu(OpPassManager &pm, const ToCpuOptions &options) {
  CompileTarget target =
      *parseTarget(("cpu:" + getCpuLevelName(options.level)).str());
  toLinalg(pm);
  populateDispatch(pm, target);
  populateCpuKernels(pm, target);
}

static void toGpu(OpPassManager &pm, const ToGpuOptions &options) {
  CompileTarget target{CompileTarget::Kind::Nvidia, CpuLevel::V3,
                       options.chipName().str(), options.kernels,
                       options.batchInvariant};
  populateSchedulePhase(pm);
  populateFusePhase(pm);
  if (target.hasTileKernels())
    populateTilePhase(pm, target);
  if (target.mergesLaunches())
    populateMergePhase(pm);
  populateLinalgPhase(pm, /*cutsCaches=*/true);
  populateDispatch(pm, target);
  populateGpuKernels(pm);
}

static void toNvvm(OpPassManager &pm, const ToGpuOptions &options) {
  toGpu(pm, options);
  populateNvvmPipeline(pm);
}

static void toGpuBinary(OpPassManager &pm, const ToGpuOptions &options) {
  toNvvm(pm, options);
  GpuNVVMAttachTargetOptions attach;
  attach.chip = options.chipName().str();
  // The pass's default, +ptx60, is older than the chips.
  attach.features = options.chip == Chip::SM80 ? "+ptx70" : "+ptx80";
  attach.optLevel = 3;
  pm.addPass(createGpuNVVMAttachTarget(attach));
  GpuModuleToBinaryPassOptions binary;
  binary.compilationTarget = options.format == Format::Ptx ? "isa" : "bin";
  pm.addPass(createGpuModuleToBinaryPass(binary));
}

void transmamba::registerTransMambaPipelines() {
  PassPipelineRegistration<>("transmamba-to-linalg",
                             "From a model graph to phase linalg", toLinalg);
  PassPipelineRegistration<ToCpuOptions>(
      "transmamba-to-cpu", "From a model graph to phase cpu", toCpu);
  PassPipelineRegistration<ToGpuOptions>(
      "transmamba-to-gpu", "From a model graph to phase gpu", toGpu);
  PassPipelineRegistration<ToGpuOptions>(
      "transmamba-to-nvvm", "From a model graph to phase nvvm", toNvvm);
  PassPipelineRegistration<ToGpuOptions>(
      "transmamba-to-gpu-binary",
      "The whole way from a model graph to a gpu.binary", toGpuBinary);
}
