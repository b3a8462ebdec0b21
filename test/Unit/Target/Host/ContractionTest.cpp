//===- ContractionTest.cpp - Contractions, executed -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"

using namespace transmamba;
using namespace transmamba::test;

namespace {
/// c += a * b, each operand as it is or transposed, sizes dynamic or static.
struct Layout {
  bool transposeA, transposeB, transposeC;
};

/// A size as MLIR writes it in a type, and as an operand.
struct Size {
  std::string type, operand;
};
} // namespace

static Size sizeOf(int64_t fixed, const std::string &argument) {
  if (fixed < 0)
    return {"?", argument};
  return {std::to_string(fixed), std::to_string(fixed)};
}

/// A negative size is dynamic. The kernel takes three pointers, M, N, K, and
/// offset and row stride of each operand.
template <typename T>
static std::string contraction(Layout layout, int64_t m, int64_t n, int64_t k) {
  Size sizes[3] = {sizeOf(m, "%M"), sizeOf(n, "%N"), sizeOf(k, "%K")};
  const std::string dims[3] = {"m", "n", "k"};
  auto view = [&](const std::string &name, const std::string &type, int row,
                  int column, bool transpose) {
    if (transpose)
      std::swap(row, column);
    std::string viewType = "memref<" + sizes[row].type + "x" +
                           sizes[column].type + "x" + type +
                           ", strided<[?, 1], offset: ?>>";
    return std::vector<std::string>{
        "  %" + name + " = memref.reinterpret_cast %p" + name +
            " to offset: [%o" + name + "], sizes: [" + sizes[row].operand +
            ", " + sizes[column].operand + "], strides: [%s" + name +
            ", 1] : memref<" + type + "> to " + viewType + "\n",
        viewType,
        "affine_map<(m, n, k) -> (" + dims[row] + ", " + dims[column] + ")>"};
  };
  std::string type = typeName<T>();
  auto a = view("a", type, 0, 2, layout.transposeA);
  auto b = view("b", type, 2, 1, layout.transposeB);
  auto c = view("c", "f32", 0, 1, layout.transposeC);
  std::string extend = type == "f32" ? "    %x = arith.mulf %p, %q : f32\n"
                                     : "    %pe = arith.extf %p : bf16 to f32\n"
                                       "    %qe = arith.extf %q : bf16 to f32\n"
                                       "    %x = arith.mulf %pe, %qe : f32\n";
  return substitute(R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pa: memref<{T}>,
    %pb: memref<{T}>, %pc: memref<f32>, %M: index, %N: index, %K: index,
    %oa: index, %sa: index, %ob: index, %sb: index, %oc: index, %sc: index)
    attributes {transmamba.kernel} {
)" + a[0] + b[0] + c[0] +
                        R"(
  linalg.generic {indexing_maps = [)" +
                        a[2] + ", " + b[2] + ", " + c[2] + R"(],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : )" + a[1] +
                        ", " + b[1] + ") outs(%c : " + c[1] + R"() {
  ^bb0(%p: {T}, %q: {T}, %r: f32):
)" + extend + R"(
    %s = arith.addf %r, %x : f32
    linalg.yield %s : f32
  }
  return
})",
                    {{"T", type}});
}

/// Runs `kernels` for one size and compares with a loop in f64.
template <typename T>
static void check(const Kernels &kernels, Layout layout, int64_t m, int64_t n,
                  int64_t k) {
  std::mt19937 generator(static_cast<unsigned>(m * 10007 + n * 101 + k));
  auto shape = [](bool transpose, int64_t rows, int64_t columns) {
    return transpose ? std::make_pair(columns, rows)
                     : std::make_pair(rows, columns);
  };
  auto [ra, ca] = shape(layout.transposeA, m, k);
  auto [rb, cb] = shape(layout.transposeB, k, n);
  auto [rc, cc] = shape(layout.transposeC, m, n);
  Matrix<T> a(ra, ca), b(rb, cb);
  Matrix<float> c(rc, cc);
  a.fillRandom(generator);
  b.fillRandom(generator);
  c.fillRandom(generator);
  auto element = [](auto &matrix, bool transpose, int64_t i,
                    int64_t j) -> auto & {
    return transpose ? matrix.at(j, i) : matrix.at(i, j);
  };
  std::vector<double> expected, bound;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = element(c, layout.transposeC, i, j);
      double magnitude = std::abs(sum);
      for (int64_t l = 0; l < k; ++l) {
        double product = double(toFloat(element(a, layout.transposeA, i, l))) *
                         toFloat(element(b, layout.transposeB, l, j));
        sum += product;
        magnitude += std::abs(product);
      }
      expected.push_back(sum);
      bound.push_back(magnitude * (k + 2) *
                      std::numeric_limits<float>::epsilon());
    }
  kernels.run("k", {a.buffer.pointer(), b.buffer.pointer(), c.buffer.pointer(),
                    uint64_t(m), uint64_t(n), uint64_t(k), a.buffer.offset(),
                    uint64_t(a.stride), b.buffer.offset(), uint64_t(b.stride),
                    c.buffer.offset(), uint64_t(c.stride)});
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      ASSERT_NEAR(element(c, layout.transposeC, i, j), expected[i * n + j],
                  bound[i * n + j])
          << "at " << i << ", " << j << " of " << m << "x" << n << "x" << k;
  ASSERT_TRUE(c.isPaddingIntact()) << m << "x" << n << "x" << k;
}

