//===- SwitchTest.cpp - Both readings against their equations -------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// One sequence for each row, computed token by token in double, against the
// same sequence in pieces: a ragged prefill, a few tokens at the rows' own
// positions, and single tokens.
//
//===----------------------------------------------------------------------===//

#include "Reference.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace testing_linalg;

namespace {
struct Shape {
  int64_t qHeads, kHeads, vHeads, cacheHeads, dim;
  Element element;
  /// 0: no rotation.
  int64_t rotaryDim;
  bool interleaved;
  int64_t window;
  Blocks blocks;

  int64_t heads() const { return std::max({qHeads, kHeads, vHeads}); }
  std::string type() const { return element == Element::BF16 ? "bf16" : "f32"; }
};
} // namespace

static const std::vector<int64_t> kPoints = {1, 17, 64, 129};
static constexpr int64_t kMaxSequence = 160;
static constexpr double kTheta = 1e4;

static Blocks blocksOf(int64_t size, int64_t valueBlock) {
  Blocks blocks;
  blocks.queryBlock = blocks.keyBlock = blocks.chunk = size;
  blocks.tokenBlock = 32;
  blocks.valueBlock = valueBlock;
  return blocks;
}

static const std::vector<Shape> kShapes = {
    {4, 2, 2, 2, 32, Element::F32, 32, false, 0, blocksOf(64, 0)},
    {1, 1, 2, 2, 48, Element::F32, 16, true, 25, blocksOf(16, 24)},
    {2, 2, 2, 2, 96, Element::BF16, 96, false, 0, blocksOf(64, 0)},
};

static std::string switchModule(const Shape &shape) {
  std::string heads = std::to_string(shape.heads());
  std::string dim = std::to_string(shape.dim);
  auto function = [&](const std::string &name, size_t layer,
                      const std::string &tokens, bool cached,
                      const std::string &positions,
                      const std::string &lengths) {
    auto tensor = [&](int64_t own) {
      return "tensor<?x" + tokens + "x" + std::to_string(own) + "x" + dim +
             "x" + shape.type() + ">";
    };
    std::string q = tensor(shape.qHeads), k = tensor(shape.kHeads);
    std::string v = tensor(shape.vHeads), y = tensor(shape.heads());
    std::string dt = "tensor<?x" + tokens + "x" + heads + "xf32>";
    std::string perHead = "tensor<" + heads + "xf32>";
    std::string owner = "<layer = " + std::to_string(layer) + ", ";
    std::string state = "!transmamba.ssm_state" + owner + heads + "x" + dim +
                        "x" + dim + "xf32>";
    std::string cache = "!transmamba.kv_cache" + owner +
                        std::to_string(shape.cacheHeads) + "x" + dim + "x" +
                        shape.type() + ">";
    std::string attributes =
        "{chunk = " + std::to_string(shape.blocks.chunk) + " : i64";
    if (shape.rotaryDim)
      attributes += ", rope_theta = 1.0e+04 : f64, rotary_dim = " +
                    std::to_string(shape.rotaryDim) + " : i64";
    if (shape.interleaved)
      attributes += ", interleaved";
    if (shape.window)
      attributes += ", window = " + std::to_string(shape.window) + " : i64";
    std::string results = y + ", " + state + (cached ? ", " + cache : "");
    return "func.func @" + name + std::to_string(kPoints[layer]) + "(%q: " + q +
           ", %k: " + k + ", %v: " + v + ", %dt: " + dt + ", %A: " + perHead +
           ", %D: " + perHead + ", %h: " + state + ", %c: " + cache +
           ", %at: tensor<?xi32>, %len: tensor<?xi32>) -> (" + results +
           ") {\n  %y, %n" + (cached ? ", %m" : "") +
           " = transmamba.switch %q, %k, %v, %dt, %A transpoint " +
           std::to_string(kPoints[layer]) + " skip(%D : " + perHead + ") " +
           (positions.empty() ? "" : "init(%h : " + state + ") ") +
           (cached ? "cache(%c : " + cache + ") " : "") + positions + lengths +
           attributes + "} : " + q + ", " + k + ", " + v + ", " + dt + ", " +
           perHead + " -> " + results + "\n  return %y, %n" +
           (cached ? ", %m" : "") + " : " + results + "\n}\n";
  };
  std::string source = "module attributes {transmamba.max_sequence = " +
                       std::to_string(kMaxSequence) +
                       " : i64, transmamba.schedule = #transmamba.schedule<[";
  for (int64_t point : kPoints)
    source += std::to_string(point) + (point == kPoints.back() ? "" : ", ");
  source += "]>} {\n";
  std::string at = "at(%at : tensor<?xi32>) ";
  std::string lengths = "lengths(%len : tensor<?xi32>) ";
  for (size_t layer = 0; layer < kPoints.size(); ++layer)
    source += function("prefill", layer, "?", true, "", lengths) +
              function("plain", layer, "?", false, "", lengths) +
              function("more", layer, "?", true, at, lengths) +
              function("one", layer, "1", true, at, "");
  return source + "}\n";
}

