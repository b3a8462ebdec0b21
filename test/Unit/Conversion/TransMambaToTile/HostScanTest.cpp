//===- HostScanTest.cpp - The kernels of a scan, on the host --------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// By way of convert-tile-to-linalg: states of segments, the scan that starts
// from them and their sum, against the recurrence in float64.
//
//===----------------------------------------------------------------------===//

#include "HostTest.h"
#include "transmamba/Conversion/TransMambaToTile/ScanKernels.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <map>

using namespace mlir;
using namespace transmamba;
using namespace testing_tile;
using Operand = ScanOperand;
using At = std::vector<int64_t>;

namespace {

/// What a scan may have besides its tensors.
struct ScanParts {
  bool skip, init, lengths, gate = false;
};

/// How many tokens there are, those before the first that is scanned, and those
/// of a segment.
struct Cut {
  int64_t tokens, first, segment;
};

/// Two heads share queries and keys, which stand beside the values and the gate
/// in one tensor. There are no numbers beyond the length of a row.
class HostScanTest : public HostTest {
protected:
  static constexpr int64_t kHeads = 2, kBatches = 2;

  ScanShape getShape(int64_t stateDim, int64_t headDim, ScanParts parts) {
    const int64_t any = ShapedType::kDynamic;
    Type f32 = Float32Type::get(&context);
    auto fused = RankedTensorType::get(
        {any, any, 2 * (stateDim + kHeads * headDim)}, bf16());
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
    if (parts.gate)
      shape.gate = {fused, 2 * stateDim + kHeads * headDim, kHeads};
    if (parts.lengths)
      shape.lengths = list;
    return shape;
  }

  void check(int64_t stateDim, int64_t headDim, ScanParts parts,
             ArrayRef<Cut> cuts, bool mayPair = true);
};

/// The buffers of one run.
struct Data {
  std::map<Operand, Buffer> buffers;
  Cut cut;

  int64_t states;
  bool combined = false;

