//===- Compiler.cpp - From a model graph to a package ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Pipelines/Compiler.h"
#include "Limits.h"

#include "Tile/IR/TileDialect.h"
#include "Tile/IR/TileOps.h"
#include "Tile/Transforms/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "transmamba/Analysis/StateLayout.h"
#include "transmamba/Conversion/TransMambaToTile/Config.h"
#include "transmamba/Pipelines/Weights.h"
#include "transmamba/Target/Host/Host.h"
#include "transmamba/Target/LaunchPlan.h"
#include "transmamba/Target/NVPTX.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>

using namespace mlir;
using namespace transmamba;

void transmamba::registerCompiler(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registry.insert<tile::TileDialect, TransMambaDialect>();
  tile::registerBufferization(registry);
  registerNvptxTranslation(registry);
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

namespace {
using Clock = std::chrono::steady_clock;

/// Runs phases and does what is common to all: time, dumps, early stops.
class Compilation {
public:
  Compilation(ModuleOp module, const CompileOptions &options)
      : source(module), options(options) {}

  FailureOr<CompiledModel> run();

private:
  LogicalResult runPasses(ModuleOp module,
                          llvm::function_ref<void(OpPassManager &)> populate);
  /// Ends a phase: true if it is the last one.
  FailureOr<bool> finish(Phase phase, StringRef target, StringRef extension,
                         llvm::function_ref<void(raw_ostream &)> print);
  FailureOr<bool> finish(Phase phase, StringRef target, ModuleOp module);

  void describeWorkspace(int64_t words);
  LogicalResult describeModel(ModuleOp module);
  LogicalResult describeStates(func::FuncOp entry);
  LogicalResult addParameters(ModuleOp module);
  /// Runs phase linalg: the module after it, or nothing if it is the last.
  FailureOr<ModuleOp> lower(OwningOpRef<ModuleOp> module, StringRef target,
                            bool cutsCaches);
  /// Runs the phases up to linalg for a target, as `lower`.
  FailureOr<ModuleOp> lowerFor(const CompileTarget &target, ModuleOp fused);
  FailureOr<bool> compileTarget(ModuleOp linalgModule,
                                const CompileTarget &target);
  FailureOr<bool> compileCpu(ModuleOp module, const CompileTarget &target,
                             package::Variant &variant);
  FailureOr<bool> compileGpu(ModuleOp module, const CompileTarget &target,
                             package::Variant &variant);

  ModuleOp source;
  const CompileOptions &options;
  CompiledModel result;
  LaunchPlanContext plans;
  /// The module after phase linalg of the targets without tile kernels.
  ModuleOp shared;
  Clock::time_point phaseStart = Clock::now();
  unsigned phaseNumber = 0;
};
} // namespace

LogicalResult
Compilation::runPasses(ModuleOp module,
                       llvm::function_ref<void(OpPassManager &)> populate) {
  PassManager pm(module.getContext());
  populate(pm);
  return pm.run(module);
}

FailureOr<bool>
Compilation::finish(Phase phase, StringRef target, StringRef extension,
                    llvm::function_ref<void(raw_ostream &)> print) {
  std::chrono::duration<double> elapsed = Clock::now() - phaseStart;
  if (options.progress)
    options.progress(getPhaseName(phase), target, elapsed.count());
  ++phaseNumber;
  if (!options.dumpDirectory.empty()) {
    std::string name;
    llvm::raw_string_ostream nameStream(name);
    nameStream << llvm::format("%02u-", phaseNumber) << getPhaseName(phase);
    if (!target.empty())
      nameStream << "." << target.split(':').second;
    nameStream << "." << extension;
    SmallString<128> path(options.dumpDirectory);
    llvm::sys::path::append(path, name);
    std::error_code error;
    llvm::raw_fd_ostream file(path, error);
    if (!error) {
      print(file);
      file.close();
      error = file.error();
      file.clear_error();
    }
    if (error)
      return mlir::emitError(
                 FileLineColLoc::get(source.getContext(), path, 0, 0))
             << "cannot be written: " << error.message();
  }
  phaseStart = Clock::now();
  return options.stopAfter == phase;
}

FailureOr<bool> Compilation::finish(Phase phase, StringRef target,
                                    ModuleOp module) {
  auto print = [&](raw_ostream &stream) { module.print(stream); };
  FailureOr<bool> last = finish(phase, target, "mlir", print);
  if (succeeded(last) && *last) {
    llvm::raw_string_ostream stream(result.text);
    print(stream);
  }
  return last;
}

//===----------------------------------------------------------------------===//
// What the manifest says of the model
//===----------------------------------------------------------------------===//

LogicalResult Compilation::describeStates(func::FuncOp entry) {
  StateLayout layout(entry->getParentOfType<ModuleOp>());
  for (BlockArgument argument : entry.getArguments()) {
    auto state = dyn_cast<StateTypeInterface>(argument.getType());
    if (!state)
      continue;
    auto name = entry.getArgAttrOfType<StringAttr>(
        argument.getArgNumber(), TransMambaDialect::kNameAttr);
    if (!name)
      return entry.emitError("argument ")
             << argument.getArgNumber() << " needs '"
             << TransMambaDialect::kNameAttr << "'";
    RankedTensorType tensor = layout.getTensorType(state);
    if (!tensor)
      return entry.emitError("state '")
             << name.getValue() << "' has no capacity: the module needs '"
             << TransMambaDialect::kScheduleAttr << "' or '"
             << TransMambaDialect::kMaxSequenceAttr << "'";
    package::State description;
    description.name = name.getValue().str();
    description.layer = state.getLayer();
    description.type = *toElementType(tensor.getElementType());
    description.rowShape.assign(tensor.getShape().begin() + 1,
                                tensor.getShape().end());
    if (isa<KVCacheType>(argument.getType())) {
      description.kind = "kv_cache";
      // B x 2 x H x capacity x D
      description.sequenceDim = 3;
    } else {
      description.kind =
          isa<SSMStateType>(argument.getType()) ? "ssm_state" : "conv_window";
    }
    auto [it, inserted] = plans.states.try_emplace(
        description.name, result.manifest.states.size());
    if (inserted) {
      result.manifest.states.push_back(std::move(description));
      continue;
    }
    const package::State &known = result.manifest.states[it->second];
    if (known.kind != description.kind || known.type != description.type ||
        known.rowShape != description.rowShape)
      return entry.emitError("state '")
             << name.getValue()
             << "' has another type than in an earlier entry point";
  }
  return success();
}

/// The last of the states: what kernels keep for themselves.
void Compilation::describeWorkspace(int64_t words) {
  std::vector<package::State> &states = result.manifest.states;
  if (words == 0)
    return;
  if (states.size() == plans.workspace) {
    package::State workspace;
    workspace.name = "workspace";
    workspace.kind = "workspace";
    workspace.type = package::ElementType::I32;
    workspace.rowShape = {0};
    states.push_back(std::move(workspace));
  }
  int64_t &size = states.back().rowShape.front();
  size = std::max(size, words);
}

LogicalResult Compilation::describeModel(ModuleOp module) {
  package::Manifest &manifest = result.manifest;
  manifest.producer = "transmamba-compile " TRANSMAMBA_VERSION
                      " (LLVM " LLVM_VERSION_STRING ")";
  package::ModelInfo &model = manifest.model;
  auto integer = [&](StringRef name, int64_t otherwise) {
    auto attribute = module->getAttrOfType<IntegerAttr>(name);
    return attribute ? attribute.getInt() : otherwise;
  };
  auto text = [&](StringRef name, StringRef otherwise) {
    auto attribute = module->getAttrOfType<StringAttr>(name);
    return (attribute ? attribute.getValue() : otherwise).str();
  };
  model.name = text(TransMambaDialect::kNameAttr, "model");
  model.tokenizer = text(TransMambaDialect::kTokenizerAttr, "none");
  model.vocabulary = integer(TransMambaDialect::kVocabularyAttr, 0);
  model.maxBatch = integer(TransMambaDialect::kMaxBatchAttr, 1);
  model.maxSequence = integer(TransMambaDialect::kMaxSequenceAttr, 1);
  plans.maxBatch = model.maxBatch;
  plans.maxSequence = model.maxSequence;

  unsigned entries = 0;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(TransMambaDialect::kEntryAttr)) {
      ++entries;
      if (failed(describeStates(function)))
        return failure();
    }
  if (entries == 0)
    return module.emitError("there is no entry point: no function is marked '")
           << TransMambaDialect::kEntryAttr << "'";

  plans.workspace = manifest.states.size();

  // The element type of the model is that of its largest parameter.
  int64_t largest = -1;
  for (auto parameter : module.getOps<ParameterOp>()) {
    auto type = cast<RankedTensorType>(parameter.getType());
    FailureOr<package::ElementType> element =
        toElementType(type.getElementType());
    if (failed(element))
      return parameter.emitError("a package cannot hold elements of type ")
             << type.getElementType();
    if (type.getNumElements() > largest && parameter.getSource()) {
      largest = type.getNumElements();
      model.elementType = *element;
    }
  }

  llvm::MapVector<int64_t, package::LayerInfo> layers;
  auto schedule =
      module->getAttrOfType<ScheduleAttr>(TransMambaDialect::kScheduleAttr);
  for (const package::State &state : manifest.states) {
    package::LayerInfo &layer = layers[*state.layer];
    layer.index = *state.layer;
    if (schedule)
      layer.transPoint = schedule.getPoint(layer.index);
    layer.stateBytesPerRow += static_cast<int64_t>(state.rowBytes());
  }
  for (auto &[index, layer] : layers)
    model.layers.push_back(layer);
  llvm::sort(model.layers,
             [](const auto &a, const auto &b) { return a.index < b.index; });
  return success();
}