namespace {
/// The sequences of all rows, and what the equations make of them.
class Sequences {
public:
  Sequences(std::mt19937 &random, const Shape &shape, int64_t rows,
            int64_t tokens, int64_t point)
      : shape(shape), rows(rows), tokens(tokens), point(point),
        q(randomTensor(random, {rows, tokens, shape.qHeads, shape.dim},
                       shape.element)),
        k(randomTensor(random, {rows, tokens, shape.kHeads, shape.dim},
                       shape.element)),
        v(randomTensor(random, {rows, tokens, shape.vHeads, shape.dim},
                       shape.element)),
        dt(randomTensor(random, {rows, tokens, shape.heads()}, Element::F32, 0,
                        0.5)),
        A({shape.heads()}), D(randomTensor(random, {shape.heads()})),
        y({rows, tokens, shape.heads(), shape.dim}) {
    for (int64_t head = 0; head < shape.heads(); ++head)
      A.put(head, -0.05 - 2.0 * head);
    compute();
  }

  /// The state after `count` tokens of a row.
  double state(int64_t row, int64_t head, int64_t n, int64_t d,
               int64_t count) const {
    return states[((row * (tokens + 1) + count) * shape.heads() + head)][n][d];
  }
  std::vector<double> rotated(const Tensor &tensor, int64_t row, int64_t t,
                              int64_t head, int64_t heads) const {
    std::vector<double> result = headOf(tensor, row, t, head, heads);
    if (shape.rotaryDim)
      rotate(result, t, kTheta, shape.rotaryDim, shape.interleaved,
             shape.element);
    return result;
  }

  Shape shape;
  int64_t rows, tokens, point;
  Tensor q, k, v, dt, A, D;
  Values y;

private:
  void compute() {
    int64_t heads = shape.heads();
    states.resize(rows * (tokens + 1) * heads);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t head = 0; head < heads; ++head) {
        std::vector<std::vector<double>> h(shape.dim,
                                           std::vector<double>(shape.dim, 0.0));
        std::vector<std::vector<double>> keys, values;
        for (int64_t t = 0; t < tokens; ++t) {
          states[(row * (tokens + 1) + t) * heads + head] = h;
          std::vector<double> value = headOf(v, row, t, head, heads);
          step(h, dt.get({row, t, head}), A.at(head),
               headOf(k, row, t, head, heads), value);
          std::vector<double> out;
          if (t < point) {
            keys.push_back(rotated(k, row, t, head, heads));
            values.push_back(value);
            if (shape.window && t >= shape.window) {
              keys.erase(keys.begin());
              values.erase(values.begin());
            }
            out = attend(rotated(q, row, t, head, heads), keys, values,
                         1.0 / std::sqrt(double(shape.dim)));
          } else {
            out =
                readState(h, headOf(q, row, t, head, heads), D.at(head), value);
          }
          for (int64_t d = 0; d < shape.dim; ++d)
            y({row, t, head, d}) = out[d];
        }
        states[(row * (tokens + 1) + tokens) * heads + head] = h;
      }
  }

  std::vector<std::vector<std::vector<double>>> states;
};
} // namespace

