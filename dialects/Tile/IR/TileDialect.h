//===- TileDialect.h - The tile dialect -------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_IR_TILEDIALECT_H
#define TRANSMAMBA_TILE_IR_TILEDIALECT_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"

#include "Tile/IR/TileDialect.h.inc"
#include "Tile/IR/TileEnums.h.inc"

#define GET_TYPEDEF_CLASSES
#include "Tile/IR/TileTypes.h.inc"

namespace transmamba::tile {

/// A 16-bit float, what matrix units multiply.
bool isHalf(mlir::Type type);
/// The type of a number of a fragment, rows, columns or a vector.
mlir::Type getNumberType(mlir::Type type);

/// What a multiprocessor has, in the targets that the dialect is for.
inline constexpr int64_t kMultiprocessorSharedBytes = 228 * 1024;
/// What the system takes of it for each block.
inline constexpr int64_t kBlockSharedBytes = 1024;
inline constexpr int64_t kRegisterFile = 65536;
inline constexpr int64_t kWarpgroupThreads = 128;
/// Registers of a block that shares a multiprocessor: it starts with the same
/// number for each thread, a multiple of 8, and roles exchange some.
inline int64_t getRegistersOfBlock(int64_t threads, int64_t occupancy) {
  return threads * (kRegisterFile / (occupancy * threads) / 8 * 8);
}
/// Swizzled tiles repeat every 1024 bytes, so each starts at a multiple of it.
inline constexpr int64_t kTileAlignment = 1024;

/// The barriers of a tile of a ring are two words: full, empty.
inline constexpr int64_t kBarrierBytes = 16;

/// Words of the control buffer of `tile.tickets`: the next ticket, blocks that
/// are done, launches so far, and from `kControlItems` on the launch in which
/// an item was published last.
enum Control : int64_t {
  kControlTicket,
  kControlBlocksDone,
  kControlLaunches,
  kControlItems = 4
};
/// Items between the producer and the consumers: the one that is worked on, and
/// the next.
inline constexpr int64_t kTicketStages = 2;
/// Of shared memory: the number of the launch, that of each of these items, and
/// their barriers.
inline constexpr int64_t kTicketBytes = 16 + kTicketStages * kBarrierBytes;

} // namespace transmamba::tile

#endif // TRANSMAMBA_TILE_IR_TILEDIALECT_H
