//===- Distribution.h - Kernel ops over threads -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_DISTRIBUTION_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_DISTRIBUTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"

namespace transmamba {

struct RowChain;

/// A thread of a block, and how many there are.
struct ThreadPosition {
  mlir::Value id;
  int64_t blockSize;
};

/// linalg.generic on memrefs -> a loop of this thread over its iterations.
void distributeGeneric(mlir::RewriterBase &rewriter, mlir::linalg::GenericOp op,
                       const ThreadPosition &thread);

/// The ops of a chain -> a loop of this thread over the rows of its team.
void distributeRows(mlir::RewriterBase &rewriter, const RowChain &chain,
                    const ThreadPosition &thread);

/// memref.store of the uniform program -> scf.if (thread 0) { memref.store }.
void distributeStore(mlir::RewriterBase &rewriter, mlir::memref::StoreOp op,
                     const ThreadPosition &thread);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_DISTRIBUTION_H
