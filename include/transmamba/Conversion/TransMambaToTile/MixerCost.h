//===- MixerCost.h - Time of a hybrid mixer ---------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_MIXERCOST_H
#define TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_MIXERCOST_H

#include <cstdint>

namespace transmamba {

/// What a layer mixes in one call: `batch` sequences of `tokens` tokens, from
/// the first token on. Queries and keys have `stateDim` columns a head, values
/// `headDim`, in 16 bits.
struct MixerSizes {
  int64_t batch, tokens;
  int64_t heads, keyHeads, valueHeads;
  int64_t stateDim, headDim;
  /// Keys and values before the TransPoint are rotated, or go to a cache.
  bool copiesPrefix = true;

  bool operator==(const MixerSizes &other) const {
    return batch == other.batch && tokens == other.tokens &&
           heads == other.heads && keyHeads == other.keyHeads &&
           valueHeads == other.valueHeads && stateDim == other.stateDim &&
           headDim == other.headDim && copiesPrefix == other.copiesPrefix;
  }
};

/// Microseconds of the parts of a mixer, one after another.
struct MixerTime {
  /// Attention of the tokens before the TransPoint, and the copy of its result.
  double attention = 0;
  /// Keys, rotated, and values kept for later calls.
  double prefix = 0;
  /// The memory conversion and the scan of the tokens from the TransPoint on.
  double scan = 0;

  double total() const { return attention + prefix + scan; }
};

/// Time of a mixer with a TransPoint, by the kernels that the compiler makes
/// for sm_90a, on an H200 (132 multiprocessors, 4.8 TB/s). How good it is:
/// test/Benchmark/README.md.
/// `longest` is the longest sequence of the model: a layer that switches there
/// or later is attention alone and keeps no state.
MixerTime estimateMixer(const MixerSizes &sizes, int64_t transPoint,
                        int64_t longest);

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_MIXERCOST_H
