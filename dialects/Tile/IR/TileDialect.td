//===- TileDialect.td - The tile dialect -------------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_IR_TILEDIALECT
#define TRANSMAMBA_TILE_IR_TILEDIALECT

include "mlir/IR/OpBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::transmamba::tile";
  let summary = "Kernels of matrix units, as people write and read them";
  let description = [{
    One kernel for one block of threads: a producer that loads tiles, and
    consumer warpgroups (128 threads each) that compute with them. Loops and
    scalars are `scf`, `arith` and `math`; here is what those lack: tiles of
    shared memory, rings of them, fragments that a warpgroup holds in registers,
    matrix multiplication that runs beside the program, and the row by row
    arithmetic between two multiplications.

    **Who runs what.** Operations of `tile.kernel` itself run once a block and
    are uniform. The body of `tile.producer` runs as if on one thread; the body of
    `tile.consumers` runs on every warpgroup, which knows its number. Control
    flow is uniform in each of them: a condition may depend on block indices,
    arguments and the number of the warpgroup, never on the data in a fragment.

    **What is asynchronous.** Loads and stores of tiles and `tile.mma`. A load is
    seen through `tile.consumer_wait`; the result of a multiplication has the
    type `!tile.pending`, which nothing but `tile.await` and a further `tile.mma`
    takes, so an unfinished accumulator cannot be read.

    See `dialects/Tile/README.md` for a kernel read line by line.
  }];
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"
  ];
}

#endif // TRANSMAMBA_TILE_IR_TILEDIALECT
