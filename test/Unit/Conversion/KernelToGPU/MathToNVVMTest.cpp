//===- MathToNVVMTest.cpp - How accurate the math functions are -----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Runs the expansions of MathToNVVM in the emulator, where the approximating
// instructions are exact: what is measured is the error that the expansions
// add. ex2.approx and rsqrt.approx add up to 2 ulp more on a GPU.
//
//===----------------------------------------------------------------------===//

#include "EmulatedKernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cfloat>
#include <cmath>
#include <random>

using namespace transmamba::test;
using testing::IsEmpty;

/// Applies `expression` (MLIR that defines %r from %a and %b) to every pair.
static std::vector<float> evaluate(llvm::StringRef expression,
                                   const std::vector<float> &a,
                                   const std::vector<float> &b) {
  std::string text = (R"(
    gpu.module @kernels {
      gpu.func @k(%pa: memref<f32>, %pb: memref<f32>, %pr: memref<f32>, %n: index)
          kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
        %as = memref.reinterpret_cast %pa to offset: [0], sizes: [%n], strides: [1] : memref<f32> to memref<?xf32>
        %bs = memref.reinterpret_cast %pb to offset: [0], sizes: [%n], strides: [1] : memref<f32> to memref<?xf32>
        %rs = memref.reinterpret_cast %pr to offset: [0], sizes: [%n], strides: [1] : memref<f32> to memref<?xf32>
        %step = arith.constant 32 : index
        %tid = gpu.thread_id x
        scf.for %i = %tid to %n step %step {
          %a = memref.load %as[%i] : memref<?xf32>
          %b = memref.load %bs[%i] : memref<?xf32>
  )" + expression + R"(
          memref.store %r, %rs[%i] : memref<?xf32>
        }
        gpu.return
      }
    })")
                         .str();
  EmulatedKernel kernel =
      EmulatedKernel::create(text, [](mlir::OpPassManager &pm) {
        pm.nest<mlir::gpu::GPUModuleOp>().addPass(
            transmamba::createMathToNVVM());
      });
  EXPECT_TRUE(kernel) << expression.str();
  Memory ma = Memory::of("a", a), mb = Memory::of("b", b);
  Memory mr("r", a.size() * sizeof(float), false);
  EXPECT_THAT(
      kernel.launch({1, 1, 1}, {&ma, &mb, &mr, static_cast<int64_t>(a.size())}),
      IsEmpty());
  return mr.as<float>();
}

/// Distance in units of the last place of the exact result, which may be a
/// denormal.
static double ulpError(float actual, double exact) {
  if (std::isnan(exact))
    return std::isnan(actual) ? 0 : HUGE_VAL;
  auto rounded = static_cast<float>(exact);
  if (std::isinf(rounded) || std::isinf(actual))
    return rounded == actual ? 0 : HUGE_VAL;
  int exponent = std::max(std::ilogb(rounded == 0 ? FLT_MIN : rounded), -126);
  return std::fabs(actual - exact) / std::ldexp(1.0, exponent - 23);
}

namespace {
struct Function {
  const char *name;
  const char *expression;
  double (*exact)(double, double);
  float low, high;
  double maxUlp;
};

/// Names the case in the output of the test.
[[maybe_unused]] void PrintTo(const Function &function, std::ostream *os) {
  *os << function.name;
}
} // namespace

