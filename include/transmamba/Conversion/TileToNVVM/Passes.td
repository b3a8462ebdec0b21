//===- Passes.td - Tile to NVVM passes ---------------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TILETONVVM_PASSES_TD
#define TRANSMAMBA_CONVERSION_TILETONVVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTileToNVVM : Pass<"convert-tile-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Turn tile kernels into NVVM kernels";
  let description = [{
    Every `tile.kernel` of a `gpu.module` becomes an `llvm.func` of one thread:
    rings are shared memory with a pair of barriers a tile, and fragments the
    registers that a thread holds of them. Indices become 32-bit numbers.

    For `sm_90a`, loads and stores are bulk tensor copies and multiplications
    `wgmma`. A tensor becomes its address, its dynamic sizes, and one tensor map
    (`CUtensorMap`, 128 bytes by value) for each shape of box that is copied.

    For `sm_80`, whose code runs on all later chips as well, the threads of the
    producer copy pieces of 16 bytes (`cp.async`) and warps multiply (`mma.sync`).
    There are no tensor maps. Threads of both roles have the same number of
    registers: 65536 over all threads of the blocks that share a multiprocessor,
    whatever `registers` says. A block has 163 KB of shared memory instead of
    227 KB (and 99 KB on chips 8.6, 8.9 and 12.0), so sizes of tiles and numbers
    of stages are to be chosen for the target.

    The attribute `tile.parameters` of the function says what each parameter is,
    see `TileToNVVM.h`.
  }];
  let options = [
    Option<"chip", "chip", "std::string", "\"\"",
           "The machine: sm_90a, or sm_80 and what came after; the default is the "
           "`tile.chip` of the module, or else sm_90a">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

#endif // TRANSMAMBA_CONVERSION_TILETONVVM_PASSES_TD
