//===- ConvTest.cpp - Causal convolution against its equation -------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Reference.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace testing_linalg;

static std::string convModule(int64_t channels, int64_t taps,
                              const std::string &type) {
  std::string c = std::to_string(channels);
  std::string window = "!transmamba.conv_window<layer = 0, " +
                       std::to_string(taps - 1) + "x" + c + "x" + type + ">";
  std::string weight =
      "tensor<" + c + "x" + std::to_string(taps) + "x" + type + ">";
  std::string bias = "tensor<" + c + "x" + type + ">";
  auto function = [&](const std::string &name, const std::string &tokens,
                      const std::string &operands, bool silu) {
    std::string x = "tensor<?x" + tokens + "x" + c + "x" + type + ">";
    std::string result = silu ? "%z" : "%y";
    return "func.func @" + name + "(%x: " + x + ", %w: " + weight +
           ", %bias: " + bias + ", %win: " + window +
           ", %len: tensor<?xi32>) -> (" + x + ", " + window +
           ") {\n  %y, %next = transmamba.causal_conv1d %x, %w " + operands +
           " : " + x + ", " + weight + " -> " + window + "\n" +
           (silu ? "  %z = transmamba.activate silu %y : " + x + "\n" : "") +
           "  return " + result + ", %next : " + x + ", " + window + "\n}\n";
  };
  std::string carried = "window(%win : " + window + ") ";
  std::string withBias = "bias(%bias : " + bias + ") ";
  std::string lengths = "lengths(%len : tensor<?xi32>) ";
  return function("fresh", "?", withBias + lengths, /*silu=*/true) +
         function("carried", "?", carried + lengths, /*silu=*/false) +
         function("one", "1", withBias + carried, /*silu=*/true) +
         function("three", "3", carried + lengths, /*silu=*/false);
}

TEST(CausalConv1D, MatchesEquation) {
  std::mt19937 random(6);
  struct Case {
    int64_t channels, taps;
    Element element;
  };
  for (auto [channels, taps, element] :
       {Case{96, 4, Element::F32}, Case{37, 2, Element::F32},
        Case{64, 4, Element::BF16}}) {
    Blocks blocks;
    blocks.tokenBlock = 16;
    blocks.channelBlock = 32;
    Program program(
        convModule(channels, taps, element == Element::BF16 ? "bf16" : "f32"),
        blocks);
    for (const std::string name : {"fresh", "carried", "one", "three"})
      for (int64_t rows : {1, 3})
        for (int64_t tokens : {1, 2, 3, 15, 16, 17, 65}) {
          if ((name == "one" && tokens != 1) ||
              (name == "three" && tokens != 3))
            continue;
          bool carried = name != "fresh";
          bool silu = name == "fresh" || name == "one";
          std::vector<int> lengths = {static_cast<int>(tokens),
                                      static_cast<int>((tokens + 1) / 2), 0};
          lengths.resize(rows);
          if (name == "one")
            lengths.assign(rows, 1);
          Tensor x = randomTensor(random, {rows, tokens, channels}, element);
          poisonPadding(x, lengths);
          Tensor w = randomTensor(random, {channels, taps}, element);
          Tensor bias = randomTensor(random, {channels}, element);
          Tensor window =
              carried
                  ? randomTensor(random, {rows, taps - 1, channels}, element)
                  : Tensor({rows, taps - 1, channels}, element, kNaN);

          auto inputAt = [&, taps = taps](int64_t row, int64_t t, int64_t c) {
            if (t >= 0)
              return x.get({row, t, c});
            return carried ? window.get({row, t + taps - 1, c}) : 0.0;
          };
          Values y({rows, tokens, channels});
          Values next({rows, taps - 1, channels});
          for (int64_t row = 0; row < rows; ++row)
            for (int64_t c = 0; c < channels; ++c) {
              for (int64_t t = 0; t < tokens; ++t) {
                double sum = silu ? bias.at(c) : 0.0;
                for (int64_t tap = 0; tap < taps; ++tap)
                  sum += w.get({c, tap}) * inputAt(row, t - taps + 1 + tap, c);
                y({row, t, c}) = silu ? sum / (1 + std::exp(-sum)) : sum;
              }
              for (int64_t i = 0; i < taps - 1; ++i)
                next({row, i, c}) =
                    inputAt(row, lengths[row] - taps + 1 + i, c);
            }
          Tensor len = ints(lengths);
          std::vector<int> aliases;
          std::vector<Tensor> results =
              program.call(name, {&x, &w, &bias, &window, &len}, &aliases);
          std::string what = name + " B=" + std::to_string(rows) +
                             " T=" + std::to_string(tokens);
          expectClose(results[0], y, 2 * toleranceOf(element), what);
          expectClose(results[1], next, 0.0, what + " window");
          EXPECT_EQ(aliases[1], 3) << "the window is updated in place";
        }
  }
}