  void run(const TileKernel &kernel, ArrayRef<Operand> operands, int64_t blocks,
           int64_t rows, int64_t segments) {
    std::map<Operand, int64_t> sizes = {{Operand::First, cut.first},
                                        {Operand::Segment, cut.segment},
                                        {Operand::Count, states},
                                        {Operand::Combined, combined}};
    std::vector<testing_tile::Argument> arguments;
    for (Operand operand : operands)
      if (auto size = sizes.find(operand); size != sizes.end())
        arguments.push_back(size->second);
      else
        arguments.push_back(&buffers.at(operand));
    if (segments > 0)
      ASSERT_EQ(kernel.run(arguments, {blocks, rows, segments}), 0);
    for (const auto &[operand, buffer] : buffers)
      ASSERT_TRUE(buffer.marginsAreWhole());
  }
};

void HostScanTest::check(int64_t stateDim, int64_t headDim, ScanParts parts,
                         ArrayRef<Cut> cuts, bool mayPair) {
  ScanShape shape = getShape(stateDim, headDim, parts);
  ScanConfig config = *chooseScanConfig(*target, shape, mayPair);
  auto make = [&](auto build, const auto &...config) {
    return compile([&](OpBuilder &builder) {
      build(builder, builder.getUnknownLoc(), "kernel", shape, config...);
    });
  };
  TileKernel states = make(buildScanState,
                           chooseStateConfig(*target, shape, config)),
             scan = make(buildScan, config, ScanSources()),
             combine = make(buildScanCombine, config, ScanSources()),
             fold = make(buildScanFold);
  std::uniform_real_distribution<double> uniform(0.001, 0.1);
  for (const Cut &cut : cuts) {
    int64_t tokens = cut.tokens, first = cut.first;
    SCOPED_TRACE("N=" + std::to_string(stateDim) +
                 " D=" + std::to_string(headDim) +
                 " T=" + std::to_string(tokens) + " from " +
                 std::to_string(first) + " by " + std::to_string(cut.segment));
    int64_t lengths[] = {tokens, std::max<int64_t>(1, tokens / 3)};
    auto inside = [&](int64_t b, int64_t t) {
      return !parts.lengths || t < lengths[b];
    };
    int64_t before = llvm::divideCeil(first, cut.segment),
            scanned = std::max<int64_t>(
                1, llvm::divideCeil(tokens - first, cut.segment)),
            all = before + scanned - 1,
            blocks = kHeads * config.parts / config.warpgroups;
    Buffer x({kBatches, tokens, 2 * (stateDim + kHeads * headDim)},
             Element::BF16,
             [&](const At &at) { return inside(at[0], at[1]) ? draw() : NAN; }),
        dt({kBatches, tokens, kHeads}, Element::F32,
           [&](const At &at) {
             return inside(at[0], at[1]) ? uniform(random) : NAN;
           }),
        rates({kHeads}, Element::F32,
              [](const At &at) { return -1.0 - at[0]; }),
        skip({kHeads}, Element::F32, [&](const At &) { return draw(); }),
        init({kBatches, kHeads, stateDim, headDim}, Element::F32,
             [&](const At &) { return draw(); });
    Data data{
        {{Operand::Queries, x},
         {Operand::Keys, x},
         {Operand::Values, x},
         {Operand::Steps, dt},
         {Operand::Rates, rates},
         {Operand::Skip, skip},
         {Operand::Gate, x},
         {Operand::Init, init},
         {Operand::Lengths,
          Buffer({kBatches}, Element::I32,
                 [&](const At &at) { return double(lengths[at[0]]); })},
         {Operand::States,
          Buffer({kBatches, all + 1, kHeads, stateDim, headDim}, Element::F32,
                 NAN)},
         {Operand::Decays,
          Buffer({kBatches, all + 1, kHeads}, Element::F32, NAN)},
         {Operand::Output,
          Buffer({kBatches, tokens, kHeads * headDim}, Element::BF16, NAN)},
         {Operand::FinalState,
          Buffer({kBatches, kHeads, stateDim, headDim}, Element::F32, NAN)}},
        cut,
        all};
    data.run(states, getStateOperands(shape), blocks, kBatches, all);
    // The same bits: where states are combined by a kernel of its own and,
    // where nothing is scanned, the state without the scan.
    Data combined = data, alone = data;
    data.run(scan, getScanOperands(shape), blocks, kBatches, scanned);
    int64_t slices = kHeads * getCombineSlices(shape);
    combined.combined = true;
    if (all > 0)
      combined.run(combine, getCombineOperands(shape), slices, kBatches, 1);
    combined.run(scan, getScanOperands(shape), blocks, kBatches, scanned);
    if (first == tokens)
      alone.run(fold, getFoldOperands(shape), slices, kBatches, 1);
    else
      alone = combined;
    const Buffer &other = combined.buffers.at(Operand::Output);
    const Buffer &y = data.buffers.at(Operand::Output),
                 &state = data.buffers.at(Operand::FinalState),
                 &folded = alone.buffers.at(Operand::FinalState);
    // A term of a sum is rounded to bf16 three times at most; exponents are
    // differences of sums over a chunk, or over a segment, see the test of the
    // kernel as text.
    double span = double(std::min(tokens, cut.segment));
    double relative =
        3 * std::ldexp(1.0, -8) +
        (2 * 0.2 * span * (kScanChunk + 8) + double(tokens) + 3.0 * stateDim) *
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
          for (int64_t i = 0; inside(b, t) && i < count; ++i) {
            double step = dt.at({b, t, h}),
                   decay = std::exp(rates.at({h}) * step);
            double term =
                step * x.at({b, t, stateDim + i / headDim}) *
                x.at({b, t, shape.v.first + h * headDim + i % headDim});
            sums[i] = decay * sums[i] + term;
            sizes[i] = decay * sizes[i] + std::abs(term);
          }
          for (int64_t d = 0; d < headDim; d += 5) {
            double found = y.at({b, t, h * headDim + d});
            if (t < first) {
              ASSERT_TRUE(std::isnan(found)) << b << ", " << h << ", " << t;
              continue;
            }
            ASSERT_EQ(found, other.at({b, t, h * headDim + d}));
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
            if (parts.gate) {
              double z = x.at({b, t, shape.gate.first + h * headDim + d}),
                     factor = z / (1 + std::exp(-z));
              expected *= factor;
              error *= std::abs(factor);
            }
            error += std::ldexp(std::abs(expected) + error, -8);
            ASSERT_NEAR(found, expected, error)
                << b << ", " << h << ", " << t << ", " << d;
          }
        }
        for (int64_t i = 0; i < count; ++i) {
          At at = {b, h, i / headDim, i % headDim};
          ASSERT_NEAR(state.at(at), sums[i], relative * sizes[i]);
          ASSERT_EQ(folded.at(at), state.at(at));
        }
      }
  }
}

} // namespace

