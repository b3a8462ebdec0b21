//===- HostAttentionTest.cpp - Attention on the host ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "HostTest.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <algorithm>
#include <optional>

using namespace mlir;
using namespace transmamba;
using namespace testing_tile;

/// Attention to check: which keys a query sees, and what is done besides.
struct AttentionCase {
  int64_t headDim;
  bool causal = true;
  int64_t window = 0;
  bool hasLengths = false;
  std::optional<AttentionConfig> config = {};
  /// Pairs of each query that are rotated.
  int64_t pairs = 0;
  bool interleaved = false;
  /// Keys are in a cache.
  bool hasCache = false;
  bool hasLogarithms = false;
};

/// Tokens of the queries and of the keys.
struct Tokens {
  int64_t queries, keys;
};

/// Two heads of queries share one of the keys and values, which are columns of
/// one tensor, and in causal attention of that of the queries too.
class HostAttentionTest : public HostTest {
protected:
  static constexpr int64_t kHeads = 2, kKeyHeads = 1, kBatches = 2;

  void check(const AttentionCase &attention, ArrayRef<Tokens> sizes);
  void check(const AttentionShape &shape, const TileKernel &kernel,
             int64_t blockM, Tokens tokens);

  /// Slots of a cache: more than tokens in some of the cases, fewer never.
  static constexpr int64_t kCapacity = 300;
};

/// The queries [B, T, H * dim], rotated and rounded as the kernel does it.
static Buffer rotate(const Buffer &q, const AttentionShape &shape,
                     const Buffer &cosines, const Buffer &sines) {
  const int64_t dim = shape.headDim, pairs = shape.rotation.getDimSize(1);
  Buffer rotated(q.sizes(), Element::BF16,
                 [&](const std::vector<int64_t> &at) { return q.at(at); });
  q.forEach([&](const std::vector<int64_t> &at) {
    int64_t d = at[2] % dim, head = at[2] - d;
    bool isSecond = shape.interleaved ? d % 2 : d >= pairs;
    int64_t pair = shape.interleaved ? d / 2 : d % pairs;
    if (d >= 2 * pairs)
      return;
    int64_t other = shape.interleaved ? d ^ 1 : (d + pairs) % (2 * pairs);
    float own = q.at(at), its = q.at({at[0], at[1], head + other}),
          cos = cosines.at({at[1], pair}), sin = sines.at({at[1], pair});
    // Products are rounded before they are added.
    float a = own * cos, b = its * sin;
    rotated.set(at, isSecond ? a + b : a - b);
  });
  return rotated;
}

void HostAttentionTest::check(const AttentionCase &attention,
                              ArrayRef<Tokens> sizes) {
  const int64_t dim = attention.headDim, any = ShapedType::kDynamic;
  const int64_t keyColumn = attention.causal ? kHeads * dim : 0,
                valueColumn = keyColumn + kKeyHeads * dim,
                width = valueColumn + kKeyHeads * dim;
  auto fused = RankedTensorType::get({any, any, width}, bf16());
  auto result = RankedTensorType::get({any, any, kHeads * dim}, bf16());
  auto list = RankedTensorType::get({any}, IntegerType::get(&context, 32));
  AttentionShape shape{{attention.causal ? fused : result, 0, kHeads},
                       {fused, keyColumn, kKeyHeads},
                       {fused, valueColumn, kKeyHeads},
                       {result, 0, kHeads},
                       dim,
                       1 / std::sqrt(double(dim)),
                       attention.hasLengths ? list : RankedTensorType(),
                       attention.causal,
                       attention.window};
  if (attention.pairs)
    shape.rotation = RankedTensorType::get({any, attention.pairs}, f32());
  shape.interleaved = attention.interleaved;
  if (attention.hasCache)
    shape.k = {
        RankedTensorType::get({any, 2, kKeyHeads, kCapacity, dim}, bf16()), 0,
        kKeyHeads};
  if (attention.hasLogarithms)
    shape.logarithms = RankedTensorType::get({any, any, kHeads}, f32());
  AttentionConfig config = attention.config
                               ? *attention.config
                               : chooseAttentionConfig(*target, shape);
  TileKernel kernel = compile([&](OpBuilder &builder) {
    buildAttention(builder, builder.getUnknownLoc(), "kernel", shape, config);
  });
  for (Tokens tokens : sizes) {
    SCOPED_TRACE("D=" + std::to_string(dim) +
                 " queries=" + std::to_string(tokens.queries) +
                 " keys=" + std::to_string(tokens.keys) +
                 (attention.causal ? " causal" : "") +
                 (attention.hasLengths ? " lengths" : "") +
                 " window=" + std::to_string(attention.window) + " tile " +
                 std::to_string(config.blockM) + " x " +
                 std::to_string(config.blockN));
    check(shape, kernel, config.blockM, tokens);
    if (HasFatalFailure())
      return;
  }
}

