//===- TileToLinalg.h - Tile kernels on processors --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TILETOLINALG_TILETOLINALG_H
#define TRANSMAMBA_CONVERSION_TILETOLINALG_TILETOLINALG_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace transmamba {

/// What a kernel does wrong: bits in the last argument of its function. A GPU
/// would hang, or compute with what happens to lie in shared memory.
enum class TileFault : int32_t {
  /// Waits for a tile that the producer never loads.
  WaitWithoutLoad = 1 << 0,
  /// Waits for a tile that cannot be loaded before another one is released.
  Deadlock = 1 << 1,
  /// Releases a tile without holding one.
  ReleaseWithoutTile = 1 << 2,
  /// Releases or writes a tile that a multiplication or a store still reads.
  TileInUse = 1 << 3,
  /// Reads what tile.store_fragment wrote without a barrier in between.
  ReadBeforeBarrier = 1 << 4,
  /// Ends without tile.store_wait.
  StoreNotAwaited = 1 << 5,
  /// Ends before the producer: a tile was loaded that nothing waits for.
  TileNotTaken = 1 << 6,
  /// Warpgroups take different numbers of turns, or meet at different barriers.
  UnevenTurns = 1 << 7,
  /// A slice lies outside of its tile, or not at a multiple of 8 rows.
  SliceOutside = 1 << 8,
  /// Reads or writes a tile that it has released.
  TileReleased = 1 << 9,
  /// Looks back to an item that is not published before it.
  NotPublished = 1 << 10,
};

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "transmamba/Conversion/TileToLinalg/Passes.h.inc"

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TILETOLINALG_TILETOLINALG_H
