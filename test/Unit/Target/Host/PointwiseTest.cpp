//===- PointwiseTest.cpp - Pointwise ops, executed --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"

using namespace transmamba;
using namespace transmamba::test;

namespace {
class PointwiseTest : public HostTest {};
} // namespace

/// Signature and views of a kernel on matrices %a, %b and %c of M by N.
static const char *const kMatrices = R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pa: memref<{A}>,
    %pb: memref<{B}>, %pc: memref<{C}>, %M: index, %N: index,
    %oa: index, %sa: index, %ob: index, %sb: index, %oc: index, %sc: index)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [%oa], sizes: [%M, %N], strides: [%sa, 1]
      : memref<{A}> to memref<?x?x{A}, strided<[?, 1], offset: ?>>
  %b = memref.reinterpret_cast %pb to offset: [%ob], sizes: [%M, %N], strides: [%sb, 1]
      : memref<{B}> to memref<?x?x{B}, strided<[?, 1], offset: ?>>
  %c = memref.reinterpret_cast %pc to offset: [%oc], sizes: [%M, %N], strides: [%sc, 1]
      : memref<{C}> to memref<?x?x{C}, strided<[?, 1], offset: ?>>
)";

template <typename A, typename B, typename C>
static std::vector<uint64_t>
matrixArguments(const Matrix<A> &a, const Matrix<B> &b, const Matrix<C> &c) {
  return {a.buffer.pointer(), b.buffer.pointer(),  c.buffer.pointer(),
          uint64_t(c.rows),   uint64_t(c.columns), a.buffer.offset(),
          uint64_t(a.stride), b.buffer.offset(),   uint64_t(b.stride),
          c.buffer.offset(),  uint64_t(c.stride)};
}

/// c = a * sigmoid(b) where j <= i, else c: a mask from indices, a select on
/// the old value, ragged sizes, padding untouched.
TEST_P(PointwiseTest, MaskedUpdate) {
  std::string text = substitute(std::string(kMatrices) + R"(
  %one = arith.constant 1.0 : f32
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
                                   affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%a, %b : memref<?x?xf32, strided<[?, 1], offset: ?>>, memref<?x?xbf16, strided<[?, 1], offset: ?>>)
      outs(%c : memref<?x?xf32, strided<[?, 1], offset: ?>>) {
  ^bb0(%x: f32, %y: bf16, %z: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %inside = arith.cmpi sle, %j, %i : index
    %w = arith.extf %y : bf16 to f32
    %n = arith.negf %w : f32
    %e = math.exp %n : f32
    %d = arith.addf %e, %one : f32
    %q = arith.divf %x, %d : f32
    %r = arith.select %inside, %q, %z : f32
    linalg.yield %r : f32
  }
  return
})",
                                {{"A", "f32"}, {"B", "bf16"}, {"C", "f32"}});
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  for (int64_t rows : {0, 1, 5})
    for (int64_t columns = 0; columns <= 70; ++columns) {
      Matrix<float> a(rows, columns), c(rows, columns);
      Matrix<BF16> b(rows, columns);
      std::mt19937 generator(static_cast<unsigned>(columns));
      a.fillRandom(generator);
      b.fillRandom(generator);
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          c.at(i, j) = -7;
      kernels->run("k", matrixArguments(a, b, c));
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
          double gate = 1 / (1 + std::exp(-double(toFloat(b.at(i, j)))));
          ASSERT_NEAR(c.at(i, j), j <= i ? a.at(i, j) * gate : -7, 1e-6)
              << i << ", " << j << " of " << columns;
        }
      ASSERT_TRUE(c.isPaddingIntact());
    }
}

