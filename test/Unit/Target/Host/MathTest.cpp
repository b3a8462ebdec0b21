//===- MathTest.cpp - Math functions against libm ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Every function on about a million floats spread over all bit patterns:
// denormals, infinities and NaN included. The reference is libm in f64.
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"

#include <functional>

using namespace transmamba;
using namespace transmamba::test;

namespace {
struct Function {
  const char *op;
  double (*reference)(double);
  /// Largest error in units in the last place of the exact result.
  double maxUlps;
};
} // namespace

static float fromBits(uint32_t bits) {
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

/// The distance of two floats at `exact`; denormals have that of the smallest
/// normal number.
static double ulpAt(double exact) {
  int exponent;
  std::frexp(exact, &exponent);
  return std::ldexp(1.0, std::max(exponent - 24, -149));
}

/// The error of `got` in ulps; infinity if its kind is wrong.
static double errorInUlps(float got, double exact) {
  if (std::isnan(exact))
    return std::isnan(got) ? 0 : INFINITY;
  float rounded = static_cast<float>(exact);
  if (got == rounded)
    return std::signbit(got) == std::signbit(rounded) ? 0 : INFINITY;
  // Rounding to infinity instead of the largest float is one ulp.
  if (std::isinf(got) && std::abs(exact) > 3.4028e38 && got * exact > 0)
    return 1;
  if (!std::isfinite(got) || !std::isfinite(exact))
    return INFINITY;
  return std::abs(got - exact) / ulpAt(exact);
}

static std::string unaryKernel(const std::string &op) {
  return substitute(R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pi: memref<f32>,
    %po: memref<f32>, %n: index, %oi: index, %oo: index)
    attributes {transmamba.kernel} {
  %i = memref.reinterpret_cast %pi to offset: [%oi], sizes: [%n], strides: [1]
      : memref<f32> to memref<?xf32, strided<[1], offset: ?>>
  %o = memref.reinterpret_cast %po to offset: [%oo], sizes: [%n], strides: [1]
      : memref<f32> to memref<?xf32, strided<[1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}
      ins(%i : memref<?xf32, strided<[1], offset: ?>>) outs(%o : memref<?xf32, strided<[1], offset: ?>>) {
  ^bb0(%x: f32, %y: f32):
    %r = {op} %x : f32
    linalg.yield %r : f32
  }
  return
})",
                    {{"op", op}});
}

/// The same on a single number, which is scalar code.
static std::string scalarKernel(const std::string &op) {
  return substitute(R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pi: memref<f32>,
    %po: memref<f32>, %oi: index, %oo: index) attributes {transmamba.kernel} {
  %i = memref.reinterpret_cast %pi to offset: [%oi], sizes: [], strides: []
      : memref<f32> to memref<f32, strided<[], offset: ?>>
  %o = memref.reinterpret_cast %po to offset: [%oo], sizes: [], strides: []
      : memref<f32> to memref<f32, strided<[], offset: ?>>
  %x = memref.load %i[] : memref<f32, strided<[], offset: ?>>
  %r = {op} %x : f32
  memref.store %r, %o[] : memref<f32, strided<[], offset: ?>>
  return
})",
                    {{"op", op}});
}

namespace {
class MathTest : public HostTest {};
} // namespace

TEST_P(MathTest, Unary) {
  const Function functions[] = {
      {"math.exp", std::exp, 1.5},
      {"math.exp2", std::exp2, 1.5},
      {"math.expm1", std::expm1, 2.0},
      {"math.log", std::log, 1.5},
      {"math.log2", std::log2, 2.0},
      {"math.log10", std::log10, 2.0},
      {"math.log1p", std::log1p, 2.0},
      {"math.tanh", std::tanh, 2.0},
      {"math.erf", std::erf, 2.0},
      {"math.sin", std::sin, 2.0},
      {"math.cos", std::cos, 2.0},
      {"math.tan", std::tan, 4.0},
      {"math.sqrt", std::sqrt, 0.5001},
      {"math.rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1.5},
      {"math.absf", std::fabs, 0},
      {"math.floor", std::floor, 0},
      {"math.ceil", std::ceil, 0},
      {"math.trunc", std::trunc, 0},
      {"math.round", std::round, 0},
      {"math.roundeven", std::nearbyint, 0},
      {"arith.negf", [](double x) { return -x; }, 0},
  };
  constexpr uint32_t kStep = 4099;
  std::vector<float> samples;
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += kStep)
    samples.push_back(fromBits(static_cast<uint32_t>(bits)));
  for (float edge :
       {0.0f, -0.0f, 1.0f, -1.0f, INFINITY, -INFINITY,
        std::numeric_limits<float>::max(), std::numeric_limits<float>::min(),
        std::numeric_limits<float>::denorm_min(), 88.72284f, -87.336548f,
        -103.97208f, 0.5f, 2.5f, -2.5f, 8388609.0f})
    samples.push_back(edge);
  Buffer<float> input(samples.size()), output(samples.size());
  std::copy(samples.begin(), samples.end(), input.data());

  for (const Function &function : functions) {
    SCOPED_TRACE(function.op);
    auto kernels = Kernels::compile(unaryKernel(function.op), GetParam());
    auto scalar = Kernels::compile(scalarKernel(function.op), GetParam());
    ASSERT_TRUE(kernels && scalar);
    kernels->run("k", {input.pointer(), output.pointer(), samples.size(),
                       input.offset(), output.offset()});
    double worst = 0;
    float worstAt = 0, worstGot = 0;
    for (size_t i = 0; i < samples.size(); ++i) {
      double error = errorInUlps(output[i], function.reference(samples[i]));
      if (error > worst) {
        worst = error;
        worstAt = samples[i];
        worstGot = output[i];
      }
    }
    EXPECT_LE(worst, function.maxUlps)
        << "f(" << worstAt << ") = " << worstGot << ", not "
        << function.reference(worstAt);
    // Scalars are computed by the same sequence of operations.
    Buffer<float> one(1), result(1);
    for (size_t i = 0; i < samples.size(); i += samples.size() / 97) {
      one[0] = samples[i];
      scalar->run("k", {one.pointer(), result.pointer(), one.offset(),
                        result.offset()});
      if (!std::isnan(output[i])) {
        EXPECT_EQ(result[0], output[i]) << "at " << samples[i];
      }
    }
  }
}

