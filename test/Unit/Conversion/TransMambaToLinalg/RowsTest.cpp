//===- RowsTest.cpp - Token-wise operations against their equations -------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Reference.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace testing_linalg;

static double silu(double x) { return x / (1 + std::exp(-x)); }

TEST(Embedding, TokensOutsideTheTableGiveZeros) {
  Program program(R"(
    func.func @f(%tokens: tensor<?x?xi32>, %table: tensor<10x48xf32>) -> tensor<?x?x48xf32> {
      %y = transmamba.embedding %tokens, %table : tensor<?x?xi32>, tensor<10x48xf32> -> tensor<?x?x48xf32>
      return %y : tensor<?x?x48xf32>
    })");
  std::mt19937 random(7);
  Tensor table = randomTensor(random, {10, 48});
  Tensor tokens({2, 4}, Element::I32);
  const std::vector<int> ids = {0, 9, -1, 3, 10, 2147483647, -2147483647, 5};
  Values expected({2, 4, 48});
  for (int64_t index = 0; index < 8; ++index) {
    tokens.put(index, ids[index]);
    for (int64_t c = 0; c < 48; ++c)
      if (ids[index] >= 0 && ids[index] < 10)
        expected({index / 4, index % 4, c}) = table.get({ids[index], c});
  }
  expectClose(program.call("f", {&tokens, &table})[0], expected, 0.0, "rows");
}

TEST(LastToken, TakesTheLastValidOne) {
  Program program(R"(
    func.func @f(%x: tensor<?x?x48xbf16>, %len: tensor<?xi32>) -> tensor<?x48xbf16> {
      %y = transmamba.last_token %x lengths(%len : tensor<?xi32>) : tensor<?x?x48xbf16> -> tensor<?x48xbf16>
      return %y : tensor<?x48xbf16>
    })");
  std::mt19937 random(8);
  Tensor x = randomTensor(random, {3, 7, 48}, Element::BF16);
  Tensor len = ints({7, 3, 1});
  Values expected({3, 48});
  for (int64_t row = 0; row < 3; ++row)
    for (int64_t c = 0; c < 48; ++c)
      expected({row, c}) =
          x.get({row, static_cast<int64_t>(len.at(row)) - 1, c});
  expectClose(program.call("f", {&x, &len})[0], expected, 0.0, "last");
}