/// c = transpose(d) * row vector + scalar + column vector: an input with its
/// dimensions swapped, broadcasts of every kind.
TEST_P(PointwiseTest, TransposeAndBroadcast) {
  std::string text = substitute(std::string(kMatrices) + R"(
  %s = arith.constant 0.5 : f32
  %d = memref.reinterpret_cast %pa to offset: [%oa], sizes: [%N, %M], strides: [%sa, 1]
      : memref<f32> to memref<?x?xf32, strided<[?, 1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (0, j)>,
                                   affine_map<(i, j) -> (i, 0)>, affine_map<(i, j) -> ()>,
                                   affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%d, %b, %b, %s : memref<?x?xf32, strided<[?, 1], offset: ?>>, memref<?x?xf32, strided<[?, 1], offset: ?>>,
          memref<?x?xf32, strided<[?, 1], offset: ?>>, f32)
      outs(%c : memref<?x?xf32, strided<[?, 1], offset: ?>>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %k: f32, %o: f32):
    %p = arith.mulf %x, %y : f32
    %q = arith.addf %p, %z : f32
    %r = arith.addf %q, %k : f32
    linalg.yield %r : f32
  }
  return
})",
                                {{"A", "f32"}, {"B", "f32"}, {"C", "f32"}});
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  for (int64_t rows : {1, 4, 17, 33})
    for (int64_t columns : {1, 3, 16, 31, 67}) {
      Matrix<float> d(columns, rows), b(rows, columns), c(rows, columns);
      std::mt19937 generator(5);
      d.fillRandom(generator);
      b.fillRandom(generator);
      kernels->run("k", matrixArguments(d, b, c));
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j)
          ASSERT_NEAR(c.at(i, j), d.at(j, i) * b.at(0, j) + b.at(i, 0) + 0.5,
                      1e-6);
      ASSERT_TRUE(c.isPaddingIntact());
    }
}

/// Embedding: c[t, d] = table[tokens[t], d], a load in the body whose row comes
/// from an operand. And a true gather: c[t, d] += table[tokens[t] + d, 0].
TEST_P(PointwiseTest, Gather) {
  const char *text = R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pt: memref<i32>,
    %pw: memref<f32>, %pc: memref<f32>, %T: index) attributes {transmamba.kernel} {
  %t = memref.reinterpret_cast %pt to offset: [0], sizes: [%T], strides: [1] : memref<i32> to memref<?xi32>
  %w = memref.reinterpret_cast %pw to offset: [0], sizes: [64, 37], strides: [37, 1] : memref<f32> to memref<64x37xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [%T, 37], strides: [37, 1] : memref<f32> to memref<?x37xf32>
  %zero = arith.constant 0 : index
  linalg.generic {indexing_maps = [affine_map<(t, d) -> (t)>, affine_map<(t, d) -> (t, d)>],
      iterator_types = ["parallel", "parallel"]} ins(%t : memref<?xi32>) outs(%c : memref<?x37xf32>) {
  ^bb0(%token: i32, %o: f32):
    %row = arith.index_cast %token : i32 to index
    %d = linalg.index 1 : index
    %v = memref.load %w[%row, %d] : memref<64x37xf32>
    linalg.yield %v : f32
  }
  linalg.generic {indexing_maps = [affine_map<(t, d) -> (t)>, affine_map<(t, d) -> (t, d)>],
      iterator_types = ["parallel", "parallel"]} ins(%t : memref<?xi32>) outs(%c : memref<?x37xf32>) {
  ^bb0(%token: i32, %o: f32):
    %first = arith.index_cast %token : i32 to index
    %d = linalg.index 1 : index
    %row = arith.addi %first, %d : index
    %v = memref.load %w[%row, %zero] : memref<64x37xf32>
    %s = arith.addf %o, %v : f32
    linalg.yield %s : f32
  }
  return
})";
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  constexpr int64_t kTokens = 16;
  Buffer<int32_t> tokens(kTokens);
  Buffer<float> table(64 * 37), output(kTokens * 37);
  ASSERT_EQ(table.offset() + output.offset(), 0u);
  for (int64_t i = 0; i < 64 * 37; ++i)
    table[i] = static_cast<float>(i);
  for (int64_t t = 0; t < kTokens; ++t)
    tokens[t] = static_cast<int32_t>((t * 11) % 27);
  kernels->run("k",
               {tokens.pointer(), table.pointer(), output.pointer(), kTokens});
  for (int64_t t = 0; t < kTokens; ++t)
    for (int64_t d = 0; d < 37; ++d)
      ASSERT_EQ(output[t * 37 + d],
                tokens[t] * 37 + d + (tokens[t] + d) * 37.0f);
}