//===----------------------------------------------------------------------===//
// Targets
//===----------------------------------------------------------------------===//

FailureOr<bool> Compilation::compileCpu(ModuleOp module,
                                        const CompileTarget &target,
                                        package::Variant &variant) {
  if (failed(runPasses(
          module, [&](OpPassManager &pm) { populateCpuKernels(pm, target); })))
    return failure();
  FailureOr<bool> last = finish(Phase::Cpu, variant.target, module);
  if (failed(last) || *last)
    return last;

  OwningOpRef<ModuleOp> kernels = extractKernels(module);
  CpuOptions cpu;
  cpu.level = target.level;
  if (!kernels || failed(runPasses(*kernels, [&](OpPassManager &pm) {
        populateLlvmPipeline(pm, cpu);
      })))
    return failure();
  last = finish(Phase::Llvm, variant.target, *kernels);
  if (failed(last) || *last)
    return last;

  for (auto kernel : module.getOps<func::FuncOp>())
    if (kernel->hasAttr(TransMambaDialect::kKernelAttr))
      variant.kernels.push_back({kernel.getName().str(), -1, -1, -1});
  HostTargetOptions host;
  host.level = target.level;
  SmallVector<char> object;
  if (failed(emitSharedObject(*kernels, host, object)))
    return failure();
  std::string bytes(object.begin(), object.end());
  last = finish(Phase::Object, variant.target, "so",
                [&](raw_ostream &stream) { stream << bytes; });
  if (failed(last) || *last) {
    result.binary.assign(bytes.begin(), bytes.end());
    return last;
  }
  variant.object = ("code/cpu-" + getCpuLevelName(target.level) + ".so").str();
  result.code.push_back(
      package::Blob::fromString(variant.object, std::move(bytes)));
  return false;
}