/// Tokens [start[b], start[b] + count[b]) of each row, NaN behind them.
static Tensor pieceOf(const Tensor &whole, const std::vector<int> &start,
                      const std::vector<int> &count, int64_t tokens) {
  std::vector<int64_t> shape = whole.shape();
  int64_t inner = whole.size() / (shape[0] * shape[1]);
  int64_t length = shape[1];
  shape[1] = tokens;
  Tensor piece(shape, whole.element(), kNaN);
  for (int64_t row = 0; row < shape[0]; ++row)
    for (int64_t t = 0; t < count[row]; ++t)
      for (int64_t index = 0; index < inner; ++index)
        piece.put((row * tokens + t) * inner + index,
                  whole.at((row * length + start[row] + t) * inner + index));
  return piece;
}

/// Runs one piece and compares all results; leaves the states updated.
static void runPiece(Program &program, const std::string &name,
                     const Sequences &sequences, std::vector<int> start,
                     std::vector<int> count, int64_t tokens, Tensor &state,
                     Tensor &cache, const std::string &what) {
  const Shape &shape = sequences.shape;
  int64_t rows = sequences.rows, heads = shape.heads(), dim = shape.dim;
  Tensor q = pieceOf(sequences.q, start, count, tokens);
  Tensor k = pieceOf(sequences.k, start, count, tokens);
  Tensor v = pieceOf(sequences.v, start, count, tokens);
  Tensor dt = pieceOf(sequences.dt, start, count, tokens);
  Tensor A = sequences.A, D = sequences.D;
  Tensor at = ints(start), len = ints(count);
  bool cached = name != "plain";
  std::vector<int> aliases;
  std::vector<Tensor> results = program.call(
      name + std::to_string(sequences.point),
      {&q, &k, &v, &dt, &A, &D, &state, &cache, &at, &len}, &aliases);

  Values y({rows, tokens, heads, dim}), h({rows, heads, dim, dim});
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t head = 0; head < heads; ++head)
      for (int64_t d = 0; d < dim; ++d) {
        for (int64_t t = 0; t < count[row]; ++t)
          y({row, t, head, d}) = sequences.y({row, start[row] + t, head, d});
        for (int64_t n = 0; n < dim; ++n)
          h({row, head, n, d}) =
              sequences.state(row, head, n, d, start[row] + count[row]);
      }
  expectClose(results[0], y, 2 * toleranceOf(shape.element), what);
  expectClose(results[1], h, 1e-4, what + " state");
  EXPECT_EQ(aliases[1], 6) << what;
  if (!cached)
    return;
  // Keys of the tokens before the TransPoint; all other slots as they were.
  Values slots({rows, 2, shape.cacheHeads, sequences.point, dim});
  std::fill(slots.data.begin(), slots.data.end(), kNaN);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t head = 0; head < shape.cacheHeads; ++head)
      for (int64_t slot = 0;
           slot < std::min<int64_t>(sequences.point, start[row] + count[row]);
           ++slot) {
        std::vector<double> key =
            sequences.rotated(sequences.k, row, slot, head, shape.cacheHeads);
        std::vector<double> value =
            headOf(sequences.v, row, slot, head, shape.cacheHeads);
        for (int64_t d = 0; d < dim; ++d) {
          slots({row, 0, head, slot, d}) = key[d];
          slots({row, 1, head, slot, d}) = value[d];
        }
      }
  expectClose(results[2], slots, toleranceOf(shape.element), what + " cache");
  EXPECT_EQ(aliases[2], 7) << what;
}