/// Integers of several widths, an integer division by a constant (vector code)
/// and by a value (scalar code), comparisons that are stored as i1.
TEST_P(PointwiseTest, Integers) {
  const char *text = R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pa: memref<i8>,
    %pb: memref<i32>, %pc: memref<i64>, %pd: memref<i1>, %oa: index, %ob: index,
    %oc: index, %od: index, %N: index) attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [%oa], sizes: [%N], strides: [1] : memref<i8> to memref<?xi8, strided<[1], offset: ?>>
  %b = memref.reinterpret_cast %pb to offset: [%ob], sizes: [%N], strides: [1] : memref<i32> to memref<?xi32, strided<[1], offset: ?>>
  %c = memref.reinterpret_cast %pc to offset: [%oc], sizes: [%N], strides: [1] : memref<i64> to memref<?xi64, strided<[1], offset: ?>>
  %d = memref.reinterpret_cast %pd to offset: [%od], sizes: [%N], strides: [1] : memref<i1> to memref<?xi1, strided<[1], offset: ?>>
  %seven = arith.constant 7 : i32
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}
      ins(%a, %b : memref<?xi8, strided<[1], offset: ?>>, memref<?xi32, strided<[1], offset: ?>>)
      outs(%c : memref<?xi64, strided<[1], offset: ?>>) {
  ^bb0(%x: i8, %y: i32, %z: i64):
    %w = arith.extsi %x : i8 to i32
    %q = arith.divsi %y, %seven : i32
    %s = arith.addi %w, %q : i32
    %e = arith.extsi %s : i32 to i64
    linalg.yield %e : i64
  }
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}
      ins(%b : memref<?xi32, strided<[1], offset: ?>>) outs(%c : memref<?xi64, strided<[1], offset: ?>>) {
  ^bb0(%y: i32, %z: i64):
    %w = arith.extsi %y : i32 to i64
    %r = arith.floordivsi %z, %w : i64
    %s = arith.addi %z, %r : i64
    linalg.yield %s : i64
  }
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]}
      ins(%b : memref<?xi32, strided<[1], offset: ?>>) outs(%d : memref<?xi1, strided<[1], offset: ?>>) {
  ^bb0(%y: i32, %z: i1):
    %r = arith.cmpi sgt, %y, %seven : i32
    linalg.yield %r : i1
  }
  return
})";
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  for (uint64_t size : {1, 7, 64, 67}) {
    Buffer<int8_t> a(size);
    Buffer<int32_t> b(size);
    Buffer<int64_t> c(size);
    Buffer<uint8_t> d(size);
    for (uint64_t i = 0; i < size; ++i) {
      a[i] = static_cast<int8_t>(i * 37);
      b[i] = static_cast<int32_t>(i * 7919) % 1000 - 500;
      if (b[i] == 0)
        b[i] = 1;
    }
    kernels->run("k", {a.pointer(), b.pointer(), c.pointer(), d.pointer(),
                       a.offset(), b.offset(), c.offset(), d.offset(), size});
    for (uint64_t i = 0; i < size; ++i) {
      int64_t sum = a[i] + b[i] / 7;
      ASSERT_EQ(c[i], sum + static_cast<int64_t>(
                                std::floor(double(sum) / double(b[i]))));
      ASSERT_EQ(d[i], b[i] > 7);
    }
  }
}

