//===- Host.h - CPU kernels to a shared object ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The phases cpu, llvm and object. A kernel ends up as the C function
//
//   void NAME(const uint64_t *args, int64_t x, int64_t y, int64_t z)
//
// of an ELF shared object that needs nothing but memcpy, memset and memmove.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TARGET_HOST_HOST_H
#define TRANSMAMBA_TARGET_HOST_HOST_H

#include "transmamba/Target/Host/CpuLevel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace transmamba {

struct CpuOptions {
  CpuLevel level = CpuLevel::V3;
};

struct HostTargetOptions {
  CpuLevel level = CpuLevel::V3;
  /// Optimisation level of LLVM, 0 to 3.
  unsigned optLevel = 3;
  /// Linker to run; searched for if empty.
  std::string linker;
};

/// Phase cpu: kernels on buffers to scf and vector code. Runs on a module and
/// leaves functions that are no kernels alone.
void populateCpuPipeline(mlir::OpPassManager &pm, const CpuOptions &options);

/// Phase llvm: kernels after phase cpu to the llvm dialect and the C ABI. Runs
/// on a module that has only kernels, see `extractKernels`, and with the
/// options of phase cpu.
void populateLlvmPipeline(mlir::OpPassManager &pm, const CpuOptions &options);

/// A new module with the kernels of `module` and the symbols that they use.
mlir::OwningOpRef<mlir::ModuleOp> extractKernels(mlir::ModuleOp module);

/// Phase object: kernels after phase llvm to the bytes of a shared object.
mlir::LogicalResult emitSharedObject(mlir::ModuleOp module,
                                     const HostTargetOptions &options,
                                     llvm::SmallVectorImpl<char> &object);

/// All of the above on the kernels of `kernels`, which is left as it is; call
/// it once for every processor level. Kernels that have been through phase cpu
/// are accepted too. Errors are emitted at the operation that they concern.
mlir::LogicalResult
compileKernelsToSharedObject(mlir::ModuleOp kernels,
                             const HostTargetOptions &options,
                             llvm::SmallVectorImpl<char> &object);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "transmamba/Target/Host/Passes.h.inc"

} // namespace transmamba

#endif // TRANSMAMBA_TARGET_HOST_HOST_H
