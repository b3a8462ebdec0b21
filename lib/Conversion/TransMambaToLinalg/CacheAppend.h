//===- CacheAppend.h - Keys and values into a cache -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_CACHEAPPEND_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_CACHEAPPEND_H

#include "Patterns.h"

namespace transmamba {

/// What is appended to a cache [B, 2, H, capacity, D].
struct CacheAppend {
  mlir::Value cache, k, v;
  /// Position of the first token of each row; null: 0.
  mlir::Value positions;
  /// Valid tokens of each row; null: all.
  mlir::Value lengths;
  /// The rotation of the keys, where they have none yet.
  std::optional<Rotation> rotation;
};

/// Copies the valid tokens that have a slot, one workgroup for (row, head,
/// block of tokens). Returns the cache, updated in place.
mlir::Value emitCacheAppend(TileBuilder &tile, const TileSizes &sizes,
                            const CacheAppend &append);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_CACHEAPPEND_H
