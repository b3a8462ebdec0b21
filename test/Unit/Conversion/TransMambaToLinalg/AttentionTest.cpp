//===- AttentionTest.cpp - Attention against its equation -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Reference.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace testing_linalg;

namespace {
/// Heads, head dimensions, type and blocks of one compiled program.
struct Shape {
  int64_t qHeads, kHeads, vHeads, keyDim, valueDim;
  Element element;
  Blocks blocks;

  int64_t heads() const { return std::max({qHeads, kHeads, vHeads}); }
  std::string type() const { return element == Element::BF16 ? "bf16" : "f32"; }
  std::string tensor(int64_t heads, int64_t dim,
                     const std::string &tokens = "?") const {
    return "tensor<?x" + tokens + "x" + std::to_string(heads) + "x" +
           std::to_string(dim) + "x" + type() + ">";
  }
};
} // namespace

static Blocks blocksOf(int64_t size) {
  Blocks blocks;
  blocks.queryBlock = blocks.keyBlock = blocks.chunk = size;
  blocks.tokenBlock = 16;
  return blocks;
}

/// Of a cache, `size` keys a workgroup where there is one query.
static Blocks segmentsOf(int64_t size) {
  Blocks blocks = blocksOf(16);
  blocks.keySegment = size;
  return blocks;
}

static const std::vector<Shape> kShapes = {
    {4, 2, 2, 32, 32, Element::F32, blocksOf(64)},
    {2, 2, 4, 48, 32, Element::F32, blocksOf(16)},
    {2, 1, 1, 96, 96, Element::BF16, blocksOf(64)},
};

static std::vector<int> raggedLengths(int64_t rows, int64_t tokens) {
  std::vector<int> lengths = {static_cast<int>(tokens)};
  if (rows > 1)
    lengths.push_back((tokens + 1) / 2);
  if (rows > 2)
    lengths.push_back(tokens > 1 ? 1 : 0);
  return lengths;
}

//===----------------------------------------------------------------------===//
// attention
//===----------------------------------------------------------------------===//

static std::string attentionModule(const Shape &shape) {
  std::string q = shape.tensor(shape.qHeads, shape.keyDim);
  std::string k = shape.tensor(shape.kHeads, shape.keyDim);
  std::string v = shape.tensor(shape.vHeads, shape.valueDim);
  std::string y = shape.tensor(shape.heads(), shape.valueDim);
  auto function = [&](const std::string &name, const std::string &attributes) {
    return "func.func @" + name + "(%q: " + q + ", %k: " + k + ", %v: " + v +
           ", %len: tensor<?xi32>) -> " + y +
           " {\n  %y = transmamba.attention "
           "%q, %k, %v lengths(%len : tensor<?xi32>) " +
           attributes + " : " + q + ", " + k + ", " + v + " -> " + y +
           "\n  return %y : " + y + "\n}\n";
  };
  std::string lse = "tensor<?x?x" + std::to_string(shape.heads()) + "xf32>";
  return function("full", "{scale = 0.25 : f64}") +
         function("causal", "{causal}") +
         function("window", "{causal, window = 20 : i64}") +
         "func.func @logarithms(%q: " + q + ", %k: " + k + ", %v: " + v +
         ", %len: tensor<?xi32>) -> (" + y + ", " + lse +
         ") {\n  %y, %l = transmamba.attention "
         "%q, %k, %v lengths(%len : tensor<?xi32>) {causal} : " +
         q + ", " + k + ", " + v + " -> " + y + ", " + lse +
         "\n  return %y, %l : " + y + ", " + lse + "\n}\n";
}

TEST(Attention, MatchesEquation) {
  std::mt19937 random(1);
  for (const Shape &shape : kShapes) {
    Program program(attentionModule(shape), shape.blocks);
    for (int64_t rows : {1, 3})
      for (int64_t tokens : {1, 2, 63, 64, 65, 130}) {
        std::vector<int> lengths = raggedLengths(rows, tokens);
        Tensor q =
            randomTensor(random, {rows, tokens, shape.qHeads, shape.keyDim},
                         shape.element, -2, 2);
        Tensor k = randomTensor(
            random, {rows, tokens, shape.kHeads, shape.keyDim}, shape.element);
        Tensor v =
            randomTensor(random, {rows, tokens, shape.vHeads, shape.valueDim},
                         shape.element);
        poisonPadding(k, lengths);
        poisonPadding(v, lengths);
        Tensor len = ints(lengths);
        std::string what =
            "B=" + std::to_string(rows) + " T=" + std::to_string(tokens);
        AttentionCase full{/*causal=*/false, {}, 0.25};
        expectClose(program.call("full", {&q, &k, &v, &len})[0],
                    attention(q, k, v, lengths, full),
                    toleranceOf(shape.element), "full " + what);
        // Queries beyond the length do not exist in causal attention.
        poisonPadding(q, lengths);
        expectClose(program.call("causal", {&q, &k, &v, &len})[0],
                    attention(q, k, v, lengths, {}), toleranceOf(shape.element),
                    "causal " + what);
        AttentionCase window{/*causal=*/true, 20, {}};
        expectClose(program.call("window", {&q, &k, &v, &len})[0],
                    attention(q, k, v, lengths, window),
                    toleranceOf(shape.element), "window " + what);
        Values logarithms({rows, tokens, shape.heads()});
        Values expected = attention(q, k, v, lengths, {}, &logarithms);
        std::vector<Tensor> both =
            program.call("logarithms", {&q, &k, &v, &len});
        expectClose(both[0], expected, toleranceOf(shape.element),
                    "with logarithms " + what);
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t t = lengths[row]; t < tokens; ++t)
            for (int64_t head = 0; head < shape.heads(); ++head) {
              EXPECT_EQ(both[1].get({row, t, head}),
                        -std::numeric_limits<double>::infinity());
              both[1].set({row, t, head}, 0.0);
            }
        expectClose(both[1], logarithms, 1e-5, "logarithms " + what);
      }
  }
}