/// Keys and values beyond the length of their row are NaN, and so are the
/// queries of causal attention.
void HostAttentionTest::check(const AttentionShape &shape,
                              const TileKernel &kernel, int64_t blockM,
                              Tokens tokens) {
  const int64_t dim = shape.headDim, width = shape.v.tensor.getDimSize(2);
  const int64_t keyColumn = shape.v.first - kKeyHeads * dim;
  // The first row has all tokens. The second ends before its last block of
  // queries begins, or has none: the length may be negative.
  int64_t lengths[] = {tokens.keys + 3, tokens.keys / 3 - 1};
  auto end = [&](int64_t b) {
    return shape.lengths ? std::clamp<int64_t>(lengths[b], 0, tokens.keys)
                         : tokens.keys;
  };
  using At = std::vector<int64_t>;
  Buffer x({kBatches, tokens.keys, width}, Element::BF16,
           [&](const At &at) { return at[1] < end(at[0]) ? draw() : NAN; }),
      q = drawn({kBatches, tokens.queries, kHeads * dim}),
      y({kBatches, tokens.queries, kHeads * dim}, Element::BF16, NAN),
      l({kBatches}, Element::I32,
        [&](const At &at) { return double(lengths[at[0]]); }),
      logarithms({kBatches, tokens.queries, kHeads}, Element::F32, NAN);
  // Slots that nothing was written to are NaN, and so is what the kernel must
  // not take for keys.
  Buffer cache(
      {kBatches, 2, kKeyHeads, kCapacity, dim}, Element::BF16,
      [&](const At &at) {
        return at[1] == 0 && at[3] < std::min(tokens.keys, end(at[0]))
                   ? x.at({at[0], at[3], keyColumn + at[2] * dim + at[4]})
                   : NAN;
      });
  // Queries beyond the tables are those beyond the sequence.
  int64_t pairs = shape.rotation ? shape.rotation.getDimSize(1) : 1;
  auto angle = [&](const At &at) {
    return double(at[0]) * std::pow(1e4, -double(at[1]) / double(pairs));
  };
  Buffer cosines({tokens.queries, pairs}, Element::F32,
                 [&](const At &at) { return std::cos(angle(at)); }),
      sines({tokens.queries, pairs}, Element::F32,
            [&](const At &at) { return std::sin(angle(at)); });
  Buffer &given = shape.causal ? x : q;
  std::vector<testing_tile::Argument> arguments = {
      &given, shape.k.isCache() ? &cache : &x, &x};
  Buffer queries = given;
  if (shape.rotation) {
    arguments.insert(arguments.end(), {&cosines, &sines});
    queries = rotate(given, shape, cosines, sines);
  }
  if (shape.lengths)
    arguments.push_back(&l);
  if (!shape.causal)
    arguments.push_back(tokens.keys);
  arguments.push_back(&y);
  if (shape.logarithms)
    arguments.push_back(&logarithms);
  int64_t blocks = (tokens.queries + blockM - 1) / blockM;
  ASSERT_EQ(kernel.run(arguments, {kHeads, blocks, kBatches}), 0);
  ASSERT_TRUE(y.marginsAreWhole());
  ASSERT_TRUE(logarithms.marginsAreWhole());
  for (int64_t b = 0; b < kBatches; ++b)
    for (int64_t h = 0; h < kHeads; ++h)
      for (int64_t t = 0; t < tokens.queries;
           t += tokens.queries > 64 ? 7 : 1) {
        int64_t group = h / (kHeads / kKeyHeads) * dim, first = 0,
                last = end(b);
        if (shape.causal) {
          last = t < last ? t + 1 : 0;
          first = shape.window ? std::max<int64_t>(0, t + 1 - shape.window) : 0;
        }
        std::vector<double> weights;
        double top = -INFINITY, sum = 0;
        for (int64_t j = first; j < last; ++j) {
          double score = 0;
          for (int64_t d = 0; d < dim; ++d)
            score += queries.at({b, t, h * dim + d}) *
                     x.at({b, j, keyColumn + group + d});
          weights.push_back(shape.scale * score);
          top = std::max(top, weights.back());
        }
        for (double &weight : weights)
          sum += weight = std::exp(weight - top);
        if (shape.logarithms) {
          double found = logarithms.at({b, t, h});
          if (first < last)
            ASSERT_NEAR(found, top + std::log(sum), 1e-5 * (1 + std::abs(top)))
                << b << ", " << h << ", " << t;
          else
            ASSERT_EQ(found, -INFINITY) << b << ", " << h << ", " << t;
        }
        for (int64_t d = 0; d < dim; ++d) {
          double expected = 0, size = 0;
          for (int64_t j = first; j < last; ++j) {
            double part = weights[j - first] / sum *
                          x.at({b, j, shape.v.first + group + d});
            expected += part;
            size += std::abs(part);
          }
          // Weights are rounded to bf16, and so is the result; sums of f32
          // are far below.
          double error = std::ldexp(1.01 * size, -8);
          error += std::ldexp(std::abs(expected) + error, -8);
          double found = y.at({b, t, h * dim + d});
          if (first < last)
            ASSERT_NEAR(found, expected, error)
                << b << ", " << h << ", " << t << ", " << d;
          else
            ASSERT_EQ(found, 0) << b << ", " << h << ", " << t;
        }
      }
}