/// "block_m = 128, stages = 4".
static std::string describeConfig(tile::KernelOp kernel) {
  std::string text;
  if (auto config =
          kernel->getAttrOfType<DictionaryAttr>(kTileConfigAttrName)) {
    llvm::raw_string_ostream stream(text);
    llvm::interleaveComma(config, stream, [&](NamedAttribute entry) {
      stream << entry.getName().getValue() << " = "
             << cast<IntegerAttr>(entry.getValue()).getInt();
    });
  }
  return text;
}

FailureOr<bool> Compilation::compileGpu(ModuleOp module,
                                        const CompileTarget &target,
                                        package::Variant &variant) {
  if (failed(runPasses(module, populateGpuKernels)))
    return failure();
  FailureOr<bool> last = finish(Phase::Gpu, variant.target, module);
  if (failed(last) || *last)
    return last;
  llvm::StringMap<std::string> configs;
  module.walk([&](tile::KernelOp kernel) {
    configs[kernel.getName()] = describeConfig(kernel);
  });
  if (failed(runPasses(module, populateNvvmPipeline)))
    return failure();
  last = finish(Phase::Nvvm, variant.target, module);
  if (failed(last) || *last)
    return last;

  auto gpuModules = module.getOps<gpu::GPUModuleOp>();
  if (gpuModules.empty())
    return module.emitError("there are no kernels");
  NvptxOptions nvptx;
  nvptx.chip = target.chip;
  nvptx.ptxas = options.stopAfter == Phase::Ptx ? "none" : options.ptxas;
  FailureOr<GpuBinary> binary = compileGpuModule(*gpuModules.begin(), nvptx);
  if (failed(binary))
    return failure();
  last = finish(Phase::Ptx, variant.target, "ptx",
                [&](raw_ostream &stream) { stream << binary->ptx; });
  if (failed(last) || *last) {
    result.text = binary->ptx;
    return last;
  }
  std::string cubin(binary->cubin.begin(), binary->cubin.end());
  if (!cubin.empty()) {
    last = finish(Phase::Cubin, variant.target, "cubin",
                  [&](raw_ostream &stream) { stream << cubin; });
    if (failed(last) || *last) {
      result.binary.assign(cubin.begin(), cubin.end());
      return last;
    }
    variant.cubin = "code/nvidia-" + target.chip + ".cubin";
    result.code.push_back(
        package::Blob::fromString(variant.cubin, std::move(cubin)));
  } else if (options.stopAfter == Phase::Cubin) {
    return module.emitError("phase cubin needs ptxas, and there is none: give "
                            "--ptxas=PATH, or stop at phase ptx");
  }
  variant.ptx = "code/nvidia-" + target.chip + ".ptx";
  result.code.push_back(
      package::Blob::fromString(variant.ptx, std::move(binary->ptx)));

  llvm::StringMap<const KernelResources *> resources;
  for (const KernelResources &kernel : binary->kernels) {
    resources[kernel.name] = &kernel;
    variant.kernels.push_back(
        {kernel.name, kernel.registers,
         kernel.sharedBytes < 0
             ? -1
             : kernel.sharedBytes + kernel.dynamicSharedBytes,
         kernel.spillBytes, configs.lookup(kernel.name), kernel.waits});
  }
  for (package::EntryPoint &entry : variant.entries)
    for (package::Command &command : entry.commands) {
      const KernelResources *kernel = resources.lookup(command.kernel);
      if (!kernel)
        return module.emitError("kernel @") << command.kernel << " is missing";
      command.block = {kernel->blockSize, 1, 1};
      command.shared = kernel->dynamicSharedBytes;
    }
  return false;
}

