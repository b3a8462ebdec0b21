//===- MixerCostTest.cpp - Time of a hybrid mixer -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/TransMambaToTile/MixerCost.h"
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
