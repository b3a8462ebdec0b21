//===- SharedMemory.h - Scratch buffers to shared memory --------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Places the scratch buffers of a kernel in the shared memory of its block.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_SHAREDMEMORY_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_SHAREDMEMORY_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace transmamba {

/// Replaces every `memref.alloca` of `kernel` by a view into one buffer of
/// shared memory. Where the buffers do not fit in static shared memory side by
/// side, those that are never live together share bytes, and what still does
/// not fit becomes dynamic shared memory. Fails with an error at the kernel
/// where a block cannot have that much.
mlir::LogicalResult placeScratchInSharedMemory(mlir::gpu::GPUFuncOp kernel);

/// Memory that a memref points into. Two memrefs of different places cannot
/// overlap.
struct MemoryPlace {
  /// The kernel argument, or null for shared memory.
  mlir::Value argument;
  /// The argument may overlap no other (llvm.noalias).
  bool noAlias = false;
  /// Bytes of the shared memory.
  int64_t begin = 0, end = 0;

  bool mayOverlap(const MemoryPlace &other) const;
};

/// The place of `memref`, a value of a kernel whose scratch is placed.
MemoryPlace getMemoryPlace(mlir::Value memref);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_SHAREDMEMORY_H
