//===- Rope.h - Rotary positions of whole tensors ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ROPE_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ROPE_H

#include "Patterns.h"

namespace transmamba {

/// Rotates `input` [B, T, H, D], one workgroup for (row, block of tokens).
/// Token t of row b stands at positions[b] + t (t without positions). Tokens
/// beyond the tables give zeros: nothing attends to them.
mlir::Value emitRope(TileBuilder &tile, const TileSizes &sizes,
                     const Rotation &rotation, mlir::Value input,
                     mlir::Value positions);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ROPE_H
