//===- KernelCheck.h - What the GPU route accepts ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_KERNELCHECK_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_KERNELCHECK_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace transmamba {

/// Holds `kernel` against the contract of docs/phases.md: everything that is
/// not allowed is an error here, at the op, before a rewrite meets it.
mlir::LogicalResult checkKernel(mlir::func::FuncOp kernel);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_KERNELCHECK_H
