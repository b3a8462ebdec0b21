//===- ConfigTest.cpp - Which configuration a product gets ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/TransMambaToTile/Config.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace transmamba;

namespace {
class ConfigTest : public testing::Test {
protected:
  GemmShape shape(int64_t n, int64_t k, bool sums = false) {
    Type bf16 = BFloat16Type::get(&context);
    return {ShapedType::kDynamic, n, k, bf16,
            sums ? Type(Float32Type::get(&context)) : bf16};
  }

  MLIRContext context;
  const tile::Target &target = *tile::findTarget("sm_90a");
};
} // namespace

/// Much work: the tiles with the fewest loads. Little work: tiles enough for
/// more multiprocessors.
TEST_F(ConfigTest, TilesFollowTheWork) {
  GemmConfig large = chooseGemmConfig(target, shape(6144, 2048), 32768);
  EXPECT_EQ(large.blockM * large.blockN, 128 * 256);
  GemmConfig small = chooseGemmConfig(target, shape(6144, 2048), 8);
  EXPECT_EQ(small.blockM, 128);
  EXPECT_EQ(small.blockN, 64);
  // 64 x 4 tiles of 128 x 192 fill 132 multiprocessors twice, 64 x 3 of
  // 128 x 256 leave a quarter of both times unused.
  GemmConfig even = chooseGemmConfig(target, shape(768, 2048), 64 * 128);
  EXPECT_EQ(even.blockN, 192);
}

TEST_F(ConfigTest, NoCandidateIsFasterThanTheChosen) {
  for (int64_t n : {8, 128, 768, 2048, 32000})
    for (int64_t rows : {1, 8, 512, 8192, 131072}) {
      GemmShape product = shape(n, 1024);
      double chosen = estimateGemmCycles(
          target, product, chooseGemmConfig(target, product, rows), rows);
      for (const GemmConfig &candidate : getGemmCandidates(target, product))
        EXPECT_LE(chosen, estimateGemmCycles(target, product, candidate, rows));
    }
}

/// Few rows: enough blocks to load with, but no second round of them, and
/// copies that are not too narrow. Where there may be more rows, not at all.
TEST_F(ConfigTest, FewRows) {
  EXPECT_EQ(chooseGemmConfig(target, shape(4608, 1536), 16, true).blockN, 64);
  EXPECT_EQ(chooseGemmConfig(target, shape(1536, 4096), 1, true).blockN, 16);
  EXPECT_EQ(chooseGemmConfig(target, shape(8192, 2048), 4, true).blockN, 64);
  EXPECT_EQ(chooseGemmConfig(target, shape(8192, 2048), 4, true).occupancy, 1);
  EXPECT_EQ(chooseGemmConfig(target, shape(32000, 1536), 8, true).occupancy, 2);
  for (int64_t rows : {1, 16, 17, 64}) {
    GemmConfig config = chooseGemmConfig(target, shape(1536, 4096), rows, true);
    EXPECT_TRUE(config.isForFewRows());
    EXPECT_GE(config.blockM, rows);
    EXPECT_FALSE(chooseGemmConfig(target, shape(1536, 4096), rows, false)
                     .isForFewRows());
  }
  EXPECT_FALSE(
      chooseGemmConfig(target, shape(1536, 4096), 65, true).isForFewRows());
}

/// At least two stages, else nothing is on its way while something is
/// multiplied; and no more than there is room for.
TEST_F(ConfigTest, StagesFillSharedMemory) {
  for (bool sums : {false, true}) {
    GemmShape product = shape(2048, 2048, sums);
    for (const GemmConfig &candidate : getGemmCandidates(target, product)) {
      int64_t stage =
          2 * candidate.blockK * (candidate.blockM + candidate.blockN);
      int64_t staging = sums ? 0 : 2 * candidate.blockM * candidate.blockN;
      EXPECT_GE(candidate.stages, 3);
      EXPECT_LE(candidate.stages * stage + staging, target.getTileBytes(1));
      EXPECT_TRUE(candidate.stages == 8 ||
                  (candidate.stages + 1) * stage + staging >
                      target.getTileBytes(1));
    }
  }
}
