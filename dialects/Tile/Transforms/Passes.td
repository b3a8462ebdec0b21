//===- Passes.td - Rewrites inside the tile dialect --------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_TRANSFORMS_PASSES_TD
#define TRANSMAMBA_TILE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def TileMergeLaunches : Pass<"tile-merge-launches", "::mlir::ModuleOp"> {
  let summary = "Make one persistent launch of launches that say so";
  let description = [{
    Launches of a block with the same attribute `tile.group` become one, of a kernel
    whose blocks draw items of work (`tile.tickets`): an item is a block of one of
    the launches. First come those that others wait for, then those that wait, then
    all others; launches of a kind have their order, and within one the items that of
    its grid, x first. While some blocks work on the last items of a launch, others have
    begun with the next; memory-bound and compute-bound work overlap.

    `tile.turns` of a launch says another order: its place among all, or, of a launch
    whose items come in pieces, place, number of items, place, ..., place, as `[1, 66, 4]`:
    66 items at place 1, all others at place 4. Which number is which item is computed by
    the program of the host, so that it may depend on the sizes of a call.

    On tensors, where what a launch reads is seen. Launches stay apart, with a remark
    that says why, unless

    * (G1) their kernels have the same number of consumer warpgroups. A kernel of one
      takes as many blocks of its grid, neighbours along x, for an item as others have
      warpgroups, if it does the same for them in the same order;
    * (G2) the kernels release as many tiles of each ring as they wait for, in each
      loop and condition; rings go on from item to item, and what is held at the end
      of an item is released there;
    * (G3) what one launch reads of another one's results, as an input or in place, its
      kernel waits for (`tile.after`); results that are overwritten are those of
      `partial` launches;
    * (G4) nothing else between them needs a result and makes an operand;
    * (G5) registers and shared memory are enough. Rings of tiles of the same shape
      are shared, and so are tiles of the same shape that are no ring's;
    * (G6) what others wait for is one piece, before all of theirs.

    ```mlir
    func.func @f(%x: tensor<?x64xbf16>, %n: index) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
      %c1 = arith.constant 1 : index
      %empty = tensor.empty(%n) : tensor<?x64xbf16>
      %a = tile.launch @copy grid(%n, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%empty : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
      %b = tile.launch @copy grid(%n, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%empty : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
      return %a, %b : tensor<?x64xbf16>, tensor<?x64xbf16>
    }
    tile.kernel @copy(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
      %c0 = arith.constant 0 : index
      %c64 = arith.constant 64 : index
      %block = tile.block_id x
      %row = arith.muli %block, %c64 : index
      %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
      tile.producer registers 40 {
        tile.load %in[%row, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
      }
      tile.consumers %warpgroup in 1 registers 128 {
        %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
        tile.store %tile to %out[%row, %c0] : !tile.smem<64x64xbf16>, memref<?x64xbf16>
        tile.store_wait
        tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 1>
      }
    }
    ```
  }];
  let statistics = [
    Statistic<"numMerged", "merged", "Launches that became part of another one">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
    "::transmamba::tile::TileDialect"
  ];
}

#endif // TRANSMAMBA_TILE_TRANSFORMS_PASSES_TD
