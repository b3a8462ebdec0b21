//===- WeightsTest.cpp - Parameters and random weights --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Testing.h"

#include "transmamba/Package/RandomWeights.h"

using namespace transmamba;
using namespace transmamba::reference;
using package::RandomWeights;
using package::WeightRole;

static std::vector<float> tensorOf(uint64_t seed, const char *name,
                                   std::vector<int64_t> shape) {
  package::Result<std::vector<float>> values =
      RandomWeights(seed).tensor(name, shape);
  EXPECT_TRUE(static_cast<bool>(values));
  return values ? *values : std::vector<float>();
}

TEST(RandomWeightsTest, DependOnSeedNameAndShape) {
  std::vector<float> values = tensorOf(1, "a.weight", {2, 3});
  EXPECT_EQ(values, tensorOf(1, "a.weight", {2, 3}));
  EXPECT_NE(values, tensorOf(2, "a.weight", {2, 3}));
  EXPECT_NE(values, tensorOf(1, "b.weight", {2, 3}));
  EXPECT_NE(values, tensorOf(1, "a.weight", {3, 2}));
}

// A change of these numbers changes every package with random weights.
TEST(RandomWeightsTest, AreTheseNumbers) {
  std::vector<float> values = tensorOf(1, "layers.0.mixer.qkv.weight", {2, 2});
  std::vector<float> expected = {0x1.6cbe8cp+0f, -0x1.d0f19cp-2f,
                                 -0x1.49af9ep-3f, 0x1.2d0d86p+0f};
  EXPECT_EQ(values, expected);
}

TEST(RandomWeightsTest, KnowRolesByName) {
  using package::weightRole;
  EXPECT_EQ(weightRole("norm.weight", 1), WeightRole::Norm);
  EXPECT_EQ(weightRole("layers.0.mixer.gate_norm.weight", 1), WeightRole::Norm);
  EXPECT_EQ(weightRole("layers.0.norm.bias", 1), WeightRole::Bias);
  EXPECT_EQ(weightRole("layers.0.mixer.A_log", 1), WeightRole::DecayLog);
  EXPECT_EQ(weightRole("A_log", 2), WeightRole::DecayLog);
  EXPECT_EQ(weightRole("layers.0.mixer.dt.bias", 1), WeightRole::StepBias);
  EXPECT_EQ(weightRole("layers.0.mixer.dt_bias", 1), WeightRole::StepBias);
  EXPECT_EQ(weightRole("layers.0.mixer.D", 1), WeightRole::Skip);
  EXPECT_EQ(weightRole("embedding.weight", 2), WeightRole::Embedding);
  EXPECT_EQ(weightRole("layers.0.mixer.conv.bias", 1), WeightRole::Bias);
  EXPECT_EQ(weightRole("layers.0.mixer.conv.weight", 2), WeightRole::Matrix);
  EXPECT_EQ(weightRole("", 0), WeightRole::Bias);
}

TEST(RandomWeightsTest, HaveTheirDistributions) {
  auto moments = [](const std::vector<float> &values) {
    double sum = 0, squares = 0;
    for (float value : values) {
      sum += value;
      squares += double(value) * value;
    }
    double mean = sum / values.size();
    return std::pair(mean, std::sqrt(squares / values.size() - mean * mean));
  };
  auto [mean, deviation] = moments(tensorOf(3, "w", {100, 400}));
  EXPECT_NEAR(mean, 0, 1e-3);
  EXPECT_NEAR(deviation, 0.05, 1e-3); // 1 / sqrt(400)
  auto [stepMean, stepDeviation] = moments(tensorOf(3, "dt.bias", {10000}));
  EXPECT_NEAR(stepMean, -2.5, 0.05);
  for (float value : tensorOf(3, "A_log", {1000})) {
    EXPECT_GE(value, 0);
    EXPECT_LT(value, 2.7726f);
  }
  for (float value : tensorOf(3, "norm.weight", {1000})) {
    EXPECT_GE(value, 0.9f);
    EXPECT_LE(value, 1.1f);
  }
}

