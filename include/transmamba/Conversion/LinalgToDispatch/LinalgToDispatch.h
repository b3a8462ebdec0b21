//===- LinalgToDispatch.h - From tensors to kernels -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_LINALGTODISPATCH_LINALGTODISPATCH_H
#define TRANSMAMBA_CONVERSION_LINALGTODISPATCH_LINALGTODISPATCH_H

#include "mlir/Pass/Pass.h"

namespace transmamba {

#define GEN_PASS_DECL
#include "transmamba/Conversion/LinalgToDispatch/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "transmamba/Conversion/LinalgToDispatch/Passes.h.inc"

/// From linalg on tensors to kernels and a host program of dispatches over
/// buffers (docs/phases.md): tiles, bufferizes, outlines.
void populateDispatchPipeline(mlir::OpPassManager &pm,
                              const TileToWorkgroupsOptions &options);

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_LINALGTODISPATCH_LINALGTODISPATCH_H