/// The ragged edge as the linalg phase writes it: the valid part of a tile is
/// copied into a zeroed static one; a result goes back the same way.
TEST_P(PointwiseTest, RaggedTile) {
  std::string text = substitute(std::string(kMatrices) + R"(
  %zero = arith.constant 0.0 : f32
  %tile = memref.alloca() : memref<32x48xf32>
  linalg.fill ins(%zero : f32) outs(%tile : memref<32x48xf32>)
  %part = memref.subview %tile[0, 0] [%M, %N] [1, 1] : memref<32x48xf32> to memref<?x?xf32, strided<[48, 1]>>
  memref.copy %a, %part : memref<?x?xf32, strided<[?, 1], offset: ?>> to memref<?x?xf32, strided<[48, 1]>>
  %row = memref.alloca() : memref<48xf32>
  linalg.fill ins(%zero : f32) outs(%row : memref<48xf32>)
  linalg.reduce ins(%tile : memref<32x48xf32>) outs(%row : memref<48xf32>) dimensions = [0]
      (%x: f32, %y: f32) { %s = arith.addf %x, %y : f32
                           linalg.yield %s : f32 }
  %all = memref.alloc() {alignment = 64 : i64} : memref<32x48xf32>
  linalg.broadcast ins(%row : memref<48xf32>) outs(%all : memref<32x48xf32>) dimensions = [0]
  %back = memref.subview %all[0, 0] [%M, %N] [1, 1] : memref<32x48xf32> to memref<?x?xf32, strided<[48, 1]>>
  memref.copy %back, %c : memref<?x?xf32, strided<[48, 1]>> to memref<?x?xf32, strided<[?, 1], offset: ?>>
  memref.dealloc %all : memref<32x48xf32>
  return
})",
                                {{"A", "f32"}, {"B", "f32"}, {"C", "f32"}});
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  for (int64_t rows : {0, 1, 31, 32})
    for (int64_t columns : {0, 1, 15, 33, 48}) {
      Matrix<float> a(rows, columns), c(rows, columns);
      std::mt19937 generator(9);
      a.fillRandom(generator);
      kernels->run("k", matrixArguments(a, a, c));
      for (int64_t j = 0; j < columns; ++j) {
        double sum = 0;
        for (int64_t i = 0; i < rows; ++i)
          sum += a.at(i, j);
        for (int64_t i = 0; i < rows; ++i)
          ASSERT_NEAR(c.at(i, j), sum, 1e-5);
      }
      ASSERT_TRUE(c.isPaddingIntact());
    }
}

/// What no vector strategy takes: an indexing map that is not linear, and a
/// body with control flow.
TEST_P(PointwiseTest, ScalarFallback) {
  const char *text = R"(
func.func private @k(%gx: index, %gy: index, %gz: index, %pa: memref<f32>, %pc: memref<f32>)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [16], strides: [1] : memref<f32> to memref<16xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [32], strides: [1] : memref<f32> to memref<32xf32>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i floordiv 2)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]} ins(%a : memref<16xf32>) outs(%c : memref<32xf32>) {
  ^bb0(%x: f32, %y: f32):
    linalg.yield %x : f32
  }
  %zero = arith.constant 0.0 : f32
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      outs(%c : memref<32xf32>) {
  ^bb0(%y: f32):
    %negative = arith.cmpf olt, %y, %zero : f32
    %r = scf.if %negative -> f32 {
      scf.yield %zero : f32
    } else {
      %t = arith.addf %y, %y : f32
      scf.yield %t : f32
    }
    linalg.yield %r : f32
  }
  return
})";
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  Buffer<float> a(16), c(32);
  for (int i = 0; i < 16; ++i)
    a[i] = static_cast<float>(i - 8);
  kernels->run("k", {a.pointer(), c.pointer()});
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(c[i], std::max(0.0f, 2 * a[i / 2]));
}

INSTANTIATE_TEST_SUITE_P(Levels, PointwiseTest,
                         testing::ValuesIn(levelsToTest()), levelTestName);
