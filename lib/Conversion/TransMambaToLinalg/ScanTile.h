//===- ScanTile.h - The state-space reading of one head ---------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_SCANTILE_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_SCANTILE_H

#include "Patterns.h"

namespace transmamba {

/// What one kernel of the state-space reading reads. The output is written for
/// the tokens of the suffix only; those before it move the state alone.
struct ScanKernel {
  /// [B, T, Hq, N], [B, T, Hk, N], [B, T, Hv, D], [B, T, H], [H], [H]. No `q`:
  /// no output.
  mlir::Value q, k, v, dt, A, skip;
  /// The state before the first token; null: zeros.
  mlir::Value init;
  /// Valid tokens of each row, counted from token -`start`; null: all.
  mlir::Value lengths;
  Index start;
  /// The suffix: the tokens from this position on. Token t stands at
  /// `positions` + t (t without).
  std::optional<int64_t> point;
  mlir::Value positions;
  /// A hint of the operation.
  std::optional<int64_t> chunk;
};

/// The chunked scan, one workgroup for (row, head, block of value columns).
/// With s_i the sum of dt up to token i of a chunk and h the state before it,
///
///   y_i = exp(A s_i) q_i h + sum_{j <= i} exp(A (s_i - s_j)) dt_j (q_i . k_j)
///   v_j
///         + skip v_i
///   h'  = exp(A s) h + sum_j k_j exp(A (s - s_j)) dt_j v_j^T
///
/// Writes y into `output` (none without q), zeros for tokens that are not
/// valid, and the state after the last valid token into the place of `init`,
/// or into a new tensor. Returns the output, if any, and the state.
llvm::SmallVector<mlir::Value> emitScan(TileBuilder &tile,
                                        const TileSizes &sizes,
                                        const ScanKernel &kernel,
                                        mlir::Value output);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_SCANTILE_H