/// Rarer functions: what upstream's polynomials promise.
TEST_P(MathTest, Approximations) {
  const Function functions[] = {
      {"math.atan", std::atan, 0},   {"math.asin", std::asin, 0},
      {"math.acos", std::acos, 0},   {"math.erfc", std::erfc, 0},
      {"math.sinh", std::sinh, 0},   {"math.cosh", std::cosh, 0},
      {"math.asinh", std::asinh, 0}, {"math.atanh", std::atanh, 0},
  };
  Buffer<float> input(2001), output(2001);
  for (size_t i = 0; i < input.size; ++i)
    input[i] = (static_cast<float>(i) - 1000) / 1001;
  for (const Function &function : functions) {
    auto kernels = Kernels::compile(unaryKernel(function.op), GetParam());
    ASSERT_TRUE(kernels);
    kernels->run("k", {input.pointer(), output.pointer(), input.size,
                       input.offset(), output.offset()});
    for (size_t i = 0; i < input.size; ++i)
      ASSERT_NEAR(output[i], function.reference(input[i]), 5e-6)
          << function.op << " at " << input[i];
  }
}

TEST_P(MathTest, Pow) {
  const char *text = R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pa: memref<f32>,
    %pb: memref<f32>, %po: memref<f32>, %n: index, %oa: index, %ob: index, %oo: index)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [%oa], sizes: [%n], strides: [1]
      : memref<f32> to memref<?xf32, strided<[1], offset: ?>>
  %b = memref.reinterpret_cast %pb to offset: [%ob], sizes: [%n], strides: [1]
      : memref<f32> to memref<?xf32, strided<[1], offset: ?>>
  %o = memref.reinterpret_cast %po to offset: [%oo], sizes: [%n], strides: [1]
      : memref<f32> to memref<?xf32, strided<[1], offset: ?>>
  linalg.powf ins(%a, %b : memref<?xf32, strided<[1], offset: ?>>, memref<?xf32, strided<[1], offset: ?>>)
              outs(%o : memref<?xf32, strided<[1], offset: ?>>)
  return
})";
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  std::vector<float> bases, exponents;
  const float special[] = {
      0.0f,  -0.0f,       1.0f,  -1.0f, 0.5f,        2.0f,  -2.0f,    3.0f,
      -3.0f, 0.3f,        -0.3f, 1e38f, 1e-40f,      1e10f, INFINITY, -INFINITY,
      NAN,   16777217.0f, 7.0f,  1e-8f, 33554432.0f, -7.0f, 2.5f,     -1e-40f};
  for (float base : special)
    for (float exponent : special) {
      bases.push_back(base);
      exponents.push_back(exponent);
    }
  std::mt19937 generator(3);
  std::uniform_int_distribution<uint32_t> anyBits;
  std::uniform_real_distribution<float> small(-40, 40);
  for (int i = 0; i < 100000; ++i) {
    bases.push_back(fromBits(anyBits(generator)));
    exponents.push_back(fromBits(anyBits(generator)));
    bases.push_back(std::abs(small(generator)));
    exponents.push_back(small(generator));
  }
  Buffer<float> a(bases.size()), b(bases.size()), o(bases.size());
  std::copy(bases.begin(), bases.end(), a.data());
  std::copy(exponents.begin(), exponents.end(), b.data());
  kernels->run("k", {a.pointer(), b.pointer(), o.pointer(), bases.size(),
                     a.offset(), b.offset(), o.offset()});
  for (size_t i = 0; i < bases.size(); ++i)
    ASSERT_LE(errorInUlps(o[i], std::pow(double(a[i]), double(b[i]))), 2)
        << a[i] << " ^ " << b[i] << " = " << o[i];
}

