//===- ScanTest.cpp - Scans against their recurrences ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Reference.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace testing_linalg;

namespace {
struct Shape {
  int64_t qHeads, kHeads, vHeads, keyDim, valueDim;
  Element element;
  int64_t chunk, valueBlock;

  int64_t heads() const { return std::max({qHeads, kHeads, vHeads}); }
  std::string type() const { return element == Element::BF16 ? "bf16" : "f32"; }
};
} // namespace

static const std::vector<Shape> kShapes = {
    {4, 4, 4, 32, 32, Element::F32, 64, 0},
    {1, 1, 4, 48, 32, Element::F32, 16, 16},
    {2, 1, 2, 32, 96, Element::F32, 64, 32},
    {2, 2, 2, 96, 96, Element::BF16, 64, 0},
};

static std::string scanModule(const Shape &shape) {
  std::string heads = std::to_string(shape.heads());
  std::string state = "!transmamba.ssm_state<layer = 1, " + heads + "x" +
                      std::to_string(shape.keyDim) + "x" +
                      std::to_string(shape.valueDim) + "xf32>";
  auto function = [&](const std::string &name, const std::string &tokens,
                      const std::string &operands) {
    auto tensor = [&](int64_t own, int64_t dim) {
      return "tensor<?x" + tokens + "x" + std::to_string(own) + "x" +
             std::to_string(dim) + "x" + shape.type() + ">";
    };
    std::string q = tensor(shape.qHeads, shape.keyDim);
    std::string k = tensor(shape.kHeads, shape.keyDim);
    std::string v = tensor(shape.vHeads, shape.valueDim);
    std::string y = tensor(shape.heads(), shape.valueDim);
    std::string dt = "tensor<?x" + tokens + "x" + heads + "xf32>";
    std::string perHead = "tensor<" + heads + "xf32>";
    std::string signature = "func.func @" + name + "(%q: " + q + ", %k: " + k +
                            ", %v: " + v + ", %dt: " + dt + ", %A: " + perHead +
                            ", %D: " + perHead + ", %h: " + state +
                            ", %len: tensor<?xi32>) -> (";
    std::string types = " : " + k + ", " + v + ", " + dt + ", " + perHead;
    if (name == "convert")
      return signature + state +
             ") {\n  %n = transmamba.convert_memory %k, "
             "%v, %dt, %A lengths(%len : tensor<?xi32>)" +
             types + " -> " + state + "\n  return %n : " + state + "\n}\n";
    return signature + y + ", " + state +
           ") {\n  %c3 = arith.constant 3 : index\n  %y, %n = "
           "transmamba.ssd_scan %q, %k, %v, %dt, %A " +
           operands + " : " + q + ", " + types.substr(3) + " -> " + y + ", " +
           state + "\n  return %y, %n : " + y + ", " + state + "\n}\n";
  };
  std::string skip = "skip(%D : tensor<" + heads + "xf32>) ";
  std::string init = "init(%h : " + state + ") ";
  std::string lengths = "lengths(%len : tensor<?xi32>) ";
  return function("fresh", "?", skip + lengths) +
         function("resume", "?", init + "start(%c3) " + lengths) +
         function("one", "1", skip + init) +
         function("oneValid", "1", init + lengths) +
         function("convert", "?", "");
}

