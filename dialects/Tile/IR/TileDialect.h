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
/// Swizzled tiles repeat every 1024 bytes, so each starts at a multiple of it.
inline constexpr int64_t kTileAlignment = 1024;

/// The barriers of a tile of a ring are two words: full, empty.
inline constexpr int64_t kBarrierBytes = 16;

} // namespace transmamba::tile

#endif // TRANSMAMBA_TILE_IR_TILEDIALECT_H
