//===- Passes.td - Tile to linalg passes -------------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TILETOLINALG_PASSES_TD
#define TRANSMAMBA_CONVERSION_TILETOLINALG_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTileToLinalg : Pass<"convert-tile-to-linalg", "::mlir::ModuleOp"> {
  let summary = "Turn tile kernels into functions of one block for processors";
  let description = [{
    Every `tile.kernel` becomes a function that does what one block of the grid
    does, the roles one after another; a kernel of a `gpu.module` moves to the
    module. Fragments are tensors, tiles buffers, and rings buffers that are
    checked: a tile that was released holds NaN, and what would hang or race on a
    GPU is reported. The grid is the caller's loop.

    The arguments are the kernel's, then the position of the block (x, y, z) and
    the size of the grid (x, y, z), then the faults: bits of `TileFault`
    (`TileToLinalg.h`) are added to it, and none where the kernel is right.

    ```mlir
    tile.kernel @f(%in: memref<?x64xf32>, %out: memref<?x64xf32>) {
      tile.consumers %warpgroup in 1 registers 128 {
        %row = tile.block_id x
        %x = tile.read %in[%row, %row] : memref<?x64xf32> -> !tile.rows<64xf32>
        tile.write %x to %out[%row, %row] : !tile.rows<64xf32>, memref<?x64xf32>
      }
    }
    ```
    becomes
    ```mlir
    func.func @f(%in: memref<?x64xf32>, %out: memref<?x64xf32>,
                 %x: index, %y: index, %z: index,
                 %grid_x: index, %grid_y: index, %grid_z: index,
                 %faults: memref<i32>) {
      ...
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

#endif // TRANSMAMBA_CONVERSION_TILETOLINALG_PASSES_TD