TEST(SSDScan, MatchesRecurrence) {
  std::mt19937 random(4);
  for (const Shape &shape : kShapes) {
    Blocks blocks;
    blocks.chunk = shape.chunk;
    blocks.valueBlock = shape.valueBlock;
    Program program(scanModule(shape), blocks);
    for (const std::string name :
         {"fresh", "resume", "one", "oneValid", "convert"})
      for (int64_t rows : {1, 3})
        for (int64_t tokens : {1, 2, 63, 64, 65, 130}) {
          if (name.rfind("one", 0) == 0 && tokens != 1)
            continue;
          // With one row, a head that forgets within a token: exp(A s) leaves
          // the range of f32 in both directions within a chunk.
          double decay = rows == 1 ? 60.0 : 2.0;
          // Exponents are differences of sums over a chunk, each rounded.
          double sumError =
              std::ldexp(decay * std::min(tokens, shape.chunk), -23);
          bool hasInit = name != "fresh" && name != "convert";
          bool hasSkip = name == "fresh" || name == "one";
          int64_t start = name == "resume" ? 3 : 0;
          int64_t heads = shape.heads();
          std::vector<int> valid = {static_cast<int>(tokens),
                                    static_cast<int>(tokens / 2), 0};
          valid.resize(rows);
          if (name == "one")
            valid.assign(rows, 1);
          std::vector<int> lengths;
          for (int count : valid)
            lengths.push_back(count ? count + start : 0);

          auto input = [&](int64_t own, int64_t dim) {
            Tensor tensor =
                randomTensor(random, {rows, tokens, own, dim}, shape.element);
            poisonPadding(tensor, valid);
            return tensor;
          };
          Tensor q = input(shape.qHeads, shape.keyDim);
          Tensor k = input(shape.kHeads, shape.keyDim);
          Tensor v = input(shape.vHeads, shape.valueDim);
          Tensor dt =
              randomTensor(random, {rows, tokens, heads}, Element::F32, 0, 2);
          poisonPadding(dt, valid);
          Tensor A({heads}), D = randomTensor(random, {heads});
          for (int64_t head = 0; head < heads; ++head)
            A.put(head, head == 0 ? -decay : -0.01 * head);
          Tensor h = hasInit
                         ? randomTensor(random, {rows, heads, shape.keyDim,
                                                 shape.valueDim})
                         : Tensor({rows, heads, shape.keyDim, shape.valueDim},
                                  Element::F32, kNaN);

          Values y({rows, tokens, heads, shape.valueDim});
          Values state({rows, heads, shape.keyDim, shape.valueDim});
          for (int64_t row = 0; row < rows; ++row)
            for (int64_t head = 0; head < heads; ++head) {
              std::vector<std::vector<double>> own(
                  shape.keyDim, std::vector<double>(shape.valueDim, 0.0));
              if (hasInit)
                for (int64_t n = 0; n < shape.keyDim; ++n)
                  for (int64_t d = 0; d < shape.valueDim; ++d)
                    own[n][d] = h.get({row, head, n, d});
              for (int64_t t = 0; t < valid[row]; ++t) {
                std::vector<double> value = headOf(v, row, t, head, heads);
                step(own, dt.get({row, t, head}), A.at(head),
                     headOf(k, row, t, head, heads), value);
                std::vector<double> out =
                    readState(own, headOf(q, row, t, head, heads),
                              hasSkip ? D.at(head) : 0.0, value);
                for (int64_t d = 0; d < shape.valueDim; ++d)
                  y({row, t, head, d}) = out[d];
              }
              for (int64_t n = 0; n < shape.keyDim; ++n)
                for (int64_t d = 0; d < shape.valueDim; ++d)
                  state({row, head, n, d}) = own[n][d];
            }

          Tensor len = ints(lengths);
          std::vector<int> aliases;
          std::vector<Tensor> results =
              program.call(name, {&q, &k, &v, &dt, &A, &D, &h, &len}, &aliases);
          std::string what = name + " B=" + std::to_string(rows) +
                             " T=" + std::to_string(tokens);
          if (name != "convert")
            expectClose(results[0], y,
                        2 * toleranceOf(shape.element) + sumError, what);
          expectClose(results.back(), state, 3e-5 + sumError, what + " state");
          EXPECT_EQ(aliases.back(), 6) << "the state is made in its argument";
        }
  }
}

// A later chunk size changes rounding only.
TEST(SSDScan, ChunkHintIsUsed) {
  Shape shape{1, 1, 1, 32, 32, Element::F32, 64, 0};
  std::string source = scanModule(shape);
  size_t place = source.find("lengths(%len : tensor<?xi32>)");
  source.insert(place + 29, " {chunk = 24 : i64}");
  Program program(source, {});
  EXPECT_NE(program.lowered().find("tensor<24x24xf32>"), std::string::npos);
}

//===----------------------------------------------------------------------===//
// selective_scan
//===----------------------------------------------------------------------===//

