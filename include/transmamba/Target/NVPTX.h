//===- NVPTX.h - GPU kernels to PTX and cubin -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TARGET_NVPTX_H
#define TRANSMAMBA_TARGET_NVPTX_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#include <string>
#include <vector>

namespace transmamba {

struct NvptxOptions {
  std::string chip = "sm_90a";
  /// "+ptxNN"; empty for the oldest PTX version that knows the chip, which
  /// runs on the most drivers.
  std::string features;
  int optLevel = 3;
  /// Path of ptxas. Empty: search PATH, $CUDA_HOME/bin and /usr/local/cuda/bin.
  /// "none": make PTX only.
  std::string ptxas;
};

/// What ptxas says of one kernel; -1 where there was no ptxas.
struct KernelResources {
  std::string name;
  int64_t registers = -1;
  /// Static shared memory.
  int64_t sharedBytes = -1;
  int64_t spillBytes = -1;
  int64_t blockSize = 0;
  /// Dynamic shared memory that the launch has to give.
  int64_t dynamicSharedBytes = 0;
  /// The kernel waits by itself for what was launched before it.
  bool waits = false;
};

struct GpuBinary {
  std::string ptx;
  /// Empty where there was no ptxas.
  llvm::SmallVector<char> cubin;
  std::vector<KernelResources> kernels;
};

/// Compiles a module of NVVM kernels (phase nvvm). Errors, also those of ptxas,
/// are reported at the module; ptxas's warnings as warnings, a missing ptxas as
/// a remark.
mlir::FailureOr<GpuBinary> compileGpuModule(mlir::gpu::GPUModuleOp module,
                                            const NvptxOptions &options);

/// The path of ptxas that `options` and the environment give; empty if none.
std::string findPtxas(const NvptxOptions &options);

/// Phase gpu: kernel functions and dispatches to gpu.func and gpu.launch_func.
void populateGpuPipeline(mlir::OpPassManager &pm);

/// Phase nvvm: gpu.func to NVVM. Kernel parameters are the 8-byte arguments in
/// order: bare pointers and i64.
void populateNvvmPipeline(mlir::OpPassManager &pm);

#define GEN_PASS_DECL
#include "transmamba/Target/NVPTX/Passes.h.inc"

/// `transmamba-gpu-pipeline`, `transmamba-nvvm-pipeline`.
void registerNvptxPipelines();

/// Interfaces that compileGpuModule needs to translate kernels to LLVM IR.
void registerNvptxTranslation(mlir::DialectRegistry &registry);

#define GEN_PASS_REGISTRATION
#include "transmamba/Target/NVPTX/Passes.h.inc"

} // namespace transmamba

#endif // TRANSMAMBA_TARGET_NVPTX_H