static void testShape(const Shape &shape) {
  Program program(switchModule(shape), shape.blocks);
  std::mt19937 random(14);
  for (int64_t point : kPoints)
    for (int64_t rows : {1, 3})
      for (int64_t tokens : {1, 2, 63, 64, 65, 130}) {
        std::string what = "P=" + std::to_string(point) +
                           " B=" + std::to_string(rows) +
                           " T=" + std::to_string(tokens) + " ";
        Sequences sequences(random, shape, rows, tokens + 5 + 2, point);
        std::vector<int> start(rows, 0);
        std::vector<int> count = {static_cast<int>(tokens),
                                  static_cast<int>((tokens + 1) / 2), 0};
        count.resize(rows);
        Tensor state({rows, shape.heads(), shape.dim, shape.dim}, Element::F32,
                     kNaN);
        Tensor cache({rows, 2, shape.cacheHeads, point, shape.dim},
                     shape.element, kNaN);
        Tensor other = cache;
        runPiece(program, "plain", sequences, start, count, tokens, state,
                 other, what + "plain");
        runPiece(program, "prefill", sequences, start, count, tokens, state,
                 cache, what + "prefill");
        auto advance = [&] {
          for (int64_t row = 0; row < rows; ++row)
            start[row] += count[row];
        };
        advance();
        count.assign({5, 3, 1});
        count.resize(rows);
        runPiece(program, "more", sequences, start, count, 5, state, cache,
                 what + "more");
        for (int decoded = 0; decoded < 2; ++decoded) {
          advance();
          count.assign(rows, 1);
          runPiece(program, "one", sequences, start, count, 1, state, cache,
                   what + "decode");
        }
      }
}

TEST(Switch, FloatGroupedQueries) { testShape(kShapes[0]); }
TEST(Switch, FloatGroupedKeysWindow) { testShape(kShapes[1]); }
TEST(Switch, BFloat16) { testShape(kShapes[2]); }

// A layer that no sequence outgrows is a layer of attention, bit for bit.
TEST(Switch, BeyondTheSequenceIsAttention) {
  std::string q = "tensor<?x?x4x32xf32>", k = "tensor<?x?x2x32xf32>";
  std::string operands =
      "(%q: " + q + ", %k: " + k + ", %v: " + k +
      ", %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %len: tensor<?xi32>)";
  std::string state = "!transmamba.ssm_state<layer = 0, 4x32x32xf32>";
  Program program(
      "module attributes {transmamba.max_sequence = 160 : i64} {\n"
      "func.func @switch" +
      operands + " -> (" + q + ", " + state +
      ") {\n"
      "  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 160 "
      "lengths(%len : tensor<?xi32>) {rope_theta = 1.0e+04 : f64} : " +
      q + ", " + k + ", " + k + ", tensor<?x?x4xf32>, tensor<4xf32> -> " + q +
      ", " + state + "\n  return %y, %h : " + q + ", " + state +
      "\n}\n"
      "func.func @pure" +
      operands + " -> (" + q + ", " + state +
      ") {\n"
      "  %qr = transmamba.rope %q theta 1.0e+04 : " +
      q + "\n  %kr = transmamba.rope %k theta 1.0e+04 : " + k +
      "\n  %y = transmamba.attention %qr, %kr, %v lengths(%len : "
      "tensor<?xi32>) {causal} : " +
      q + ", " + k + ", " + k + " -> " + q +
      "\n  %h = transmamba.convert_memory %k, %v, %dt, %A lengths(%len : "
      "tensor<?xi32>) : " +
      k + ", " + k + ", tensor<?x?x4xf32>, tensor<4xf32> -> " + state +
      "\n  return %y, %h : " + q + ", " + state + "\n}\n}\n");
  std::mt19937 random(15);
  for (int64_t tokens : {1, 64, 130}) {
    Tensor q = randomTensor(random, {2, tokens, 4, 32});
    Tensor k = randomTensor(random, {2, tokens, 2, 32});
    Tensor v = randomTensor(random, {2, tokens, 2, 32});
    Tensor dt = randomTensor(random, {2, tokens, 4}, Element::F32, 0, 1);
    Tensor A = randomTensor(random, {4}, Element::F32, -2, 0);
    Tensor len = ints({static_cast<int>(tokens), static_cast<int>(tokens / 2)});
    std::vector<Tensor> both =
        program.call("switch", {&q, &k, &v, &dt, &A, &len});
    std::vector<Tensor> pure =
        program.call("pure", {&q, &k, &v, &dt, &A, &len});
    expectClose(both[0], Values(pure[0]), 0.0, "attention");
    expectClose(both[1], Values(pure[1]), 0.0, "state");
  }
}
