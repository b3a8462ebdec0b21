//===- Ptxas.h - Running ptxas ----------------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_TARGET_NVPTX_PTXAS_H
#define TRANSMAMBA_LIB_TARGET_NVPTX_PTXAS_H

#include "transmamba/Target/NVPTX.h"

namespace transmamba {

/// Assembles `binary.ptx` with the ptxas at `path` into `binary.cubin` and
/// fills in the resources of its kernels. Errors and warnings are reported at
/// `module`.
mlir::LogicalResult assemblePtx(mlir::gpu::GPUModuleOp module,
                                llvm::StringRef path,
                                const NvptxOptions &options, GpuBinary &binary);

/// Reads the resource report that `ptxas -v` prints into `kernels`, matched by
/// name, and returns the lines that are warnings.
llvm::SmallVector<llvm::StringRef>
parsePtxasReport(llvm::StringRef report,
                 llvm::MutableArrayRef<KernelResources> kernels);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_TARGET_NVPTX_PTXAS_H