TEST(RandomWeightsTest, RefuseShapesThatAreNone) {
  EXPECT_FALSE(static_cast<bool>(RandomWeights(1).tensor("w", {-1})));
  EXPECT_FALSE(static_cast<bool>(
      RandomWeights(1).tensor("w", {int64_t(1) << 40, int64_t(1) << 40})));
}

TEST(RandomWeightsTest, ParseTheirSeed) {
  EXPECT_EQ(package::parseRandomWeights("random:42"), 42u);
  EXPECT_EQ(package::parseRandomWeights("random:18446744073709551615"),
            UINT64_MAX);
  for (const char *text : {"random:", "random:-1", "random:1x", "random", "",
                           "random:18446744073709551616", "model.safetensors"})
    EXPECT_FALSE(package::parseRandomWeights(text).has_value()) << text;
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

namespace {
class ParameterTest : public testing::Test {
protected:
  llvm::Expected<Value> valueOf(const char *declaration) {
    module = context.parse(declaration);
    EXPECT_TRUE(module);
    llvm::StringMap<FloatTensor> tensors;
    tensors["w"] = floats({2, 3}, {1, 2, 3, 4, 5, 0.1});
    interpreter.emplace(std::move(
        *Interpreter::load(*module, givenWeights(std::move(tensors)))));
    return interpreter->parameter("p");
  }

private:
  Context context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::optional<Interpreter> interpreter;
};
} // namespace

TEST_F(ParameterTest, AreTransformedAndRounded) {
  const double tenth = static_cast<double>(0.1f);
  expectNear(
      get(valueOf("transmamba.parameter @p from \"w\" : tensor<2x3xf32>"))
          .floats(),
      {1, 2, 3, 4, 5, tenth}, 0);
  expectNear(get(valueOf("transmamba.parameter @p from \"w\" as transpose : "
                         "tensor<3x2xf32>"))
                 .floats(),
             {1, 4, 2, 5, 3, tenth}, 0);
  EXPECT_EQ(get(valueOf("transmamba.parameter @p from \"w\" as neg_exp : "
                        "tensor<2x3xf32>"))
                .floats()[0],
            static_cast<double>(static_cast<float>(-std::exp(1.0))));
  EXPECT_EQ(
      get(valueOf("transmamba.parameter @p from \"w\" : tensor<2x3xbf16>"))
          .floats()[5],
      0.10009765625);
}

TEST_F(ParameterTest, AreRotaryTables) {
  FloatTensor sines = get(valueOf("transmamba.parameter @p table <theta = "
                                  "1.0e+04, sin> : tensor<3x2xf64>"))
                          .floats();
  expectNear(sines,
             {0, 0, std::sin(1), std::sin(0.01), std::sin(2), std::sin(0.02)});
}

TEST_F(ParameterTest, SayWhatIsMissing) {
  EXPECT_EQ(
      errorOf(valueOf("transmamba.parameter @p from \"w\" : tensor<2x2xf32>")),
      "test.mlir:1:1: error: 'transmamba.parameter': tensor 'w' is 2x3 "
      "where 2x2 is expected");
  EXPECT_TRUE(contains(
      errorOf(valueOf("transmamba.parameter @p from \"x\" : tensor<2xf32>")),
      "there is no tensor 'x'"));
}

TEST(OpenWeights, SaysWhatIsWrong) {
  EXPECT_TRUE(contains(errorOf(openWeights("random:x")), "random:SEED"));
  EXPECT_TRUE(contains(errorOf(openWeights("/nowhere/model.safetensors")),
                       "/nowhere/model.safetensors"));
  EXPECT_TRUE(contains(errorOf(get(openWeights(""))->load("w", {1})),
                       "needs --weights"));
}
