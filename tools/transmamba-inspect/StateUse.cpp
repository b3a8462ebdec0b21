//===- StateUse.cpp - Memory of a model's state ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "StateUse.h"

#include <algorithm>
#include <set>

namespace transmamba::inspect {

using package::LayerInfo;
using package::Manifest;
using package::State;

/// The TransPoint of the state's layer, or nothing.
static std::optional<int64_t> transPointOf(const Manifest &manifest,
                                           const State &state) {
  for (const LayerInfo &layer : manifest.model.layers)
    if (state.layer == layer.index)
      return layer.transPoint;
  return std::nullopt;
}

uint64_t stateBytesInUse(const Manifest &manifest, int64_t tokens) {
  uint64_t total = 0;
  for (const State &state : manifest.states) {
    if (state.isWorkspace())
      continue;
    if (!state.sequenceDim) {
      total += state.rowBytes();
      continue;
    }
    std::optional<int64_t> transPoint = transPointOf(manifest, state);
    if (transPoint && tokens > *transPoint)
      continue; // converted
    int64_t capacity = state.rowShape[*state.sequenceDim - 1];
    total += state.rowBytes() / static_cast<uint64_t>(capacity) *
             static_cast<uint64_t>(std::min(tokens, capacity));
  }
  return total;
}

std::vector<int64_t> interestingLengths(const Manifest &manifest) {
  int64_t longest = manifest.model.maxSequence;
  std::set<int64_t> lengths = {longest};
  for (int64_t power = 1; power < longest; power *= 4)
    lengths.insert(power);
  for (const LayerInfo &layer : manifest.model.layers)
    if (layer.transPoint && *layer.transPoint > 0 &&
        *layer.transPoint < longest) {
      lengths.insert(*layer.transPoint);
      lengths.insert(*layer.transPoint + 1);
    }
  return std::vector<int64_t>(lengths.begin(), lengths.end());
}

} // namespace transmamba::inspect