FailureOr<bool> Compilation::compileTarget(ModuleOp linalgModule,
                                           const CompileTarget &target) {
  OwningOpRef<ModuleOp> module = linalgModule.clone();
  package::Variant variant;
  variant.target = target.getName();
  int64_t workspaceWords = 0;
  if (failed(runPasses(
          *module, [&](OpPassManager &pm) { populateDispatch(pm, target); })))
    return failure();
  for (auto function : module->getOps<func::FuncOp>()) {
    if (!function->hasAttr(TransMambaDialect::kEntryAttr))
      continue;
    FailureOr<package::EntryPoint> plan =
        extractLaunchPlan(function, plans, &workspaceWords);
    if (failed(plan))
      return failure();
    variant.entries.push_back(std::move(*plan));
  }
  describeWorkspace(workspaceWords);
  if (failed(checkPlans(*module, result, variant)))
    return failure();
  FailureOr<bool> last = target.kind == CompileTarget::Kind::Cpu
                             ? compileCpu(*module, target, variant)
                             : compileGpu(*module, target, variant);
  if (succeeded(last))
    result.manifest.variants.push_back(std::move(variant));
  return last;
}

FailureOr<CompiledModel> Compilation::run() {
  if (failed(checkLimits(source)))
    return failure();
  FailureOr<bool> last = finish(Phase::Import, "", source);
  if (failed(last))
    return failure();
  if (*last)
    return std::move(result);
  OwningOpRef<ModuleOp> module = source.clone();

  struct CommonPhase {
    Phase phase;
    void (*populate)(OpPassManager &);
  };
  for (CommonPhase common :
       {CommonPhase{Phase::Schedule, populateSchedulePhase},
        CommonPhase{Phase::Fuse, populateFusePhase}}) {
    if (failed(runPasses(*module, common.populate)))
      return failure();
    last = finish(common.phase, "", *module);
    if (failed(last))
      return failure();
    if (*last)
      return std::move(result);
  }
  // The last point at which state has its types.
  if (failed(describeModel(*module)))
    return failure();

  for (const CompileTarget &target : options.targets) {
    FailureOr<ModuleOp> lowered = lowerFor(target, *module);
    if (failed(lowered))
      return failure();
    if (!*lowered)
      break;
    last = compileTarget(*lowered, target);
    if (failed(last))
      return failure();
    if (*last)
      break;
  }
  return std::move(result);
}

