//===- Target.h - What machines differ in -----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// One table for all who must know: those who choose how kernels are cut, and
// the lowerings. They ask for a property, never for the name of a chip.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_IR_TARGET_H
#define TRANSMAMBA_TILE_IR_TARGET_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace transmamba::tile {

/// Attribute of a module with kernels: the chip that they are for, "sm_90a"
/// where there is none; and of a lowered kernel: the chip that it is for.
inline constexpr llvm::StringLiteral kTileChipAttrName = "tile.chip";

/// What a cost function must know: how many multiprocessors there are, and what
/// each does in a clock cycle.
struct Rates {
  int64_t multiprocessors;
  /// Products of 16-bit numbers.
  double products;
  /// Bytes from the second-level cache, and from memory, while all load.
  double cacheBytes, memoryBytes;
};

struct Target {
  llvm::StringRef chip;
  /// Shared memory that a block may have, and that all blocks of a
  /// multiprocessor have together.
  int64_t sharedBytes, multiprocessorBytes;
  /// What a block has on every chip that takes the code: kernels that the
  /// compiler cuts itself have no more.
  int64_t portableBytes;
  /// Threads that run the producer's body, each of which arrives where a tile
  /// becomes full.
  int64_t producerThreads;
  /// TMA: tiles are copied by an engine that takes tensor maps.
  bool hasTensorMaps;
  /// The copy engine and wgmma see shared memory through a proxy of their own:
  /// a fence stands between what threads write and what these read.
  bool hasAsyncProxy;
  /// wgmma takes tiles from shared memory by itself; else threads read them.
  bool multipliesTiles;
  /// setmaxnreg: a role has its own number of registers. Else all threads have
  /// the same.
  bool setsRegisters;
  /// A wait for a barrier may suspend the thread (mbarrier.try_wait).
  bool hasSuspendedWait;
  bool hasStMatrix;
  /// mul.bf16x2; else fma.bf16x2 alone.
  bool hasBf16Mul;
  /// Blocks can draw their work: `tile.tickets`.
  bool hasTickets;
  Rates rates;

  /// Shared memory for the tiles of a block where `blocks` share a
  /// multiprocessor, less what barriers take. `bytes` is what a block has at
  /// most.
  int64_t getTileBytes(int64_t blocks, int64_t bytes) const;
  int64_t getTileBytes(int64_t blocks) const {
    return getTileBytes(blocks, portableBytes);
  }
  /// Registers of a thread of a block of `warpgroups` where all threads have
  /// the same.
  static int64_t getRegistersOfThread(int64_t warpgroups, int64_t blocks);
};

/// The target of that name, or null.
const Target *findTarget(llvm::StringRef chip);

/// The target `chip`, or, where that is empty, what the kernels of the module
/// around `op` are for. Fails, with an error at `op`, where nobody knows it.
mlir::FailureOr<const Target *> getTarget(mlir::Operation *op,
                                          llvm::StringRef chip = {});

} // namespace transmamba::tile

#endif // TRANSMAMBA_TILE_IR_TARGET_H
