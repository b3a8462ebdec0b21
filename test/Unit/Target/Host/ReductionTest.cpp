//===- ReductionTest.cpp - Reductions, executed -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"

#include <functional>

using namespace transmamba;
using namespace transmamba::test;

namespace {
class ReductionTest : public HostTest {};

/// A reduction and where it starts.
struct Reduction {
  const char *op;
  float start;
  std::function<double(double, double)> combine;
};
} // namespace

/// out[i] = op over j of (in[i, j])^2, or over i.
template <typename T>
static std::string reduction(const std::string &op, bool overRows) {
  std::string type = typeName<T>();
  return substitute(
      R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pa: memref<{T}>,
    %pc: memref<f32>, %M: index, %N: index, %oa: index, %sa: index, %oc: index, %L: index)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [%oa], sizes: [%M, %N], strides: [%sa, 1]
      : memref<{T}> to memref<?x?x{T}, strided<[?, 1], offset: ?>>
  %c = memref.reinterpret_cast %pc to offset: [%oc], sizes: [%L], strides: [1]
      : memref<f32> to memref<?xf32, strided<[1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ({out})>],
      iterator_types = [{iterators}]}
      ins(%a : memref<?x?x{T}, strided<[?, 1], offset: ?>>) outs(%c : memref<?xf32, strided<[1], offset: ?>>) {
  ^bb0(%x: {T}, %y: f32):
    {extend}
    %q = arith.mulf %w, %w : f32
    %r = {op} %y, %q : f32
    linalg.yield %r : f32
  }
  return
})",
      {{"T", type},
       {"op", op},
       {"out", overRows ? "j" : "i"},
       {"iterators", overRows ? "\"reduction\", \"parallel\""
                              : "\"parallel\", \"reduction\""},
       {"extend", type == "f32" ? "%one = arith.constant 1.0 : f32\n"
                                  "    %w = arith.mulf %x, %one : f32"
                                : "%w = arith.extf %x : bf16 to f32"}});
}

template <typename T>
static void checkReduction(const Reduction &what, bool overRows,
                           CpuLevel level) {
  auto kernels = Kernels::compile(reduction<T>(what.op, overRows), level);
  ASSERT_TRUE(kernels);
  for (int64_t rows : {0, 1, 3, 17})
    for (int64_t columns : {0, 1, 2, 15, 16, 33, 64, 67, 130, 200}) {
      Matrix<T> a(rows, columns);
      std::mt19937 generator(static_cast<unsigned>(rows + columns));
      a.fillRandom(generator);
      int64_t length = overRows ? columns : rows;
      Matrix<float> c(1, length);
      for (int64_t i = 0; i < length; ++i)
        c.at(0, i) = what.start;
      kernels->run("k",
                   {a.buffer.pointer(), c.buffer.pointer(), uint64_t(rows),
                    uint64_t(columns), a.buffer.offset(), uint64_t(a.stride),
                    c.buffer.offset(), uint64_t(length)});
      for (int64_t i = 0; i < length; ++i) {
        double expected = what.start;
        int64_t depth = overRows ? rows : columns;
        for (int64_t j = 0; j < depth; ++j) {
          double x = toFloat(overRows ? a.at(j, i) : a.at(i, j));
          expected = what.combine(expected, x * x);
        }
        ASSERT_NEAR(c.at(0, i), expected, 1e-5 * (1 + std::abs(expected)))
            << what.op << " " << rows << "x" << columns;
      }
      ASSERT_TRUE(c.isPaddingIntact());
    }
}

TEST_P(ReductionTest, Floats) {
  const Reduction reductions[] = {
      {"arith.addf", 0, std::plus<double>()},
      {"arith.mulf", 1, std::multiplies<double>()},
      {"arith.maximumf", -1e3f,
       [](double a, double b) { return std::max(a, b); }},
      {"arith.minimumf", 1e3f,
       [](double a, double b) { return std::min(a, b); }},
      {"arith.maxnumf", -1e3f,
       [](double a, double b) { return std::fmax(a, b); }},
  };
  for (const Reduction &what : reductions)
    for (bool overRows : {false, true}) {
      checkReduction<float>(what, overRows, GetParam());
      checkReduction<BF16>(what, overRows, GetParam());
    }
}