static std::vector<Layout> allLayouts() {
  std::vector<Layout> layouts;
  for (int bits = 0; bits < 8; ++bits)
    layouts.push_back({(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0});
  return layouts;
}

namespace {
class ContractionTest : public HostTest {
protected:
  template <typename T> void checkDynamic() {
    for (Layout layout : allLayouts()) {
      SCOPED_TRACE(testing::Message()
                   << "transposed: " << layout.transposeA << layout.transposeB
                   << layout.transposeC);
      auto kernels =
          Kernels::compile(contraction<T>(layout, -1, -1, -1), GetParam());
      ASSERT_TRUE(kernels);
      // Every size of one dimension against a few of the others.
      const int64_t few[] = {1, 5, 33};
      for (int64_t size = 0; size <= 67; ++size)
        for (int64_t other : few)
          for (int64_t third : few) {
            check<T>(*kernels, layout, size, other, third);
            check<T>(*kernels, layout, other, size, third);
            check<T>(*kernels, layout, other, third, size);
            if (HasFatalFailure())
              return;
          }
      // More than one panel.
      check<T>(*kernels, layout, 35, 150, 1100);
      check<T>(*kernels, layout, 67, 67, 67);
    }
  }

  template <typename T> void checkStatic(int64_t m, int64_t n, int64_t k) {
    for (Layout layout : allLayouts()) {
      SCOPED_TRACE(testing::Message()
                   << "transposed: " << layout.transposeA << layout.transposeB
                   << layout.transposeC);
      auto kernels =
          Kernels::compile(contraction<T>(layout, m, n, k), GetParam());
      ASSERT_TRUE(kernels);
      check<T>(*kernels, layout, m, n, k);
    }
  }
};
} // namespace

TEST_P(ContractionTest, DynamicF32) { checkDynamic<float>(); }
TEST_P(ContractionTest, DynamicBF16) { checkDynamic<BF16>(); }

TEST_P(ContractionTest, StaticTiles) {
  checkStatic<float>(64, 48, 48);
  checkStatic<float>(16, 64, 64);
  checkStatic<BF16>(64, 48, 64);
}

TEST_P(ContractionTest, StaticRagged) {
  checkStatic<float>(13, 7, 3);
  checkStatic<float>(3, 37, 19);
  checkStatic<BF16>(33, 17, 5);
}

TEST_P(ContractionTest, StaticVectors) {
  checkStatic<float>(1, 96, 100);
  checkStatic<float>(96, 1, 100);
  checkStatic<float>(1, 1, 200);
  checkStatic<float>(48, 48, 1);
  checkStatic<BF16>(1, 96, 100);
  // Large enough to be streamed row by row.
  checkStatic<float>(1, 1100, 300);
}

/// Attention scores: s[b, h, i, j] = q[b, i, h, :] . k[b, j, h, :], heads in
/// the middle, two batch dimensions.
TEST_P(ContractionTest, BatchedHeads) {
  const char *text = R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pq: memref<f32>,
    %pk: memref<f32>, %ps: memref<f32>, %B: index, %I: index, %J: index)
    attributes {transmamba.kernel} {
  %sq = arith.muli %I, %c144 : index
  %sk = arith.muli %J, %c144 : index
  %ss = arith.muli %I, %J : index
  %ss3 = arith.muli %ss, %c3 : index
  %q = memref.reinterpret_cast %pq to offset: [0], sizes: [%B, %I, 3, 48], strides: [%sq, 144, 48, 1]
      : memref<f32> to memref<?x?x3x48xf32, strided<[?, 144, 48, 1]>>
  %k = memref.reinterpret_cast %pk to offset: [0], sizes: [%B, %J, 3, 48], strides: [%sk, 144, 48, 1]
      : memref<f32> to memref<?x?x3x48xf32, strided<[?, 144, 48, 1]>>
  %s = memref.reinterpret_cast %ps to offset: [0], sizes: [%B, 3, %I, %J], strides: [%ss3, %ss, %J, 1]
      : memref<f32> to memref<?x3x?x?xf32, strided<[?, ?, ?, 1]>>
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%s : memref<?x3x?x?xf32, strided<[?, ?, ?, 1]>>)
  linalg.generic {indexing_maps = [affine_map<(b, h, i, j, d) -> (b, i, h, d)>,
                                   affine_map<(b, h, i, j, d) -> (b, j, h, d)>,
                                   affine_map<(b, h, i, j, d) -> (b, h, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : memref<?x?x3x48xf32, strided<[?, 144, 48, 1]>>, memref<?x?x3x48xf32, strided<[?, 144, 48, 1]>>)
      outs(%s : memref<?x3x?x?xf32, strided<[?, ?, ?, 1]>>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %y, %x : f32
    %r = arith.addf %p, %z : f32
    linalg.yield %r : f32
  }
  return
})";
  // Constants first: the text above reads better without them.
  std::string source = text;
  source.insert(source.find("  %sq"), "  %c144 = arith.constant 144 : index\n"
                                      "  %c3 = arith.constant 3 : index\n");
  auto kernels = Kernels::compile(source, GetParam());
  ASSERT_TRUE(kernels);
  constexpr int64_t kBatch = 2, kRows = 19, kColumns = 21, kHeads = 3,
                    kDepth = 48;
  Matrix<float> q(kBatch * kRows, kHeads * kDepth, 0),
      k(kBatch * kColumns, kHeads * kDepth, 0),
      s(kBatch * kHeads * kRows, kColumns, 0);
  // This kernel has no offsets: buffers of a multiple of 64 bytes.
  ASSERT_EQ(q.buffer.offset(), 0u);
  ASSERT_EQ(k.buffer.offset(), 0u);
  Buffer<float> out((s.buffer.size + 15) / 16 * 16);
  std::mt19937 generator(1);
  q.fillRandom(generator);
  k.fillRandom(generator);
  kernels->run("k", {q.buffer.pointer(), k.buffer.pointer(), out.pointer(),
                     kBatch, kRows, kColumns});
  for (int64_t b = 0; b < kBatch; ++b)
    for (int64_t h = 0; h < kHeads; ++h)
      for (int64_t i = 0; i < kRows; ++i)
        for (int64_t j = 0; j < kColumns; ++j) {
          double sum = 0;
          for (int64_t d = 0; d < kDepth; ++d)
            sum += double(q.at(b * kRows + i, h * kDepth + d)) *
                   k.at(b * kColumns + j, h * kDepth + d);
          ASSERT_NEAR(out[((b * kHeads + h) * kRows + i) * kColumns + j], sum,
                      1e-5);
        }
}

