//===- Barriers.h - Barriers between dependent ops --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_BARRIERS_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_BARRIERS_H

#include "RowChain.h"

namespace transmamba {

/// Inserts a `gpu.barrier` before every op of `kernel` that touches what
/// another thread may have touched since the last barrier, one of the two being
/// a write. The linalg ops are still whole, the scratch is placed; each of
/// `chains` is one op, where its last op stands. Returns the number of
/// barriers.
unsigned insertBarriers(mlir::gpu::GPUFuncOp kernel, int64_t blockSize,
                        llvm::ArrayRef<RowChain> chains);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_BARRIERS_H
