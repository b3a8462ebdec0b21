//===- Passes.td - Launches of tile kernels ----------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TILETOGPU_PASSES_TD
#define TRANSMAMBA_CONVERSION_TILETOGPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def TileToGPU : Pass<"transmamba-tile-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Move tile kernels beside the other GPU kernels";
  let description = [{
    Every `tile.kernel` of the module moves to the `gpu.module` that holds the
    kernels of the model, and every `tile.launch` becomes a `gpu.launch_func` of the
    same operands. What a kernel gets of an operand (a tensor map, say) is
    `tile.parameters`, see `TileToNVVM.h`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect"];
}

#endif // TRANSMAMBA_CONVERSION_TILETOGPU_PASSES_TD
