//===- MixerCost.cpp - Time of a hybrid mixer -----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Attention is bound by arithmetic and by how its blocks fill the device; the
// scan by memory, or, with few chains, by the time of one chunk after another.
// The numbers are measured: test/Benchmark/README.md.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/TransMambaToTile/MixerCost.h"
#include "transmamba/Conversion/TransMambaToTile/Config.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <queue>
#include <vector>

using namespace transmamba;

namespace {
constexpr int64_t kMultiprocessors = 132;
/// Bytes a microsecond of a kernel that only moves data, and of scans.
constexpr double kBytesPerMicrosecond = 3.5e6, kScanBytesPerMicrosecond = 3.8e6;
/// Microseconds from the end of a kernel until the next is at work on data that
/// no cache holds.
constexpr double kLaunch = 5.0;
/// Microseconds of a chunk where memory is not the bound: of a state alone, and
/// of a scan.
constexpr double kStateChunk = 1.05, kScanChunkTime = 2.15;
} // namespace

/// The numbers are measured on it.
static const tile::Target &getTarget() { return *tile::findTarget("sm_90a"); }

static double estimateCopy(double bytes) {
  return kLaunch + bytes / kBytesPerMicrosecond;
}

/// Causal attention of `tokens` tokens. Blocks of queries are taken in order,
/// the longest first, by the multiprocessor that is free first.
static double estimateAttention(const MixerSizes &sizes, int64_t tokens) {
  if (tokens == 0)
    return 0;
  AttentionShape shape{};
  shape.headDim = sizes.headDim;
  int64_t rows = chooseAttentionConfig(getTarget(), shape).blockM;
  int64_t blocks = llvm::divideCeil(tokens, rows);
  // Two products and an exponential for each key and query.
  double perKey = (0.0063 + 0.0001 * static_cast<double>(sizes.headDim)) *
                  static_cast<double>(rows) / 192;
  auto blockTime = [&](int64_t block) {
    constexpr double ends = 1.3;
    return ends + perKey * static_cast<double>(std::min(block * rows, tokens));
  };
  double heads = static_cast<double>(sizes.batch * sizes.heads);
  // So many blocks that their order does not matter.
  if (heads * static_cast<double>(blocks) > 1e5)
    return kLaunch + heads * static_cast<double>(blocks) *
                         (blockTime(1) + blockTime(blocks)) / 2 /
                         kMultiprocessors;
  std::priority_queue<double, std::vector<double>, std::greater<>> free;
  for (int64_t i = 0; i < kMultiprocessors; ++i)
    free.push(0);
  double last = 0;
  for (int64_t block = blocks; block > 0; --block)
    for (int64_t i = 0; i < sizes.batch * sizes.heads; ++i) {
      double end = free.top() + blockTime(block);
      free.pop();
      free.push(end);
      last = std::max(last, end);
    }
  return kLaunch + last;
}

/// The scan of the tokens from `prefix` on and the state that those before it
/// leave, cut into segments as the compiler cuts them (ScanLaunch.cpp).
static double estimateScan(const MixerSizes &sizes, int64_t prefix) {
  ScanShape shape{};
  shape.heads = sizes.heads;
  shape.stateDim = sizes.stateDim;
  shape.headDim = sizes.headDim;
  ScanConfig config =
      chooseScanConfig(getTarget(), shape).value_or(ScanConfig());
  int64_t chains = sizes.batch * sizes.heads * config.parts / config.warpgroups;
  int64_t capacity = std::max<int64_t>(
      1, std::min(config.occupancy * kMultiprocessors / chains,
                  sizes.tokens / kMinSegment));
  int64_t segment =
      kScanChunk * llvm::divideCeil(sizes.tokens, capacity * kScanChunk);
  int64_t prefixSegments = llvm::divideCeil(prefix, segment);
  int64_t scanSegments =
      std::max<int64_t>(1, llvm::divideCeil(sizes.tokens - prefix, segment));
  int64_t states = prefixSegments + scanSegments - 1;

  double keyBytes = 2.0 * static_cast<double>(sizes.keyHeads * sizes.stateDim);
  double valueBytes =
      2.0 * static_cast<double>(sizes.valueHeads * sizes.headDim);
  double scanBytes =
      keyBytes + valueBytes +
      2.0 * static_cast<double>(sizes.heads * (sizes.stateDim + sizes.headDim));
  auto chunks = [&](int64_t tokens) {
    return static_cast<double>(
        llvm::divideCeil(std::min(tokens, segment), kScanChunk));
  };
  auto rows = [&](int64_t tokens) {
    return static_cast<double>(sizes.batch * tokens);
  };
  double time = 0;
  if (states > 0) {
    int64_t tokens =
        prefix + std::min(sizes.tokens - prefix, (scanSegments - 1) * segment);
    time += kLaunch + std::max(kStateChunk * chunks(tokens),
                               rows(tokens) * (keyBytes + valueBytes) /
                                   kScanBytesPerMicrosecond);
  }
  // Few states are combined by each scan that starts from them.
  if (states >= kMinCombined)
    time += kLaunch + 0.5 * static_cast<double>(states);
  else
    time += 0.8 * static_cast<double>(states);
  int64_t tokens = sizes.tokens - prefix;
  if (tokens > 0)
    time +=
        kLaunch + std::max(kScanChunkTime * chunks(tokens),
                           rows(tokens) * scanBytes / kScanBytesPerMicrosecond);
  return time;
}

MixerTime transmamba::estimateMixer(const MixerSizes &sizes, int64_t transPoint,
                                    int64_t longest) {
  MixerTime time;
  int64_t prefix = std::min(transPoint, sizes.tokens);
  double rows = static_cast<double>(sizes.batch * prefix);
  if (prefix > 0) {
    double keyBytes =
        2.0 * static_cast<double>(sizes.keyHeads * sizes.stateDim);
    double valueBytes =
        2.0 * static_cast<double>(sizes.valueHeads * sizes.headDim);
    if (sizes.copiesPrefix)
      time.prefix = estimateCopy(rows * 2 * (keyBytes + valueBytes));
    time.attention = estimateAttention(sizes, prefix);
  }
  if (transPoint < longest)
    time.scan = estimateScan(sizes, prefix);
  return time;
}
