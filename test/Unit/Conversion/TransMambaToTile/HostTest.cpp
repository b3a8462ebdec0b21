//===- HostTest.cpp - The kernels that are built, on the host -------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// By way of convert-tile-to-linalg, at ragged sizes, against the equations in
// float64. Margins of NaN around each tensor say what is read or written
// beyond it.
//
//===----------------------------------------------------------------------===//

#include "HostTest.h"

using namespace mlir;
using namespace transmamba;
using namespace testing_tile;

//===----------------------------------------------------------------------===//
// The SSD scan
//===----------------------------------------------------------------------===//

/// What a scan may have besides its tensors.
struct ScanParts {
  bool skip, init, lengths;
};

/// Two heads share queries and keys, which stand beside the values in one
/// tensor.
class HostScanTest : public HostTest {
protected:
  static constexpr int64_t kHeads = 2, kBatches = 2;

  ScanShape getShape(int64_t stateDim, int64_t headDim, ScanParts parts) {
    const int64_t any = ShapedType::kDynamic;
    Type f32 = Float32Type::get(&context);
    auto fused = RankedTensorType::get(
        {any, any, 2 * stateDim + kHeads * headDim}, bf16());
    auto result = RankedTensorType::get({any, any, kHeads * headDim}, bf16());
    auto list = RankedTensorType::get({any}, IntegerType::get(&context, 32));
    ScanShape shape{};
    shape.q = {fused, 0, 1};
    shape.k = {fused, stateDim, 1};
    shape.v = {fused, 2 * stateDim, kHeads};
    shape.result = {result, 0, kHeads};
    shape.heads = kHeads;
    shape.stateDim = stateDim;
    shape.headDim = headDim;
    shape.dt = RankedTensorType::get({any, any, kHeads}, f32);
    shape.state = RankedTensorType::get({any, kHeads, stateDim, headDim}, f32);
    shape.hasSkip = parts.skip;
    shape.hasInit = parts.init;
    if (parts.lengths)
      shape.lengths = list;
    return shape;
  }

  void check(int64_t stateDim, int64_t headDim, ScanParts parts);
};

void HostScanTest::check(int64_t stateDim, int64_t headDim, ScanParts parts) {
  ScanShape shape = getShape(stateDim, headDim, parts);
  TileKernel kernel = compile([&](OpBuilder &builder) {
    buildScan(builder, builder.getUnknownLoc(), "kernel", shape,
              *chooseScanConfig(shape));
  });
  std::uniform_real_distribution<double> uniform(0.001, 0.1);
  for (int64_t tokens : {1, 64, 130}) {
    SCOPED_TRACE("N=" + std::to_string(stateDim) + " D=" +
                 std::to_string(headDim) + " T=" + std::to_string(tokens));
    int64_t lengths[] = {tokens, std::max<int64_t>(1, tokens / 3)};
    auto inside = [&](int64_t b, int64_t t) {
      return !parts.lengths || t < lengths[b];
    };
    using At = std::vector<int64_t>;
    Buffer x = drawn({kBatches, tokens, shape.v.first + kHeads * headDim}),
           y({kBatches, tokens, kHeads * headDim}, Element::BF16, NAN),
           // The caller makes the steps beyond the length zeros.
        dt({kBatches, tokens, kHeads}, Element::F32,
           [&](const At &at) {
             return inside(at[0], at[1]) ? uniform(random) : 0.0;
           }),
           rates({kHeads}, Element::F32,
                 [](const At &at) { return -1.0 - at[0]; }),
           skip({kHeads}, Element::F32, [&](const At &) { return draw(); }),
           init({kBatches, kHeads, stateDim, headDim}, Element::F32,
                [&](const At &) { return draw(); }),
           l({kBatches}, Element::I32,
             [&](const At &at) { return double(lengths[at[0]]); }),
           state({kBatches, kHeads, stateDim, headDim}, Element::F32, NAN);
    std::vector<testing_tile::Argument> arguments = {&x, &x, &x, &dt, &rates};
    if (parts.skip)
      arguments.push_back(&skip);
    if (parts.init)
      arguments.push_back(&init);
    if (parts.lengths)
      arguments.push_back(&l);
    arguments.push_back(&y);
    arguments.push_back(&state);
    ASSERT_EQ(kernel.run(arguments, {kHeads, kBatches, 1}), 0);
    ASSERT_TRUE(y.marginsAreWhole() && state.marginsAreWhole());
    // A term of a sum is rounded to bf16 three times at most; exponents are
    // differences of sums over a chunk, see the test of the kernel as text.
    double relative =
        3 * std::ldexp(1.0, -8) + (2 * 0.2 * kScanChunk * (kScanChunk + 8) +
                                   double(tokens) + 3.0 * stateDim) *
                                      std::ldexp(1.0, -24);
    for (int64_t b = 0; b < kBatches; ++b)
      for (int64_t h = 0; h < kHeads; ++h) {
        int64_t count = stateDim * headDim;
        std::vector<double> sums(count), sizes(count);
        for (int64_t i = 0; parts.init && i < count; ++i) {
          sums[i] = init.at({b, h, i / headDim, i % headDim});
          sizes[i] = std::abs(sums[i]);
        }
        for (int64_t t = 0; t < tokens; ++t) {
          double step = dt.at({b, t, h}),
                 decay = std::exp(rates.at({h}) * step);
          for (int64_t i = 0; i < count; ++i) {
            double term =
                step * x.at({b, t, stateDim + i / headDim}) *
                x.at({b, t, shape.v.first + h * headDim + i % headDim});
            sums[i] = decay * sums[i] + term;
            sizes[i] = decay * sizes[i] + std::abs(term);
          }
          for (int64_t d = 0; d < headDim; d += 5) {
            double found = y.at({b, t, h * headDim + d});
            if (!inside(b, t)) {
              ASSERT_EQ(found, 0) << b << ", " << h << ", " << t;
              continue;
            }
            double expected = 0, error = 0;
            for (int64_t n = 0; n < stateDim; ++n) {
              double query = x.at({b, t, n});
              expected += query * sums[n * headDim + d];
              error += relative * std::abs(query) * sizes[n * headDim + d];
            }
            if (parts.skip)
              expected +=
                  skip.at({h}) * x.at({b, t, shape.v.first + h * headDim + d});
            error += std::ldexp(std::abs(expected) + error, -8);
            ASSERT_NEAR(found, expected, error)
                << b << ", " << h << ", " << t << ", " << d;
          }
        }
        for (int64_t i = 0; i < count; ++i)
          ASSERT_NEAR(state.at({b, h, i / headDim, i % headDim}), sums[i],
                      relative * sizes[i]);
      }
  }
}

TEST_F(HostScanTest, Parts) {
  for (int parts = 0; parts < 8; ++parts)
    check(32, 32, {bool(parts & 1), bool(parts & 2), bool(parts & 4)});
}

TEST_F(HostScanTest, Sizes) {
  for (auto [stateDim, headDim] :
       {std::pair{64, 64}, {96, 96}, {128, 64}, {32, 96}})
    check(stateDim, headDim, {true, true, true});
}

TEST_F(HostScanTest, TooLargeForRegisters) {
  EXPECT_FALSE(chooseScanConfig(getShape(128, 128, {})));
}