TEST(Attention, LargeScoresDoNotOverflow) {
  Shape shape{1, 1, 1, 32, 32, Element::F32, blocksOf(16)};
  Program program(attentionModule(shape), shape.blocks);
  std::mt19937 random(2);
  Tensor q = randomTensor(random, {1, 40, 1, 32}, Element::F32, -300, 300);
  Tensor k = randomTensor(random, {1, 40, 1, 32}, Element::F32, -300, 300);
  Tensor v = randomTensor(random, {1, 40, 1, 32});
  Tensor len = ints({40});
  Values expected = attention(q, k, v, {40}, {});
  expectClose(program.call("causal", {&q, &k, &v, &len})[0], expected, 1e-2,
              "large scores");
}

//===----------------------------------------------------------------------===//
// append_kv, cached_attention
//===----------------------------------------------------------------------===//

static constexpr int64_t kCapacity = 70;

/// Appends, then attends, for T tokens of each row (dynamic, and one).
static std::string cacheModule(const Shape &shape, int64_t cacheHeads) {
  std::string cache = "!transmamba.kv_cache<layer = 1, " +
                      std::to_string(cacheHeads) + "x" +
                      std::to_string(shape.keyDim) + "x" + shape.type() + ">";
  auto function = [&](const std::string &name, const std::string &tokens,
                      const std::string &lengths, const std::string &attributes,
                      const std::string &rotation = "") {
    std::string q = shape.tensor(shape.qHeads, shape.keyDim, tokens);
    std::string k = shape.tensor(shape.kHeads, shape.keyDim, tokens);
    return "func.func @" + name + "(%c: " + cache + ", %q: " + q +
           ", %k: " + k + ", %v: " + k +
           ", %at: tensor<?xi32>, %len: tensor<?xi32>) -> (" + q + ", " +
           cache +
           ") {\n  %n = transmamba.append_kv %c, %k, %v at(%at : "
           "tensor<?xi32>) " +
           lengths + rotation + " : " + cache + ", " + k + ", " + k +
           "\n  %y = transmamba.cached_attention %q, %n at(%at : "
           "tensor<?xi32>) " +
           attributes + " : " + q + ", " + cache + " -> " + q +
           "\n  return %y, %n : " + q + ", " + cache + "\n}\n";
  };
  std::string lengths = "lengths(%len : tensor<?xi32>)";
  return "module attributes {transmamba.max_sequence = " +
         std::to_string(kCapacity) + " : i64} {\n" +
         function("many", "?", lengths, "") + function("one", "1", "", "") +
         function("window", "?", lengths, "{window = 5 : i64}") +
         function("one_window", "1", "", "{window = 5 : i64}") +
         function("rotated", "?", lengths, "",
                  " {rope_theta = 1.0e+04 : f64, rotary_dim = 16 : i64}") +
         "}\n";
}

