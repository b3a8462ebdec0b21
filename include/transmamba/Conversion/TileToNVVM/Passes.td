//===- Passes.td - Tile to NVVM passes ---------------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TILETONVVM_PASSES_TD
#define TRANSMAMBA_CONVERSION_TILETONVVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTileToNVVM : Pass<"convert-tile-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Turn tile kernels into NVVM kernels of sm_90a";
  let description = [{
    Every `tile.kernel` of a `gpu.module` becomes an `llvm.func` of one thread:
    rings are shared memory with a pair of barriers a tile, loads and stores are
    bulk tensor copies, multiplications `wgmma`, and fragments the registers that
    a thread holds of them. Indices become 32-bit numbers.

    A tensor becomes one tensor map (`CUtensorMap`, 128 bytes by value) for each
    shape of box that is copied, then its address and its dynamic sizes where
    something else needs them. The attribute `tile.parameters` of the function
    says what each parameter is, see `TileToNVVM.h`.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

#endif // TRANSMAMBA_CONVERSION_TILETONVVM_PASSES_TD
