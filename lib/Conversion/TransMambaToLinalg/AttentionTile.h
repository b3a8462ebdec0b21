//===- AttentionTile.h - Attention of one tile of queries -------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ATTENTIONTILE_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ATTENTIONTILE_H

#include "Patterns.h"

namespace transmamba {

/// What is known of an attention when it is compiled.
struct AttentionShape {
  int64_t keyDim, valueDim;
  int64_t queryBlock, keyBlock;
  mlir::Type type;
  double scale;
  bool causal;
  std::optional<int64_t> window;
  /// Keys of a cache that a workgroup takes, where one query has several.
  std::optional<int64_t> keySegment;
};

/// Chooses blocks: those of `sizes`, no larger than a static number of
/// queries or keys (dynamic: ShapedType::kDynamic), halved until the scratch
/// of a workgroup fits. `cache` is null where keys and values are none's.
AttentionShape chooseAttentionShape(const TileSizes &sizes, mlir::Type type,
                                    int64_t keyDim, int64_t valueDim,
                                    int64_t queries, int64_t keys,
                                    std::optional<llvm::APFloat> scale,
                                    bool causal, std::optional<int64_t> window,
                                    mlir::Value cache);

/// What one kernel of attention reads.
struct AttentionKernel {
  /// Queries [B, T, Hq, N], not rotated where there is a `rotation`.
  mlir::Value q;
  /// Keys and values [B, Tk, H, D], or a cache [B, 2, H, capacity, D].
  mlir::Value k, v, cache;
  /// Position of the first token of each row; null: 0.
  mlir::Value positions;
  /// Valid tokens of each row; null: all.
  mlir::Value lengths;
  /// Only tokens before this position are computed and written.
  std::optional<int64_t> point;
  std::optional<Rotation> rotation;
};

/// Flash attention, one workgroup for (row, head, block of queries), into the
/// first of `inits` [B, T, H, D]:
///
///   for each block of keys, with a running maximum m and sum l of each query,
///     m' = max(m, max_j s_j);  c = exp(m - m');  p_j = exp(s_j - m')
///     l' = c l + sum_j p_j;    acc' = c acc + sum_j p_j v_j
///   y = acc / l
///
/// in f32. Queries beyond the length give zeros. Where there is a second of
/// `inits` [B, T, H], it gets m + log l, and -inf where there are zeros.
mlir::ResultRange emitAttention(TileBuilder &tile, const AttentionShape &shape,
                                const AttentionKernel &kernel,
                                mlir::ValueRange inits);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_ATTENTIONTILE_H
