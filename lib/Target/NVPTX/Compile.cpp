//===- Compile.cpp - NVVM kernels to PTX and cubin ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Ptxas.h"

#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"
#include "transmamba/Conversion/TileToNVVM/EarlyStart.h"
#include "transmamba/Conversion/TileToNVVM/TileToNVVM.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVM/ModuleToObject.h"
#include "mlir/Target/LLVM/NVVM/Utils.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

namespace transmamba {

// An assembly that clobbers memory: LLVM would move loads above its intrinsic,
// which to it touches none.
static void addWait(llvm::Function &kernel, bool waitsItself) {
  llvm::IRBuilder<> builder(
      &*kernel.getEntryBlock().getFirstNonPHIOrDbgOrAlloca());
  auto *type = llvm::FunctionType::get(builder.getVoidTy(), /*isVarArg=*/false);
  StringRef text = waitsItself ? "griddepcontrol.launch_dependents;"
                               : "griddepcontrol.launch_dependents; "
                                 "griddepcontrol.wait;";
  builder.CreateCall(type, llvm::InlineAsm::get(type, text, "~{memory}",
                                                /*hasSideEffects=*/true));
}

namespace {

/// Translates, optimizes and prints a module as PTX. Links no device library.
class PtxWriter final : public LLVM::ModuleToObject {
public:
  using ModuleToObject::ModuleToObject;

  /// What comes after a kernel may begin when all its blocks have started.
  bool overlapsLaunches = false;

protected:
  void handleModulePreLink(llvm::Module &llvmModule) override {
    if (!overlapsLaunches)
      return;
    auto module = cast<gpu::GPUModuleOp>(getOperation());
    for (llvm::Function &function : llvmModule)
      if (function.getCallingConv() == llvm::CallingConv::PTX_Kernel)
        addWait(function, module.lookupSymbol(function.getName())
                              ->hasAttr(kTileWaitsAttrName));
  }

  FailureOr<SmallVector<char, 0>>
  moduleToObject(llvm::Module &llvmModule) override {
    FailureOr<llvm::TargetMachine *> machine = getOrCreateTargetMachine();
    if (failed(machine))
      return failure();
    FailureOr<SmallString<0>> ptx = translateModuleToISA(
        llvmModule, **machine, [&] { return getOperation().emitError(); });
    if (failed(ptx))
      return failure();
    return SmallVector<char, 0>(ptx->begin(), ptx->end());
  }
};

} // namespace

/// The number in "sm_90a"; failure for anything else.
static FailureOr<int> getComputeCapability(StringRef chip) {
  int capability = 0;
  StringRef number = chip;
  if (!number.consume_front("sm_"))
    return failure();
  number.consume_back("a") || number.consume_back("f");
  if (number.getAsInteger(10, capability))
    return failure();
  return capability;
}

/// What LLVM would meet with an assertion, or with PTX for another machine.
static LogicalResult checkOptions(gpu::GPUModuleOp module,
                                  const NvptxOptions &options) {
  FailureOr<int> capability = getComputeCapability(options.chip);
  if (failed(capability) || *capability < 80)
    return emitError(module.getLoc())
           << "unknown chip '" << options.chip
           << "'; a target is sm_80 or newer, such as sm_80 or sm_90a";
  StringRef features = options.features;
  int version = 0;
  if (!features.empty() &&
      (!features.consume_front("+ptx") || features.getAsInteger(10, version)))
    return emitError(module.getLoc()) << "features '" << options.features
                                      << "' are not of the form +ptxNN";
  if (options.optLevel < 0 || options.optLevel > 3)
    return emitError(module.getLoc())
           << "there is no optimization level " << options.optLevel;
  return success();
}

/// PTX 8.0 (CUDA 12.0) knows sm_90a and everything before it; newer chips need
/// what LLVM thinks is their first version.
static std::string getFeatures(const NvptxOptions &options) {
  if (!options.features.empty())
    return options.features;
  return *getComputeCapability(options.chip) <= 90 ? "+ptx80" : "";
}

static LogicalResult checkIsNvvm(gpu::GPUModuleOp module, StringRef chip) {
  for (Operation &op : *module.getBody()) {
    if (!isa<LLVM::LLVMDialect, NVVM::NVVMDialect>(op.getDialect()))
      return op.emitError("is not lowered to NVVM; run the nvvm phase first");
    // What sm_90a has cannot be selected for another chip; sm_80 is what all
    // have.
    auto lowered = op.getAttrOfType<StringAttr>(tile::kTileChipAttrName);
    if (lowered && lowered != "sm_80" && lowered != chip)
      return op.emitError("is a tile kernel for ")
             << lowered.getValue() << ", not for " << chip;
  }
  return success();
}

static std::vector<KernelResources> collectKernels(gpu::GPUModuleOp module,
                                                   bool waits) {
  std::vector<KernelResources> kernels;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    if (!function->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName()))
      continue;
    KernelResources kernel;
    kernel.name = function.getName().str();
    if (auto size = function->getAttrOfType<DenseI32ArrayAttr>(
            NVVM::NVVMDialect::getReqntidAttrName()))
      kernel.blockSize = size[0];
    if (auto bytes =
            function->getAttrOfType<IntegerAttr>(kDynamicSharedMemoryAttrName))
      kernel.dynamicSharedBytes = bytes.getInt();
    kernel.waits = waits;
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

FailureOr<GpuBinary> compileGpuModule(gpu::GPUModuleOp module,
                                      const NvptxOptions &options) {
  if (failed(checkOptions(module, options)) ||
      failed(checkIsNvvm(module, options.chip)))
    return failure();

  NVVM::SerializeGPUModuleBase::init();
  std::string features = getFeatures(options);
  PtxWriter writer(*module, "nvptx64-nvidia-cuda", options.chip, features,
                   options.optLevel);
  writer.overlapsLaunches = *getComputeCapability(options.chip) >= 90;
  std::optional<SmallVector<char, 0>> ptx = writer.run();
  if (!ptx)
    return failure();

  GpuBinary binary;
  binary.ptx.assign(ptx->begin(), ptx->end());
  // The printer ends the text with a zero byte.
  while (!binary.ptx.empty() && binary.ptx.back() == '\0')
    binary.ptx.pop_back();
  binary.kernels = collectKernels(module, writer.overlapsLaunches);

  std::string ptxas = findPtxas(options);
  if (ptxas.empty()) {
    if (options.ptxas != "none")
      emitRemark(module.getLoc())
          << "no ptxas found: the package carries PTX only, "
             "which the driver compiles when it is loaded";
    return binary;
  }
  if (failed(assemblePtx(module, ptxas, options, binary)))
    return failure();
  return binary;
}

} // namespace transmamba