static const Function kFunctions[] = {
    {"exp", "%r = math.exp %a : f32", [](double x, double) { return exp(x); },
     -105, 90, 1.0},
    {"exp_approximated", "%r = math.exp %a fastmath<afn> : f32",
     [](double x, double) { return exp(x); }, -87, 88, 80},
    {"silu_approximated",
     "%m = arith.negf %a : f32\n %e = math.exp %m fastmath<afn> : f32\n"
     "%one = arith.constant 1.0 : f32\n %s = arith.addf %one, %e : f32\n"
     "%r = arith.divf %a, %s fastmath<afn> : f32",
     [](double x, double) { return x / (1 + exp(-x)); }, -80, 1e4f, 80},
    {"exp2", "%r = math.exp2 %a : f32",
     [](double x, double) { return exp2(x); }, -150, 129, 1.0},
    {"expm1", "%r = math.expm1 %a : f32",
     [](double x, double) { return expm1(x); }, -20, 88, 4.0},
    {"log", "%r = math.log %a : f32", [](double x, double) { return log(x); },
     1e-30f, 1e30f, 2.0},
    {"log_near_one", "%r = math.log %a : f32",
     [](double x, double) { return log(x); }, 0.5, 2, 2.0},
    {"log2", "%r = math.log2 %a : f32",
     [](double x, double) { return log2(x); }, 1e-3f, 1e3f, 4.0},
    {"log1p", "%r = math.log1p %a : f32",
     [](double x, double) { return log1p(x); }, -0.9f, 1e6f, 4.0},
    {"log1p_tiny", "%r = math.log1p %a : f32",
     [](double x, double) { return log1p(x); }, -1e-6f, 1e-6f, 2.0},
    {"softplus", "%e = math.exp %a : f32\n %r = math.log1p %e : f32",
     [](double x, double) { return log1p(exp(x)); }, -80, 80, 4.0},
    {"tanh", "%r = math.tanh %a : f32",
     [](double x, double) { return tanh(x); }, -10, 10, 5.0},
    {"erf", "%r = math.erf %a : f32", [](double x, double) { return erf(x); },
     -5, 5, 8.0},
    {"sin", "%r = math.sin %a : f32", [](double x, double) { return sin(x); },
     -1e5f, 1e5f, 1.5},
    {"cos", "%r = math.cos %a : f32", [](double x, double) { return cos(x); },
     -1e5f, 1e5f, 1.5},
    {"sin_far", "%r = math.sin %a : f32",
     [](double x, double) { return sin(x); }, -1e9f, 1e9f, 1.5},
    {"powf", "%r = math.powf %a, %b : f32",
     [](double x, double y) { return pow(x, y); }, 1e-3f, 1e4f, 1.5},
    {"sqrt", "%r = math.sqrt %a : f32",
     [](double x, double) { return sqrt(x); }, 0, 1e9f, 0.5},
    {"rsqrt", "%r = math.rsqrt %a : f32",
     [](double x, double) { return 1 / sqrt(x); }, 1e-9f, 1e9f, 0.5},
};

namespace {
class MathToNVVM : public testing::TestWithParam<Function> {};
} // namespace

INSTANTIATE_TEST_SUITE_P(Functions, MathToNVVM, testing::ValuesIn(kFunctions),
                         [](const testing::TestParamInfo<Function> &info) {
                           return std::string(info.param.name);
                         });

TEST_P(MathToNVVM, IsAccurate) {
  const Function &function = GetParam();
  std::mt19937 engine(1);
  std::uniform_real_distribution<float> uniform(function.low, function.high);
  std::uniform_real_distribution<float> exponents(-8, 8);
  std::vector<float> a, b;
  for (int i = 0; i < 20000; ++i) {
    a.push_back(uniform(engine));
    // Small magnitudes, too, where they are in the range.
    if (i % 2 && function.low < 1)
      a.back() *= std::ldexp(1.0f, -(i % 24));
    a.back() = std::max(a.back(), function.low);
    b.push_back(exponents(engine));
  }
  std::vector<float> r = evaluate(function.expression, a, b);
  double worst = 0, worstAt = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double error = ulpError(r[i], function.exact(a[i], b[i]));
    if (error > worst) {
      worst = error;
      worstAt = a[i];
    }
  }
  RecordProperty("max_ulp", std::to_string(worst));
  EXPECT_LE(worst, function.maxUlp) << "at " << worstAt;
}

/// The values that go wrong first: expected by the C library.
TEST(MathToNVVMSpecial, FollowsTheCLibrary) {
  const float inf = INFINITY;
  const std::vector<float> points = {
      0.0f, -0.0f, 1.0f,  -1.0f, 2.0f,   -2.0f,  0.5f,  inf,    -inf,
      NAN,  3.0f,  -3.0f, 1e38f, -1e38f, 1e-40f, 89.0f, -110.0f};
  std::vector<float> a, b;
  for (float x : points)
    for (float y : points) {
      a.push_back(x);
      b.push_back(y);
    }
  struct Case {
    const char *expression;
    double (*exact)(double, double);
  };
  const Case cases[] = {
      {"%r = math.exp %a : f32", [](double x, double) { return exp(x); }},
      {"%r = math.exp2 %a : f32", [](double x, double) { return exp2(x); }},
      {"%r = math.tanh %a : f32", [](double x, double) { return tanh(x); }},
      {"%r = math.powf %a, %b : f32", [](double x, double y) {
         // 1 ^ anything and anything ^ 0 are 1 in C as well.
         return static_cast<double>(powf(x, y));
       }}};
  for (const Case &c : cases) {
    std::vector<float> r = evaluate(c.expression, a, b);
    for (size_t i = 0; i < a.size(); ++i)
      EXPECT_LE(ulpError(r[i], c.exact(a[i], b[i])), 5)
          << c.expression << " of " << a[i] << ", " << b[i] << ": " << r[i];
  }
}
