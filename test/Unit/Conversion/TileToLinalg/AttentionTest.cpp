//===- AttentionTest.cpp - The attention kernel against its equation ------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace testing_tile;

static constexpr int64_t kHeadDim = 96, kWidth = 1536;

static std::string readSource() {
  return readTest("Conversion/TileToNVVM/attention.mlir");
}

namespace {
/// Row `query` of softmax(scale Q K^T) V under the causal mask, in float64, and
/// how far the kernel may be away from it.
struct Expected {
  std::vector<double> values, tolerances;

  Expected(const Buffer &q, const Buffer &k, const Buffer &v, int64_t batch,
           int64_t head, int64_t query, double scale)
      : values(kHeadDim), tolerances(kHeadDim) {
    std::vector<double> weights;
    double top = -INFINITY, size = 0;
    for (int64_t key = 0; key <= query; ++key) {
      double score = 0, absolute = 0;
      for (int64_t d = head * kHeadDim; d < (head + 1) * kHeadDim; ++d) {
        double product = q.at({batch, query, d}) * k.at({batch, key, d});
        score += product;
        absolute += std::abs(product);
      }
      weights.push_back(scale * score);
      top = std::max(top, scale * score);
      size = std::max(size, scale * absolute);
    }
    double sum = 0;
    for (double &weight : weights)
      sum += weight = std::exp2(weight - top);
    // A score is a sum of kHeadDim products, exact each, in f32; the difference
    // to the maximum is rounded twice more, and its error is relative in the
    // weight. A weight is rounded to bf16 (2^-8), and sums of keys grow by one
    // rounding a key, twice (numerator and denominator), and once more each
    // time the maximum moves.
    double unit = std::ldexp(1.0, -24);
    double relative = std::log(2.0) * size * (kHeadDim + 4) * 2 * unit +
                      std::ldexp(1.0, -8) + (3.0 * (query + 1) + 16) * unit;
    for (int64_t d = 0; d < kHeadDim; ++d) {
      double absolute = 0;
      for (int64_t key = 0; key <= query; ++key) {
        double part =
            weights[key] / sum * v.at({batch, key, head * kHeadDim + d});
        values[d] += part;
        absolute += std::abs(part);
      }
      // The result is rounded to bf16.
      double error = relative * absolute;
      tolerances[d] = error + std::ldexp(std::abs(values[d]) + error, -8);
    }
  }
};
} // namespace

TEST(TileAttention, MatchesEquation) {
  TileKernel kernel(readSource(), "attention");
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  auto draw = [&](const std::vector<int64_t> &) { return normal(random); };
  const int64_t heads = 2;
  // Base 2, as the kernel computes it.
  float scale = 1.4426950408889634 / std::sqrt(double(kHeadDim));
  for (int64_t batches : {1, 2})
    for (int64_t tokens : {1, 63, 64, 65, 127, 128, 129, 200, 300}) {
      SCOPED_TRACE("B=" + std::to_string(batches) +
                   " T=" + std::to_string(tokens));
      std::vector<int64_t> sizes{batches, tokens, kWidth};
      Buffer q(sizes, Element::BF16, draw), k(sizes, Element::BF16, draw),
          v(sizes, Element::BF16, draw), o(sizes, Element::BF16, NAN);
      ASSERT_EQ(kernel.run({&q, &k, &v, &o, scale},
                           {heads, (tokens + 127) / 128, batches}),
                0);
      ASSERT_TRUE(o.marginsAreWhole());
      for (int64_t batch = 0; batch < batches; ++batch)
        for (int64_t query = 0; query < tokens; ++query) {
          for (int64_t head = 0; head < heads; ++head) {
            Expected expected(q, k, v, batch, head, query, scale);
            for (int64_t d = 0; d < kHeadDim; ++d)
              ASSERT_NEAR(o.at({batch, query, head * kHeadDim + d}),
                          expected.values[d], expected.tolerances[d])
                  << "query " << query << ", column " << d;
          }
          // The heads that were not run.
          for (int64_t d = heads * kHeadDim; d < kWidth; ++d)
            ASSERT_TRUE(std::isnan(o.at({batch, query, d})));
        }
    }
}

//===----------------------------------------------------------------------===//
// Mistakes in it
//===----------------------------------------------------------------------===//

namespace {
/// The line that holds `line`, the last one of them, is replaced.
struct Mistake {
  std::string line, replacement;
  transmamba::TileFault fault;
};
} // namespace

static std::string makeMistake(std::string source, const Mistake &mistake) {
  size_t at = source.rfind(mistake.line);
  EXPECT_NE(at, std::string::npos) << mistake.line;
  size_t begin = source.rfind('\n', at) + 1, end = source.find('\n', at);
  return source.replace(begin, end - begin, mistake.replacement);
}

TEST(TileAttention, MistakesAreNoticed) {
  using transmamba::TileFault;
  const std::string ring = " : !tile.ring<128x96xbf16, stages = 2>";
  const std::string await = "%oa = tile.await %op after %ln : !tile.rows<64xf32"
                            ", partial>, !tile.pending<64x96xf32>\n";
  const Mistake mistakes[] = {
      {"tile.load %v", "", TileFault::WaitWithoutLoad},
      {"tile.load %k",
       "tile.load %k[%batch, %first_key, %first_column] to %keys : "
       "memref<?x?x1536xbf16>, !tile.ring<128x96xbf16, stages = 2>\n"
       "tile.load %k[%batch, %first_key, %first_column] to %keys : "
       "memref<?x?x1536xbf16>, !tile.ring<128x96xbf16, stages = 2>\n",
       TileFault::TileNotTaken},
      // The last one is in the loop.
      {"tile.consumer_release %keys", "", TileFault::Deadlock},
      {"%oa = tile.await",
       "tile.consumer_release %values" + ring + "\n" + await,
       TileFault::TileInUse},
      {"tile.turn_pass", "", TileFault::UnevenTurns},
      {"tile.store_wait", "", TileFault::StoreNotAwaited},
  };
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  auto draw = [&](const std::vector<int64_t> &) { return normal(random); };
  std::vector<int64_t> sizes{1, 512, kWidth};
  Buffer q(sizes, Element::BF16, draw), k(sizes, Element::BF16, draw),
      v(sizes, Element::BF16, draw), o(sizes, Element::BF16);
  for (const Mistake &mistake : mistakes) {
    TileKernel kernel(makeMistake(readSource(), mistake), "attention");
    int32_t faults = kernel.run({&q, &k, &v, &o, 0.1f}, {1, 4, 1});
    EXPECT_TRUE(faults & bit(mistake.fault))
        << mistake.line << " -> " << faults;
  }
}