/// Tables that the lowering has made are parameters too; weights that no entry
/// point reads are not.
LogicalResult Compilation::addParameters(ModuleOp module) {
  llvm::StringSet<> used;
  module.walk([&](GetParameterOp op) { used.insert(op.getName()); });
  for (auto parameter : module.getOps<ParameterOp>()) {
    if (!used.contains(parameter.getSymName()))
      continue;
    auto [entry, isNew] = plans.parameters.try_emplace(
        parameter.getSymName(), result.parameters.size());
    if (isNew)
      result.parameters.push_back(parameter);
    else if (!OperationEquivalence::isEquivalentTo(
                 parameter, result.parameters[entry->second],
                 OperationEquivalence::IgnoreLocations))
      return parameter.emitError("parameter @")
             << parameter.getSymName() << " is another one for another target";
  }
  return success();
}

FailureOr<ModuleOp> Compilation::lower(OwningOpRef<ModuleOp> module,
                                       StringRef target, bool cutsCaches) {
  if (failed(runPasses(*module, [&](OpPassManager &pm) {
        populateLinalgPhase(pm, cutsCaches);
      })))
    return failure();
  FailureOr<bool> last = finish(Phase::Linalg, target, *module);
  if (failed(last) || failed(addParameters(*module)))
    return failure();
  result.modules.push_back(std::move(module));
  return *last ? ModuleOp() : *result.modules.back();
}

FailureOr<ModuleOp> Compilation::lowerFor(const CompileTarget &target,
                                          ModuleOp fused) {
  if (target.hasTileKernels()) {
    if (target.gpuKernels == GpuKernels::Merged && !target.mergesLaunches())
      emitWarning(fused.getLoc())
          << target.getName()
          << " cannot draw work: kernels that belong together stay apart";
    OwningOpRef<ModuleOp> tiled = fused.clone();
    if (failed(runPasses(
            *tiled, [&](OpPassManager &pm) { populateTilePhase(pm, target); })))
      return failure();
    FailureOr<bool> last = finish(Phase::Tile, target.getName(), *tiled);
    if (succeeded(last) && !*last && target.mergesLaunches()) {
      if (failed(runPasses(*tiled, populateMergePhase)))
        return failure();
      last = finish(Phase::Merge, target.getName(), *tiled);
    }
    if (failed(last))
      return failure();
    if (*last)
      return ModuleOp();
    if (!tiled->getOps<tile::KernelOp>().empty())
      return lower(std::move(tiled), target.getName(), /*cutsCaches=*/true);
  }
  if (target.kind == CompileTarget::Kind::Nvidia)
    return lower(fused.clone(), target.getName(), /*cutsCaches=*/true);
  if (shared)
    return shared;
  FailureOr<ModuleOp> module = lower(fused.clone(), "", /*cutsCaches=*/false);
  if (succeeded(module))
    shared = *module;
  return module;
}

FailureOr<CompiledModel>
transmamba::compileModel(ModuleOp module, const CompileOptions &options) {
  return Compilation(module, options).run();
}

LogicalResult transmamba::writeModelPackage(CompiledModel &model,
                                            const WeightSource *weights,
                                            StringRef path) {
  package::WeightsBuilder builder;
  for (ParameterOp parameter : model.parameters) {
    if (parameter.getSource()) {
      if (!weights)
        return parameter.emitError("parameter @")
               << parameter.getSymName()
               << " needs weights: give --weights=FILE.safetensors, or "
                  "--weights=random:SEED to try the model without";
      if (failed(weights->check(parameter)))
        return failure();
    }
    WeightSource::add(parameter, weights, builder);
  }
  package::Manifest manifest = model.manifest;
  manifest.parameters = builder.parameters();
  std::vector<package::Blob> blobs = model.code;
  blobs.push_back(builder.blob());
  package::Error error =
      package::writePackage(path.str(), std::move(manifest), blobs);
  if (error)
    return mlir::emitError(FileLineColLoc::get(
               model.modules.front()->getContext(), error.where(), 0, 0))
           << error.what();
  return success();
}