TEST(CachedAttention, MatchesEquation) {
  std::mt19937 random(3);
  struct Case {
    Shape shape;
    int64_t cacheHeads;
  };
  for (const auto &[shape, cacheHeads] :
       {Case{{4, 1, 1, 32, 32, Element::F32, blocksOf(64)}, 2},
        Case{{4, 4, 4, 48, 48, Element::F32, blocksOf(16)}, 4},
        Case{{4, 1, 1, 32, 32, Element::F32, segmentsOf(32)}, 2},
        Case{{4, 4, 4, 48, 48, Element::F32, segmentsOf(9)}, 4},
        Case{{2, 1, 1, 96, 96, Element::BF16, segmentsOf(16)}, 1},
        Case{{2, 1, 1, 96, 96, Element::BF16, blocksOf(64)}, 1}}) {
    Program program(cacheModule(shape, cacheHeads), shape.blocks);
    for (const std::string name :
         {"many", "one", "window", "one_window", "rotated"})
      for (int64_t rows : {1, 3})
        for (int64_t tokens : {1, 2, 17, 64}) {
          bool isOne = name == "one" || name == "one_window";
          bool hasWindow = name == "window" || name == "one_window";
          if (isOne && tokens != 1)
            continue;
          int64_t heads = shape.qHeads;
          // What the cache holds already; NaN in the free slots. The last row
          // does not fit, or only in part.
          std::vector<int> at = {0, 33, 69};
          at.resize(rows);
          std::vector<int> lengths = raggedLengths(rows, tokens);
          if (isOne)
            lengths.assign(rows, 1);
          Tensor cache({rows, 2, cacheHeads, kCapacity, shape.keyDim},
                       shape.element, kNaN);
          for (int64_t row = 0; row < rows; ++row)
            for (int64_t half = 0; half < 2; ++half)
              for (int64_t head = 0; head < cacheHeads; ++head)
                for (int64_t slot = 0; slot < at[row]; ++slot)
                  for (int64_t d = 0; d < shape.keyDim; ++d)
                    cache.set({row, half, head, slot, d},
                              randomTensor(random, {1}, shape.element).at(0));
          Tensor q =
              randomTensor(random, {rows, tokens, shape.qHeads, shape.keyDim},
                           shape.element);
          Tensor k =
              randomTensor(random, {rows, tokens, shape.kHeads, shape.keyDim},
                           shape.element);
          Tensor v =
              randomTensor(random, {rows, tokens, shape.vHeads, shape.keyDim},
                           shape.element);
          poisonPadding(k, lengths);
          poisonPadding(v, lengths);

          Values expectedCache(cache);
          for (int64_t row = 0; row < rows; ++row)
            for (int64_t t = 0; t < lengths[row]; ++t) {
              int64_t slot = at[row] + t;
              if (slot >= kCapacity)
                continue;
              for (int64_t head = 0; head < cacheHeads; ++head) {
                std::vector<double> key = headOf(k, row, t, head, cacheHeads);
                std::vector<double> value = headOf(v, row, t, head, cacheHeads);
                if (name == "rotated")
                  rotate(key, slot, 1e4, 16, /*interleaved=*/false,
                         shape.element);
                for (int64_t d = 0; d < shape.keyDim; ++d) {
                  expectedCache({row, 0, head, slot, d}) = key[d];
                  expectedCache({row, 1, head, slot, d}) = value[d];
                }
              }
            }
          Values expected({rows, tokens, heads, shape.keyDim});
          for (int64_t row = 0; row < rows; ++row)
            for (int64_t t = 0; t < lengths[row]; ++t)
              for (int64_t head = 0; head < heads; ++head) {
                int64_t position = at[row] + t;
                if (position >= kCapacity)
                  continue;
                std::vector<std::vector<double>> keys, values;
                int64_t first =
                    hasWindow ? std::max<int64_t>(position - 4, 0) : 0;
                for (int64_t slot = first; slot <= position; ++slot) {
                  keys.emplace_back();
                  values.emplace_back();
                  int64_t own = head / (heads / cacheHeads);
                  for (int64_t d = 0; d < shape.keyDim; ++d) {
                    keys.back().push_back(
                        expectedCache({row, 0, own, slot, d}));
                    values.back().push_back(
                        expectedCache({row, 1, own, slot, d}));
                  }
                }
                std::vector<double> y =
                    attend(headOf(q, row, t, head, heads), keys, values,
                           1.0 / std::sqrt(double(shape.keyDim)));
                for (int64_t d = 0; d < shape.keyDim; ++d)
                  expected({row, t, head, d}) = y[d];
              }

          Tensor positions = ints(at), len = ints(lengths);
          std::vector<int> aliases;
          std::vector<Tensor> results = program.call(
              name, {&cache, &q, &k, &v, &positions, &len}, &aliases);
          std::string what = name + " B=" + std::to_string(rows) +
                             " T=" + std::to_string(tokens);
          // Queries of tokens that were not appended read free slots.
          for (int64_t row = 0; row < rows; ++row)
            for (int64_t t = lengths[row]; t < tokens; ++t)
              for (int64_t head = 0; head < heads; ++head)
                for (int64_t d = 0; d < shape.keyDim; ++d)
                  results[0].set({row, t, head, d}, 0.0);
          expectClose(results[0], expected, toleranceOf(shape.element), what);
          expectClose(results[1], expectedCache,
                      name == "rotated" ? toleranceOf(shape.element) : 0.0,
                      what + " cache");
          EXPECT_EQ(aliases[1], 0) << "the cache is updated in place";
        }
  }
}
