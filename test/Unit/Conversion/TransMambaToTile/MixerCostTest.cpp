//===- MixerCostTest.cpp - Time of a hybrid mixer -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/TransMambaToTile/MixerCost.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"

using namespace transmamba;

static constexpr int64_t kLongest = 8192;

static MixerSizes getSizes(int64_t batch, int64_t tokens) {
  return {batch, tokens, 16, 16, 16, 96, 96};
}

TEST(MixerCost, PureLayers) {
  MixerTime scan = estimateMixer(getSizes(1, 8192), 0, kLongest);
  EXPECT_EQ(scan.attention, 0);
  EXPECT_EQ(scan.prefix, 0);
  EXPECT_GT(scan.scan, 0);
  MixerTime attention = estimateMixer(getSizes(1, 8192), kLongest, kLongest);
  EXPECT_GT(attention.attention, 0);
  EXPECT_EQ(attention.scan, 0);
}

TEST(MixerCost, NothingKeepsKeys) {
  MixerSizes sizes = getSizes(1, 8192);
  EXPECT_GT(estimateMixer(sizes, 512, kLongest).prefix, 0);
  sizes.copiesPrefix = false;
  EXPECT_EQ(estimateMixer(sizes, 512, kLongest).prefix, 0);
}

/// Packages of one mixer on an H200, second-level cache overwritten between
/// runs, as test/Benchmark/README.md has them: within 15 %.
TEST(MixerCost, Measured) {
  constexpr int64_t points[] = {0, 128, 256, 512, 1024, 2048, 4096, 8192};
  constexpr double measured[][8] = {
      {70.7, 74.8, 77.0, 77.7, 86.5, 97.8, 165.6, 342.5},
      {176.3, 170.9, 175.3, 182.8, 203.7, 254.8, 508.7, 1325.9},
      {425.6, 453.1, 466.7, 484.4, 565.0, 790.3, 1775.1, 5978.0}};
  for (auto [number, times] : llvm::enumerate(measured))
    for (auto [point, time] : llvm::zip(points, times)) {
      MixerSizes sizes = getSizes(int64_t(1) << (2 * number), 8192);
      sizes.copiesPrefix = false;
      double predicted = estimateMixer(sizes, point, kLongest).total();
      EXPECT_NEAR(predicted / time, 1, 0.15)
          << sizes.batch << " rows, P " << point << ": " << predicted;
    }
}

TEST(MixerCost, TransPointBeyondTheSequence) {
  // All tokens attend, and the state that follows them is kept.
  MixerTime beyond = estimateMixer(getSizes(2, 512), 1024, kLongest);
  MixerTime at = estimateMixer(getSizes(2, 512), 512, kLongest);
  EXPECT_EQ(beyond.attention, at.attention);
  EXPECT_EQ(beyond.total(), at.total());
  EXPECT_GT(beyond.scan, 0);
}

TEST(MixerCost, GrowsWithWork) {
  double before = 0;
  for (int64_t point = 0; point < 8192; point = point ? 2 * point : 64) {
    double attention =
        estimateMixer(getSizes(4, 8192), point, kLongest).attention;
    EXPECT_GE(attention, before) << point;
    before = attention;
  }
  for (int64_t point : {0, 1024, 8192}) {
    double few = estimateMixer(getSizes(1, 2048), point, kLongest).total();
    EXPECT_LE(few, estimateMixer(getSizes(8, 2048), point, kLongest).total());
    EXPECT_LE(few, estimateMixer(getSizes(1, 8192), point, kLongest).total());
  }
}