TEST(SelectReading, EveryRowOnItsSide) {
  Program program(R"(
    module attributes {transmamba.schedule = #transmamba.schedule<[9, 4]>} {
    func.func @f(%a: tensor<?x?x16xf32>, %s: tensor<?x?x16xf32>, %at: tensor<?xi32>) -> tensor<?x?x16xf32> {
      %y = transmamba.select_reading %a, %s at(%at : tensor<?xi32>) layer 3 : tensor<?x?x16xf32>
      return %y : tensor<?x?x16xf32>
    }
    func.func @n(%x: tensor<?xf32>) -> tensor<?xf32> {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %x, %c0 : tensor<?xf32>
      %m = transmamba.transpoint %n layer 1
      %y = tensor.extract_slice %x[0] [%m] [1] : tensor<?xf32> to tensor<?xf32>
      %e = tensor.empty(%m) : tensor<?xf32>
      %z = linalg.copy ins(%y : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
      return %z : tensor<?xf32>
    }
    })");
  std::mt19937 random(9);
  Tensor a = randomTensor(random, {3, 5, 16}),
         s = randomTensor(random, {3, 5, 16});
  // The reading that is not taken may be anything.
  Tensor at = ints({0, 2, 40});
  Values expected({3, 5, 16});
  for (int64_t row = 0; row < 3; ++row)
    for (int64_t t = 0; t < 5; ++t)
      for (int64_t c = 0; c < 16; ++c) {
        bool attends = at.at(row) + t < 4;
        expected({row, t, c}) = (attends ? a : s).get({row, t, c});
        (attends ? s : a).set({row, t, c}, kNaN);
      }
  expectClose(program.call("f", {&a, &s, &at})[0], expected, 0.0, "selected");
  Tensor few({3}), many({30});
  EXPECT_EQ(program.call("n", {&few})[0].dim(0), 3);
  EXPECT_EQ(program.call("n", {&many})[0].dim(0), 4);
}

TEST(Activate, FunctionsAreStable) {
  std::string source;
  const std::vector<std::string> names = {"silu",  "gelu",    "gelu_tanh",
                                          "relu2", "sigmoid", "softplus"};
  for (const std::string &name : names)
    source += "func.func @" + name +
              "(%x: tensor<?x5xf32>) -> tensor<?x5xf32> "
              "{\n  %y = transmamba.activate " +
              name +
              " %x : tensor<?x5xf32>\n  return %y : tensor<?x5xf32>\n}\n";
  Program program(source);
  auto value = [](const std::string &name, double x) {
    if (name == "silu")
      return x < -700 ? 0.0 : silu(x);
    if (name == "gelu")
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    if (name == "gelu_tanh")
      return 0.5 * x *
             (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    if (name == "relu2")
      return x > 0 ? x * x : 0.0;
    if (name == "sigmoid")
      return 1 / (1 + std::exp(-x));
    return x > 30 ? x : std::log1p(std::exp(x));
  };
  Tensor x({4, 5});
  const std::vector<double> points = {-1e4,  -100, -88,  -20, -3,  -1, -0.1,
                                      -1e-6, 0,    1e-6, 0.1, 0.5, 1,  2,
                                      3,     10,   20,   88,  100, 1e4};
  for (int64_t index = 0; index < 20; ++index)
    x.put(index, points[index]);
  for (const std::string &name : names) {
    Values expected({4, 5});
    for (int64_t index = 0; index < 20; ++index)
      expected.data[index] = value(name, x.at(index));
    expectClose(program.call(name, {&x})[0], expected, 1e-5, name);
  }
}

TEST(RMSNorm, MatchesEquation) {
  Program program(R"(
    func.func @f32(%x: tensor<?x?x96xf32>, %w: tensor<96xf32>) -> tensor<?x?x96xf32> {
      %y = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<?x?x96xf32>, tensor<96xf32>
      return %y : tensor<?x?x96xf32>
    }
    func.func @bf16(%x: tensor<?x?x96xbf16>, %w: tensor<96xbf16>) -> tensor<?x?x96xbf16> {
      %y = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<?x?x96xbf16>, tensor<96xbf16>
      return %y : tensor<?x?x96xbf16>
    })");
  std::mt19937 random(10);
  for (Element element : {Element::F32, Element::BF16}) {
    Tensor x = randomTensor(random, {2, 5, 96}, element);
    Tensor w = randomTensor(random, {96}, element);
    // A row of nearly zeros lives by eps.
    for (int64_t c = 0; c < 96; ++c)
      x.set({1, 2, c}, 1e-4);
    Values expected({2, 5, 96});
    for (int64_t row = 0; row < 2; ++row)
      for (int64_t t = 0; t < 5; ++t) {
        double sum = 0;
        for (int64_t c = 0; c < 96; ++c)
          sum += x.get({row, t, c}) * x.get({row, t, c});
        for (int64_t c = 0; c < 96; ++c)
          expected({row, t, c}) =
              x.get({row, t, c}) / std::sqrt(sum / 96 + 1e-5) * w.at(c);
      }
    std::string name = element == Element::BF16 ? "bf16" : "f32";
    expectClose(program.call(name, {&x, &w})[0], expected, toleranceOf(element),
                name);
  }
}

TEST(GatedRMSNorm, MatchesEquation) {
  struct Case {
    std::string name, operands, attributes;
    int64_t groups;
    bool weight, before;
    int64_t point;
    bool positions;
  };
  const std::vector<Case> cases = {
      {"plain", "weight(%w : tensor<96xf32>)", "", 1, true, false, 0, false},
      {"groups", "weight(%w : tensor<96xf32>) transpoint 3",
       "{groups = 4 : i64}", 4, true, false, 3, false},
      {"before",
       "weight(%w : tensor<96xf32>) transpoint 3 at(%at : "
       "tensor<?xi32>)",
       "{norm_before_gate, groups = 2 : i64}", 2, true, true, 3, true},
      {"gate", "transpoint 3 at(%at : tensor<?xi32>)", "", 1, false, false, 3,
       true},
  };
  std::string source;
  for (const Case &test : cases)
    source += "func.func @" + test.name +
              "(%x: tensor<?x?x96xf32>, %z: tensor<?x?x96xf32>, %w: "
              "tensor<96xf32>, %at: tensor<?xi32>) -> tensor<?x?x96xf32> {\n"
              "  %y = transmamba.gated_rms_norm %x, %z " +
              test.operands + " eps 1.0e-05 " + test.attributes +
              " : tensor<?x?x96xf32>\n  return %y : tensor<?x?x96xf32>\n}\n";
  Program program(source);
  std::mt19937 random(11);
  for (const Case &test : cases) {
    Tensor x = randomTensor(random, {3, 5, 96});
    Tensor z = randomTensor(random, {3, 5, 96}, Element::F32, -3, 3);
    Tensor w = randomTensor(random, {96}), at = ints({0, 1, 50});
    Values expected({3, 5, 96});
    int64_t size = 96 / test.groups;
    for (int64_t row = 0; row < 3; ++row)
      for (int64_t t = 0; t < 5; ++t)
        for (int64_t c = 0; c < 96; ++c) {
          int64_t position = t + (test.positions ? at.at(row) : 0);
          double own = x.get({row, t, c}), sum = 0;
          for (int64_t i = c / size * size; i < (c / size + 1) * size; ++i) {
            double g = x.get({row, t, i}) *
                       (test.before ? 1.0 : silu(z.get({row, t, i})));
            sum += g * g;
          }
          double y = own * silu(z.get({row, t, c}));
          if (test.weight)
            y *= w.at(c) / std::sqrt(sum / size + 1e-5);
          expected({row, t, c}) = position < test.point ? own : y;
        }
    expectClose(program.call(test.name, {&x, &z, &w, &at})[0], expected, 3e-5,
                test.name);
  }
}

TEST(Rope, MatchesEquation) {
  struct Case {
    std::string name, tokens, at, attributes, type;
    int64_t rotaryDim;
    bool interleaved, positions;
  };
  const std::string at = "at(%at : tensor<?xi32>)";
  const std::vector<Case> cases = {
      {"plain", "?", "", "", "f32", 48, false, false},
      {"partial", "?", at, "{rotary_dim = 32 : i64}", "f32", 32, false, true},
      {"pairs", "?", at, "{interleaved, rotary_dim = 16 : i64}", "bf16", 16,
       true, true},
      {"one", "1", at, "", "bf16", 48, false, true},
  };
  std::string source =
      "module attributes {transmamba.max_sequence = 100 : i64} {\n";
  for (const Case &test : cases) {
    std::string x = "tensor<?x" + test.tokens + "x2x48x" + test.type + ">";
    source += "func.func @" + test.name + "(%x: " + x +
              ", %at: tensor<?xi32>) -> " + x +
              " {\n  %y = transmamba.rope %x " + test.at + " theta 1.0e+04 " +
              test.attributes + " : " + x + "\n  return %y : " + x + "\n}\n";
  }
  Blocks blocks;
  blocks.tokenBlock = 16;
  Program program(source + "}\n", blocks);
  std::mt19937 random(12);
  for (const Case &test : cases)
    for (int64_t tokens : {1, 17, 40}) {
      if (test.tokens == "1" && tokens != 1)
        continue;
      Element element = test.type == "bf16" ? Element::BF16 : Element::F32;
      Tensor x = randomTensor(random, {3, tokens, 2, 48}, element);
      Tensor positions = ints({0, 59, 83});
      std::vector<Tensor> results = program.call(test.name, {&x, &positions});
      Values expected({3, tokens, 2, 48});
      for (int64_t row = 0; row < 3; ++row)
        for (int64_t t = 0; t < tokens; ++t)
          for (int64_t head = 0; head < 2; ++head) {
            int64_t position = t + (test.positions ? positions.at(row) : 0);
            std::vector<double> y = headOf(x, row, t, head, 2);
            // Beyond the tables: zeros, which nothing reads.
            if (position >= 100)
              y.assign(48, 0.0);
            else
              rotate(y, position, 1e4, test.rotaryDim, test.interleaved,
                     element);
            for (int64_t i = 0; i < 48; ++i)
              expected({row, t, head, i}) = y[i];
          }
      expectClose(results[0], expected, toleranceOf(element),
                  test.name + " T=" + std::to_string(tokens));
    }
}

TEST(Pipeline, ConcatenationsAndArithmetic) {
  Program program(R"(
    func.func @f(%a: tensor<?x?x8xf32>, %b: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
      %s = arith.addf %a, %a : tensor<?x?x8xf32>
      %e = transmamba.activate relu2 %s : tensor<?x?x8xf32>
      %y = tensor.concat dim(1) %e, %b : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
      return %y : tensor<?x?x8xf32>
    })");
  std::mt19937 random(13);
  Tensor a = randomTensor(random, {2, 3, 8}),
         b = randomTensor(random, {2, 4, 8});
  Values expected({2, 7, 8});
  for (int64_t row = 0; row < 2; ++row)
    for (int64_t t = 0; t < 7; ++t)
      for (int64_t c = 0; c < 8; ++c) {
        double x = t < 3 ? std::max(2 * a.get({row, t, c}), 0.0) : 0.0;
        expected({row, t, c}) = t < 3 ? x * x : b.get({row, t - 3, c});
      }
  expectClose(program.call("f", {&a, &b})[0], expected, 1e-6, "concat");
}
