//===- Passes.h - Rewrites inside the tile dialect --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_TRANSFORMS_PASSES_H
#define TRANSMAMBA_TILE_TRANSFORMS_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace transmamba {

/// Integer attribute of a launch: those of a block that have the same are to
/// become one.
inline constexpr llvm::StringLiteral kTileGroupAttrName = "tile.group";
/// Of such a launch: when its items are drawn, see `tile-merge-launches`.
inline constexpr llvm::StringLiteral kTileTurnsAttrName = "tile.turns";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "Tile/Transforms/Passes.h.inc"

} // namespace transmamba

#endif // TRANSMAMBA_TILE_TRANSFORMS_PASSES_H
