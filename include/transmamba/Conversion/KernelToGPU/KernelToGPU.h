//===- KernelToGPU.h - Kernels to GPU functions -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Kernel functions to gpu.func: the simple route to a GPU, correct for every
// kernel that the contract of docs/phases.md allows.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_KERNELTOGPU_KERNELTOGPU_H
#define TRANSMAMBA_CONVERSION_KERNELTOGPU_KERNELTOGPU_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace transmamba {

/// The gpu.module that holds the kernels of a model.
inline constexpr llvm::StringLiteral kKernelModuleName = "kernels";

/// Attribute (i64) of a gpu.func: bytes of dynamic shared memory that a launch
/// has to give it. Absent where the kernel needs none.
inline constexpr llvm::StringLiteral kDynamicSharedMemoryAttrName =
    "transmamba.dynamic_shared_memory";

/// Static shared memory of a block, and all that a block can have (sm_90).
inline constexpr int64_t kMaxStaticSharedBytes = 48 * 1024;
inline constexpr int64_t kMaxDynamicSharedBytes = 227 * 1024;

/// What a launch of a kernel needs besides its grid and arguments.
struct LaunchRequirements {
  int64_t blockSize = 0;
  int64_t dynamicSharedBytes = 0;
};
LaunchRequirements getLaunchRequirements(mlir::gpu::GPUFuncOp kernel);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "transmamba/Conversion/KernelToGPU/Passes.h.inc"

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_KERNELTOGPU_KERNELTOGPU_H