TEST_F(HostScanTest, Parts) {
  for (int parts = 0; parts < 8; ++parts)
    check(32, 32, {bool(parts & 1), bool(parts & 2), bool(parts & 4)},
          {{1, 0, 64}, {64, 0, 64}, {130, 0, 192}, {130, 0, 64}});
}

TEST_F(HostScanTest, Gate) {
  forEachTarget([&] {
    for (bool has : {false, true})
      check(32, 32, {has, has, has, true},
            {{1, 0, 64}, {130, 0, 64}, {200, 77, 64}, {130, 130, 64}});
  });
  check(96, 96, {true, true, true, true}, {{150, 70, 64}});
}

/// One segment, and several: all full, one token more, one less.
TEST_F(HostScanTest, Segments) {
  check(32, 32, {true, true, false},
        {{255, 0, 128}, {256, 0, 128}, {257, 0, 128}, {100, 0, 128}});
  check(32, 32, {false, false, true}, {{257, 0, 128}, {200, 0, 64}});
}

/// Tokens that only leave a state: some, of one segment or of several, or all.
TEST_F(HostScanTest, Prefix) {
  for (bool has : {false, true})
    check(32, 32, {has, has, has},
          {{130, 1, 192},
           {130, 64, 64},
           {200, 77, 64},
           {200, 130, 128},
           {130, 129, 64},
           {130, 130, 64},
           {64, 64, 64}});
}

TEST_F(HostScanTest, Sizes) {
  forEachTarget([&] {
    for (auto [stateDim, headDim] : {std::pair{64, 64},
                                     {96, 96},
                                     {128, 64},
                                     {32, 96},
                                     {96, 128},
                                     {128, 128}})
      check(stateDim, headDim, {true, true, true},
            {{130, 0, 192}, {150, 70, 64}});
  });
}

/// One head a block, or one part of it.
TEST_F(HostScanTest, Alone) {
  for (int64_t size : {32, 128})
    check(size, size, {true, true, true}, {{130, 0, 192}, {150, 70, 64}},
          /*mayPair=*/false);
}

/// Every state of 32 to 128 rows and columns has a configuration; large ones
/// are shared by blocks.
TEST_F(HostScanTest, Configurations) {
  for (int64_t stateDim : {32, 64, 96, 128})
    for (int64_t headDim : {32, 64, 96, 128}) {
      ScanShape shape = getShape(stateDim, headDim, {});
      std::optional<ScanConfig> config = chooseScanConfig(*target, shape);
      ASSERT_TRUE(config);
      EXPECT_EQ(headDim % (32 * config->parts), 0);
      int64_t parts = headDim == 128 && stateDim >= 64   ? 2
                      : headDim == 96 && stateDim == 128 ? 3
                                                         : 1;
      EXPECT_EQ(config->parts, parts);
      EXPECT_EQ(config->warpgroups, parts == 3 ? 1 : 2);
    }
}