/// NaN wins in maximumf and loses in maxnumf, wherever it stands.
TEST_P(ReductionTest, NaN) {
  for (const char *op : {"arith.maximumf", "arith.maxnumf"}) {
    auto kernels = Kernels::compile(reduction<float>(op, false), GetParam());
    ASSERT_TRUE(kernels);
    for (int64_t at = 0; at < 67; ++at) {
      Matrix<float> a(1, 67), c(1, 1);
      std::mt19937 generator(1);
      a.fillRandom(generator);
      a.at(0, at) = NAN;
      c.at(0, 0) = -INFINITY;
      kernels->run("k", {a.buffer.pointer(), c.buffer.pointer(), 1, 67,
                         a.buffer.offset(), uint64_t(a.stride),
                         c.buffer.offset(), 1});
      EXPECT_EQ(std::isnan(c.at(0, 0)), std::string(op) == "arith.maximumf")
          << op << " at " << at;
    }
  }
}

/// Two results of one pass; over the two inner of three dimensions.
TEST_P(ReductionTest, SumAndMax) {
  const char *text = R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pa: memref<f32>,
    %ps: memref<f32>, %pm: memref<f32>, %A: index) attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [%A, 6, 19], strides: [160, 24, 1]
      : memref<f32> to memref<?x6x19xf32, strided<[160, 24, 1]>>
  %s = memref.reinterpret_cast %ps to offset: [0], sizes: [%A], strides: [1] : memref<f32> to memref<?xf32>
  %m = memref.reinterpret_cast %pm to offset: [0], sizes: [%A], strides: [1] : memref<f32> to memref<?xf32>
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i)>,
                                   affine_map<(i, j, k) -> (i)>],
      iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%a : memref<?x6x19xf32, strided<[160, 24, 1]>>) outs(%s, %m : memref<?xf32>, memref<?xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %sum = arith.addf %x, %y : f32
    %max = arith.maximumf %z, %x : f32
    linalg.yield %sum, %max : f32, f32
  }
  return
})";
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  Buffer<float> a(16 * 160), sums(16), maxima(16);
  std::mt19937 generator(4);
  std::uniform_real_distribution<float> distribution(-1, 1);
  for (size_t i = 0; i < a.size; ++i)
    a[i] = i % 160 % 24 < 19 && i % 160 < 144 ? distribution(generator) : NAN;
  for (int i = 0; i < 16; ++i) {
    sums[i] = 1;
    maxima[i] = -INFINITY;
  }
  kernels->run("k", {a.pointer(), sums.pointer(), maxima.pointer(), 16});
  for (int i = 0; i < 16; ++i) {
    double sum = 1;
    float max = -INFINITY;
    for (int j = 0; j < 6; ++j)
      for (int k = 0; k < 19; ++k) {
        sum += a[i * 160 + j * 24 + k];
        max = std::max(max, a[i * 160 + j * 24 + k]);
      }
    ASSERT_NEAR(sums[i], sum, 1e-5);
    ASSERT_EQ(maxima[i], max);
  }
}

/// Runs repeat bit for bit.
TEST_P(ReductionTest, Repeats) {
  auto kernels =
      Kernels::compile(reduction<float>("arith.addf", false), GetParam());
  ASSERT_TRUE(kernels);
  Matrix<float> a(1, 1013);
  std::mt19937 generator(8);
  a.fillRandom(generator);
  float results[2];
  for (float &result : results) {
    Matrix<float> c(1, 1);
    c.at(0, 0) = 0;
    kernels->run("k",
                 {a.buffer.pointer(), c.buffer.pointer(), 1, 1013,
                  a.buffer.offset(), uint64_t(a.stride), c.buffer.offset(), 1});
    result = c.at(0, 0);
  }
  EXPECT_EQ(results[0], results[1]);
}

INSTANTIATE_TEST_SUITE_P(Levels, ReductionTest,
                         testing::ValuesIn(levelsToTest()), levelTestName);
