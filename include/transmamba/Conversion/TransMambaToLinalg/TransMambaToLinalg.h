//===- TransMambaToLinalg.h - The model on tensors --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TRANSMAMBATOLINALG_TRANSMAMBATOLINALG_H
#define TRANSMAMBA_CONVERSION_TRANSMAMBATOLINALG_TRANSMAMBATOLINALG_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace transmamba {

#define GEN_PASS_DECL
#include "transmamba/Conversion/TransMambaToLinalg/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "transmamba/Conversion/TransMambaToLinalg/Passes.h.inc"

/// The phase `linalg`: from the transmamba dialect to linalg, tensor, arith,
/// math and scf on tensors, with pointwise operations fused.
void populateLinalgPipeline(
    mlir::OpPassManager &pm,
    const ConvertTransMambaToLinalgOptions &options = {});

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TRANSMAMBATOLINALG_TRANSMAMBATOLINALG_H