static std::string selectiveModule(int64_t channels, int64_t states,
                                   const std::string &type) {
  std::string c = std::to_string(channels), n = std::to_string(states);
  std::string state =
      "!transmamba.ssm_state<layer = 0, " + c + "x" + n + "xf32>";
  std::string u = "tensor<?x?x" + c + "x" + type + ">";
  std::string dt = "tensor<?x?x" + c + "xf32>";
  std::string A = "tensor<" + c + "x" + n + "xf32>";
  std::string B = "tensor<?x?x" + n + "x" + type + ">";
  auto function = [&](const std::string &name, const std::string &operands) {
    return "func.func @" + name + "(%u: " + u + ", %dt: " + dt + ", %A: " + A +
           ", %B: " + B + ", %C: " + B + ", %D: tensor<" + c +
           "xf32>, %h: " + state + ", %len: tensor<?xi32>) -> (" + u + ", " +
           state +
           ") {\n  %y, %n = transmamba.selective_scan %u, %dt, %A, %B, "
           "%C " +
           operands + " : " + u + ", " + dt + ", " + A + ", " + B + ", " + B +
           " -> " + state + "\n  return %y, %n : " + u + ", " + state + "\n}\n";
  };
  return function("fresh", "skip(%D : tensor<" + c +
                               "xf32>) lengths(%len : tensor<?xi32>)") +
         function("resume", "init(%h : " + state + ")");
}

TEST(SelectiveScan, MatchesRecurrence) {
  std::mt19937 random(5);
  struct Case {
    int64_t channels, states;
    Element element;
  };
  for (auto [channels, states, element] :
       {Case{96, 16, Element::F32}, Case{37, 8, Element::BF16}}) {
    Blocks blocks;
    blocks.channelBlock = 32;
    Program program(selectiveModule(channels, states,
                                    element == Element::BF16 ? "bf16" : "f32"),
                    blocks);
    for (const std::string name : {"fresh", "resume"})
      for (int64_t tokens : {1, 2, 65}) {
        int64_t rows = 3;
        bool fresh = name == "fresh";
        std::vector<int> lengths = {static_cast<int>(tokens),
                                    static_cast<int>(tokens / 2), 0};
        if (!fresh)
          lengths.assign(rows, tokens);
        Tensor u = randomTensor(random, {rows, tokens, channels}, element);
        Tensor dt =
            randomTensor(random, {rows, tokens, channels}, Element::F32, 0, 1);
        Tensor A =
            randomTensor(random, {channels, states}, Element::F32, -3, -0.01);
        Tensor B = randomTensor(random, {rows, tokens, states}, element);
        Tensor C = randomTensor(random, {rows, tokens, states}, element);
        Tensor D = randomTensor(random, {channels});
        Tensor h = fresh ? Tensor({rows, channels, states}, Element::F32, kNaN)
                         : randomTensor(random, {rows, channels, states});
        for (Tensor *tensor : {&u, &dt, &B, &C})
          poisonPadding(*tensor, lengths);

        Values y({rows, tokens, channels}), state({rows, channels, states});
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t c = 0; c < channels; ++c) {
            for (int64_t n = 0; n < states && !fresh; ++n)
              state({row, c, n}) = h.get({row, c, n});
            for (int64_t t = 0; t < lengths[row]; ++t) {
              double x = u.get({row, t, c}), d = dt.get({row, t, c});
              double sum = fresh ? D.at(c) * x : 0.0;
              for (int64_t n = 0; n < states; ++n) {
                state({row, c, n}) =
                    std::exp(d * A.get({c, n})) * state({row, c, n}) +
                    d * B.get({row, t, n}) * x;
                sum += C.get({row, t, n}) * state({row, c, n});
              }
              y({row, t, c}) = sum;
            }
          }
        Tensor len = ints(lengths);
        std::vector<int> aliases;
        std::vector<Tensor> results =
            program.call(name, {&u, &dt, &A, &B, &C, &D, &h, &len}, &aliases);
        std::string what = name + " T=" + std::to_string(tokens);
        expectClose(results[0], y, toleranceOf(element), what);
        expectClose(results[1], state, 3e-5, what + " state");
        EXPECT_EQ(aliases[1], 6);
      }
  }
}
