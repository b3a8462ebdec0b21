//===- Pipelines.cpp - Phases gpu and nvvm --------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"
#include "transmamba/Conversion/TileToGPU/TileToGPU.h"
#include "transmamba/Conversion/TileToNVVM/TileToNVVM.h"
#include "transmamba/Target/NVPTX.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace transmamba {

static void addCleanup(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void populateGpuPipeline(OpPassManager &pm) {
  pm.addPass(createKernelToGPU());
  pm.addPass(createTileToGPU());
  addCleanup(pm.nest<gpu::GPUModuleOp>());
}

void populateNvvmPipeline(OpPassManager &pm) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createConvertTileToNVVM());
  // Views become address arithmetic, which then leaves the loops.
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  addCleanup(kernels);
  kernels.addPass(createLoopInvariantCodeMotionPass());
  kernels.addPass(createMathToNVVM());
  kernels.addPass(createSCFToControlFlowPass());

  ConvertGpuOpsToNVVMOpsOptions toNvvm;
  toNvvm.indexBitwidth = 64;
  toNvvm.useBarePtrCallConv = true;
  kernels.addPass(createConvertGpuOpsToNVVMOps(toNvvm));
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  addCleanup(kernels);
  kernels.addPass(createFinalizeKernels());
}

void registerNvptxPipelines() {
  PassPipelineRegistration<>(
      "transmamba-gpu-pipeline",
      "Phase gpu: kernel functions to gpu.func, dispatches to gpu.launch_func",
      populateGpuPipeline);
  PassPipelineRegistration<>("transmamba-nvvm-pipeline",
                             "Phase nvvm: gpu.func to NVVM",
                             populateNvvmPipeline);
}

void registerNvptxTranslation(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

} // namespace transmamba
