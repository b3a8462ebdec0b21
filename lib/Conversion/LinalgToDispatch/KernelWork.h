//===- KernelWork.h - What a group of operations has to do ------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_LINALGTODISPATCH_KERNELWORK_H
#define TRANSMAMBA_LIB_CONVERSION_LINALGTODISPATCH_KERNELWORK_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "transmamba/Analysis/Work.h"
#include "llvm/ADT/DenseSet.h"

namespace transmamba {

/// `root` and the producers that it is one kernel with. Operations: those of
/// each body, for each iteration; an addition, a product, a quotient, a maximum
/// or a function is one, a fused multiply-add two, comparisons, choices and
/// conversions none. Bytes: what comes from outside once, and the results.
Work countGroupWork(WorkBuilder &work, mlir::linalg::LinalgOp root,
                    const llvm::DenseSet<mlir::Operation *> &producers);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_LINALGTODISPATCH_KERNELWORK_H