/// A convolution is a contraction too: windows are strides.
TEST_P(ContractionTest, Convolution) {
  const char *text = R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pi: memref<f32>,
    %pw: memref<f32>, %po: memref<f32>) attributes {transmamba.kernel} {
  %i = memref.reinterpret_cast %pi to offset: [0], sizes: [1, 35, 16], strides: [560, 16, 1]
      : memref<f32> to memref<1x35x16xf32>
  %w = memref.reinterpret_cast %pw to offset: [0], sizes: [4, 16, 32], strides: [512, 32, 1]
      : memref<f32> to memref<4x16x32xf32>
  %o = memref.reinterpret_cast %po to offset: [0], sizes: [1, 32, 32], strides: [1024, 32, 1]
      : memref<f32> to memref<1x32x32xf32>
  linalg.conv_1d_nwc_wcf ins(%i, %w : memref<1x35x16xf32>, memref<4x16x32xf32>)
      outs(%o : memref<1x32x32xf32>)
  return
})";
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  Matrix<float> input(35, 16, 0), weights(64, 32, 0), output(32, 32, 0);
  std::mt19937 generator(2);
  input.fillRandom(generator);
  weights.fillRandom(generator);
  for (int64_t i = 0; i < 32 * 32; ++i)
    output.buffer[i] = 0;
  kernels->run("k", {input.buffer.pointer(), weights.buffer.pointer(),
                     output.buffer.pointer()});
  for (int64_t t = 0; t < 32; ++t)
    for (int64_t f = 0; f < 32; ++f) {
      double sum = 0;
      for (int64_t w = 0; w < 4; ++w)
        for (int64_t c = 0; c < 16; ++c)
          sum += double(input.at(t + w, c)) * weights.at(w * 16 + c, f);
      ASSERT_NEAR(output.at(t, f), sum, 1e-4);
    }
}

INSTANTIATE_TEST_SUITE_P(Levels, ContractionTest,
                         testing::ValuesIn(levelsToTest()), levelTestName);