/// f32 to a narrow type and back, bit for bit, over all bit patterns of the
/// narrow type and many of f32.
TEST_P(MathTest, NarrowFloats) {
  const char *text = R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pi: memref<f32>,
    %po: memref<{T}>, %pw: memref<f32>, %n: index, %oi: index, %oo: index, %ow: index)
    attributes {transmamba.kernel} {
  %i = memref.reinterpret_cast %pi to offset: [%oi], sizes: [%n], strides: [1]
      : memref<f32> to memref<?xf32, strided<[1], offset: ?>>
  %o = memref.reinterpret_cast %po to offset: [%oo], sizes: [%n], strides: [1]
      : memref<{T}> to memref<?x{T}, strided<[1], offset: ?>>
  %w = memref.reinterpret_cast %pw to offset: [%ow], sizes: [%n], strides: [1]
      : memref<f32> to memref<?xf32, strided<[1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}
      ins(%i : memref<?xf32, strided<[1], offset: ?>>) outs(%o : memref<?x{T}, strided<[1], offset: ?>>) {
  ^bb0(%x: f32, %y: {T}):
    %r = arith.truncf %x : f32 to {T}
    linalg.yield %r : {T}
  }
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}
      ins(%o : memref<?x{T}, strided<[1], offset: ?>>) outs(%w : memref<?xf32, strided<[1], offset: ?>>) {
  ^bb0(%x: {T}, %y: f32):
    %r = arith.extf %x : {T} to f32
    linalg.yield %r : f32
  }
  return
})";
  std::vector<float> samples;
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 2039)
    samples.push_back(fromBits(static_cast<uint32_t>(bits)));
  // Halfway between two numbers of either type.
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 0x1000)
    samples.push_back(fromBits(static_cast<uint32_t>(bits)));
  Buffer<float> input(samples.size()), wide(samples.size());
  Buffer<BF16> narrow(samples.size());
  std::copy(samples.begin(), samples.end(), input.data());
  for (bool isBF16 : {true, false}) {
    auto kernels = Kernels::compile(
        substitute(text, {{"T", isBF16 ? "bf16" : "f16"}}), GetParam());
    ASSERT_TRUE(kernels);
    kernels->run("k", {input.pointer(), narrow.pointer(), wide.pointer(),
                       samples.size(), input.offset(), narrow.offset(),
                       wide.offset()});
    for (size_t i = 0; i < samples.size(); ++i) {
      float x = samples[i];
      float expected = isBF16 ? toFloat(fromFloat<BF16>(x))
                              : static_cast<float>(static_cast<_Float16>(x));
      if (std::isnan(x)) {
        ASSERT_TRUE(std::isnan(wide[i])) << isBF16;
        continue;
      }
      ASSERT_EQ(wide[i], expected) << isBF16 << " " << x;
      ASSERT_EQ(std::signbit(wide[i]), std::signbit(expected)) << x;
    }
  }
}

/// Arithmetic on bf16 and f16 is that on f32; intermediate results may keep the
/// precision of f32.
TEST_P(MathTest, NarrowArithmetic) {
  for (const char *type : {"bf16", "f16"}) {
    std::string text = substitute(R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pi: memref<f32>,
    %po: memref<f32>) attributes {transmamba.kernel} {
  %i = memref.reinterpret_cast %pi to offset: [0], sizes: [32], strides: [1]
      : memref<f32> to memref<32xf32>
  %o = memref.reinterpret_cast %po to offset: [0], sizes: [32], strides: [1]
      : memref<f32> to memref<32xf32>
  %c = arith.constant 1.5 : {T}
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]} ins(%i : memref<32xf32>) outs(%o : memref<32xf32>) {
  ^bb0(%x: f32, %y: f32):
    %n = arith.truncf %x : f32 to {T}
    %e = math.exp %n : {T}
    %p = arith.mulf %e, %c : {T}
    %s = arith.addf %p, %n : {T}
    %m = arith.maximumf %s, %c : {T}
    %l = arith.cmpf olt, %m, %e : {T}
    %t = arith.select %l, %m, %s : {T}
    %r = arith.extf %t : {T} to f32
    linalg.yield %r : f32
  }
  return
})",
                                  {{"T", type}});
    auto kernels = Kernels::compile(text, GetParam());
    ASSERT_TRUE(kernels);
    Buffer<float> input(32), output(32);
    for (int i = 0; i < 32; ++i)
      input[i] = static_cast<float>(i - 16) / 5;
    kernels->run("k", {input.pointer(), output.pointer()});
    auto narrow = [&](double x) -> float {
      float single = static_cast<float>(x);
      return type[0] == 'b' ? toFloat(fromFloat<BF16>(single))
                            : static_cast<float>(static_cast<_Float16>(single));
    };
    for (int i = 0; i < 32; ++i) {
      float n = narrow(input[i]), e = narrow(std::exp(double(n)));
      float s = narrow(narrow(e * 1.5f) + n), m = std::max(s, 1.5f);
      float expected = m < e ? m : s;
      EXPECT_NEAR(output[i], expected,
                  std::max(1.0f, std::abs(expected)) *
                      (type[0] == 'b' ? 0.02 : 0.002))
          << type << " at " << input[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, MathTest, testing::ValuesIn(levelsToTest()),
                         levelTestName);
