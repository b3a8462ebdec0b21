//===- ScanTest.cpp - The scan kernel against its recurrence --------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace testing_tile;

static constexpr int64_t kDim = 96, kWidth = 1536, kHeads = 16, kChunk = 64;

using Matrix = std::vector<std::vector<double>>;

static Matrix matrix() { return Matrix(kDim, std::vector<double>(kDim)); }

TEST(TileScan, MatchesRecurrence) {
  TileKernel kernel(readTest("Conversion/TileToNVVM/scan.mlir"), "ssd_scan");
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  auto draw = [&](const std::vector<int64_t> &) { return normal(random); };
  std::uniform_real_distribution<double> uniform(0.001, 0.1);
  auto drawStep = [&](const std::vector<int64_t> &) { return uniform(random); };
  const int64_t heads = 2;
  Buffer rates({kHeads}, Element::F32,
               [](const std::vector<int64_t> &at) { return -1.0 - at[0]; });
  for (int64_t batches : {1, 2})
    for (int64_t tokens : {1, 63, 64, 65, 128, 200}) {
      SCOPED_TRACE("B=" + std::to_string(batches) +
                   " T=" + std::to_string(tokens));
      std::vector<int64_t> sizes{batches, tokens, kWidth};
      Buffer q(sizes, Element::BF16, draw), k(sizes, Element::BF16, draw),
          v(sizes, Element::BF16, draw), y(sizes, Element::BF16, NAN),
          dt({batches, tokens, kHeads}, Element::F32, drawStep),
          final({batches, kHeads, kDim, kDim}, Element::F32, NAN);
      ASSERT_EQ(kernel.run({&q, &k, &v, &dt, &rates, &y, &final},
                           {heads, batches, 1}),
                0);
      ASSERT_TRUE(y.marginsAreWhole() && final.marginsAreWhole());
      for (int64_t batch = 0; batch < batches; ++batch)
        for (int64_t head = 0; head < heads; ++head) {
          // The state, and the same sums of absolute values.
          Matrix state = matrix(), size = matrix();
          int64_t first = head * kDim;
          double rate = rates.at({head});
          // A term of a sum is rounded to bf16 at most three times: a factor of
          // the keys, its product with them, and the state (or a weight of this
          // chunk, once). An exponent is a difference of sums over a chunk.
          double exponent = std::abs(rate) * 0.1 * kChunk;
          double relative =
              3 * std::ldexp(1.0, -8) +
              (2 * exponent * (kChunk + 8) + double(tokens) + 3 * kDim) *
                  std::ldexp(1.0, -24);
          for (int64_t t = 0; t < tokens; ++t) {
            double step = dt.at({batch, t, head});
            double decay = std::exp(rate * step);
            for (int64_t n = 0; n < kDim; ++n)
              for (int64_t p = 0; p < kDim; ++p) {
                double term = step * k.at({batch, t, first + n}) *
                              v.at({batch, t, first + p});
                state[n][p] = decay * state[n][p] + term;
                size[n][p] = decay * size[n][p] + std::abs(term);
              }
            for (int64_t p = 0; p < kDim; ++p) {
              double expected = 0, error = 0;
              for (int64_t n = 0; n < kDim; ++n) {
                double query = q.at({batch, t, first + n});
                expected += query * state[n][p];
                error += relative * std::abs(query) * size[n][p];
              }
              error += std::ldexp(std::abs(expected) + error, -8);
              ASSERT_NEAR(y.at({batch, t, first + p}), expected, error)
                  << "token " << t << ", column " << p;
            }
          }
          for (int64_t n = 0; n < kDim; ++n)
            for (int64_t p = 0; p < kDim; ++p)
              ASSERT_NEAR(final.at({batch, head, n, p}), state[n][p],
                          relative * size[n][p]);
        }
    }
}