TEST_F(HostAttentionTest, HeadDimensions) {
  forEachTarget([&] {
    for (int64_t dim : {32, 64, 96, 128, 256})
      for (bool hasLengths : {false, true})
        check({dim, /*causal=*/true, /*window=*/0, hasLengths}, {{200, 200}});
  });
}

/// Few, and around the edges of tiles; fewer queries than keys, and more.
TEST_F(HostAttentionTest, Sizes) {
  forEachTarget([&] {
    for (bool hasLengths : {false, true}) {
      check({32, /*causal=*/true, /*window=*/0, hasLengths},
            {{1, 1}, {2, 2}, {63, 63}, {64, 64}, {129, 129}, {300, 300}});
      check({32, /*causal=*/false, /*window=*/0, hasLengths},
            {{1, 1}, {64, 64}, {129, 129}, {1, 300}, {70, 129}, {300, 5}});
    }
  });
}

/// A window inside of a tile, as large as one, of several, and of all keys.
TEST_F(HostAttentionTest, Windows) {
  for (int64_t window : {1, 65, 128, 300, 1000})
    check({32, /*causal=*/true, window, /*hasLengths=*/window != 300},
          {{400, 400}, {65, 65}});
}

/// What is not chosen for these sizes: tiles that end at the diagonal and that
/// do not, two warpgroups and three.
TEST_F(HostAttentionTest, Tiles) {
  for (AttentionConfig config :
       {AttentionConfig{128, 128, 2}, {128, 64, 2}, {192, 80, 3}})
    for (auto [causal, window] : {std::pair{true, 0}, {true, 100}, {false, 0}})
      check({32, causal, window, /*hasLengths=*/true, config}, {{390, 390}});
}

/// Rotated queries: all columns and some, both kinds of pairs; where blocks of
/// queries begin and end.
TEST_F(HostAttentionTest, Rotation) {
  for (int64_t dim : {32, 64, 96, 128, 256}) {
    AttentionCase all{dim}, some{dim, /*causal=*/true, /*window=*/70};
    all.pairs = dim / 2;
    some.pairs = dim / 4;
    some.interleaved = true;
    some.hasLengths = true;
    check(all, {{200, 200}});
    check(some, {{200, 200}});
  }
  AttentionCase sizes{32};
  sizes.pairs = 16;
  for (bool interleaved : {false, true}) {
    sizes.interleaved = interleaved;
    check(sizes, {{1, 1}, {63, 63}, {65, 65}, {193, 193}, {390, 390}});
  }
  AttentionCase full{64, /*causal=*/false};
  full.pairs = 24;
  check(full, {{70, 129}, {129, 70}});
}

/// Keys from a cache, values from where they were: fewer tokens than slots, and
/// as many.
TEST_F(HostAttentionTest, Cache) {
  for (int64_t dim : {32, 96}) {
    AttentionCase attention{dim};
    attention.hasCache = true;
    for (bool hasLengths : {false, true}) {
      attention.hasLengths = hasLengths;
      attention.pairs = hasLengths ? 16 : 0;
      check(attention, {{1, 1}, {130, 130}, {kCapacity, kCapacity}});
    }
  }
}

TEST_F(HostAttentionTest, Logarithms) {
  for (auto [causal, window] : {std::pair{true, 0}, {true, 100}, {false, 0}})
    for (bool hasLengths : {false, true}) {
      AttentionCase attention{64, causal, window, hasLengths};
      attention.hasLogarithms = true;
      check(attention, {{1, 1}, {200, 200}});
      if (!causal)
        check(attention, {{200, 5}});
    }
}

/// As phase tile prints it, causal attention is short enough to be read: of
/// columns of one tensor, with rotated queries.
TEST_F(HostAttentionTest, IsShort) {
  constexpr int64_t any = ShapedType::kDynamic, heads = 16;
  for (int64_t dim : {64, 128}) {
    auto fused = RankedTensorType::get({any, any, 3 * heads * dim}, bf16());
    AttentionShape shape{
        {fused, 0, heads},
        {fused, heads * dim, heads},
        {fused, 2 * heads * dim, heads},
        {RankedTensorType::get({any, any, heads * dim}, bf16()), 0, heads},
        dim,
        0.125,
        RankedTensorType()};
    shape.rotation = RankedTensorType::get({8192, dim / 2}, f32());
    OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
    auto builder = OpBuilder::atBlockEnd(module->getBody());
    tile::KernelOp kernel =
        buildAttention(builder, builder.getUnknownLoc(), "attention", shape,
                       chooseAttentionConfig(*target, shape));
    PassManager passes(&context);
    passes.addPass(createCanonicalizerPass());
    passes.addPass(createCSEPass());
    ASSERT_TRUE(succeeded(passes.run(*module)));
    std::string text;
    llvm::raw_string_ostream(text) << kernel;
    EXPECT_LE(llvm::count(text, '\n') + 1, 100) << text;
  }
}
