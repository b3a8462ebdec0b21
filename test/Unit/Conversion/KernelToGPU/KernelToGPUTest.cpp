//===- KernelToGPUTest.cpp - GPU kernels run, without a GPU ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Kernels of the shapes that the compiler makes, in blocks of several sizes:
// the numbers are those of plain loops, and the emulator has nothing to say.
//
//===----------------------------------------------------------------------===//

#include "EmulatedKernel.h"

#include "llvm/Support/MemoryBuffer.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace transmamba::test;
using testing::ElementsAreArray;
using testing::FloatNear;
using testing::IsEmpty;
using testing::Pointwise;

static std::vector<float> randomFloats(size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> distribution(-1, 1);
  std::vector<float> values(count);
  for (float &value : values)
    value = distribution(engine);
  return values;
}

namespace {
class KernelToGPU : public testing::TestWithParam<int64_t> {
protected:
  EmulatedKernel compile(llvm::StringRef text) {
    EmulatedKernel kernel =
        EmulatedKernel::fromKernelFunction(text, GetParam());
    EXPECT_TRUE(kernel);
    return kernel;
  }
};
} // namespace

INSTANTIATE_TEST_SUITE_P(BlockSizes, KernelToGPU,
                         testing::Values(0, 32, 64, 256, 1024));

//===----------------------------------------------------------------------===//
// Norms: ragged tiles, reductions shared by lanes
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral kRowNorm = R"(
func.func private @norm(%x: index, %y: index, %z: index, %pi: memref<f32>,
    %po: memref<f32>, %T: index) attributes {transmamba.kernel} {
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %width = arith.constant 48.0 : f32
  %in = memref.reinterpret_cast %pi to offset: [0], sizes: [%T, 48], strides: [48, 1] : memref<f32> to memref<?x48xf32>
  %out = memref.reinterpret_cast %po to offset: [0], sizes: [%T, 48], strides: [48, 1] : memref<f32> to memref<?x48xf32>
  %t = arith.muli %x, %c8 : index
  %left = arith.subi %T, %t : index
  %n = arith.minsi %left, %c8 : index
  %iv = memref.subview %in[%t, 0] [%n, 48] [1, 1] : memref<?x48xf32> to memref<?x48xf32, strided<[48, 1], offset: ?>>
  %ov = memref.subview %out[%t, 0] [%n, 48] [1, 1] : memref<?x48xf32> to memref<?x48xf32, strided<[48, 1], offset: ?>>
  %tile = memref.alloca() : memref<8x48xf32>
  %sum = memref.alloca() : memref<8xf32>
  linalg.fill ins(%zero : f32) outs(%tile : memref<8x48xf32>)
  %tv = memref.subview %tile[0, 0] [%n, 48] [1, 1] : memref<8x48xf32> to memref<?x48xf32, strided<[48, 1]>>
  memref.copy %iv, %tv : memref<?x48xf32, strided<[48, 1], offset: ?>> to memref<?x48xf32, strided<[48, 1]>>
  linalg.fill ins(%zero : f32) outs(%sum : memref<8xf32>)
  linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>], iterator_types = ["parallel", "reduction"]}
      ins(%tile : memref<8x48xf32>) outs(%sum : memref<8xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %square = arith.mulf %a, %a : f32
    %r = arith.addf %acc, %square : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>, affine_map<(m, k) -> (m, k)>], iterator_types = ["parallel", "parallel"]}
      ins(%tile, %sum : memref<8x48xf32>, memref<8xf32>) outs(%tile : memref<8x48xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %mean = arith.divf %s, %width : f32
    %safe = arith.addf %mean, %eps : f32
    %scale = math.rsqrt %safe : f32
    %r = arith.mulf %a, %scale : f32
    linalg.yield %r : f32
  }
  memref.copy %tv, %ov : memref<?x48xf32, strided<[48, 1]>> to memref<?x48xf32, strided<[48, 1], offset: ?>>
  return
})";

TEST_P(KernelToGPU, RowNormWithRaggedTile) {
  constexpr int64_t kRows = 19, kWidth = 48;
  std::vector<float> input = randomFloats(kRows * kWidth, 1);
  Memory in = Memory::of("in", input);
  Memory out("out", input.size() * sizeof(float), false);
  EXPECT_THAT(compile(kRowNorm).launch({3, 1, 1}, {&in, &out, kRows}),
              IsEmpty());

  std::vector<float> expected(input.size());
  for (int64_t row = 0; row < kRows; ++row) {
    double sum = 0;
    for (int64_t i = 0; i < kWidth; ++i)
      sum += std::pow(input[row * kWidth + i], 2);
    for (int64_t i = 0; i < kWidth; ++i)
      expected[row * kWidth + i] =
          input[row * kWidth + i] / std::sqrt(sum / kWidth + 1e-5);
  }
  EXPECT_THAT(out.as<float>(), Pointwise(FloatNear(1e-5f), expected));
}

//===----------------------------------------------------------------------===//
// Contractions: a loop over k, registers, buffers of the loop's body
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral kMatmul = R"(
func.func private @matmul(%x: index, %y: index, %z: index, %pa: memref<f32>,
    %pb: memref<f32>, %pc: memref<f32>) attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c24 = arith.constant 24 : index
  %c32 = arith.constant 32 : index
  %c48 = arith.constant 48 : index
  %zero = arith.constant 0.0 : f32
  %A = memref.reinterpret_cast %pa to offset: [0], sizes: [64, 24], strides: [24, 1] : memref<f32> to memref<64x24xf32>
  %B = memref.reinterpret_cast %pb to offset: [0], sizes: [24, 48], strides: [48, 1] : memref<f32> to memref<24x48xf32>
  %C = memref.reinterpret_cast %pc to offset: [0], sizes: [64, 48], strides: [48, 1] : memref<f32> to memref<64x48xf32>
  %m = arith.muli %x, %c32 : index
  %acc = memref.alloca() : memref<32x48xf32>
  linalg.fill ins(%zero : f32) outs(%acc : memref<32x48xf32>)
  scf.for %k = %c0 to %c24 step %c8 {
    %ta = memref.alloca() : memref<32x8xf32>
    %tb = memref.alloca() : memref<8x48xf32>
    %av = memref.subview %A[%m, %k] [32, 8] [1, 1] : memref<64x24xf32> to memref<32x8xf32, strided<[24, 1], offset: ?>>
    %bv = memref.subview %B[%k, 0] [8, 48] [1, 1] : memref<24x48xf32> to memref<8x48xf32, strided<[48, 1], offset: ?>>
    memref.copy %av, %ta : memref<32x8xf32, strided<[24, 1], offset: ?>> to memref<32x8xf32>
    memref.copy %bv, %tb : memref<8x48xf32, strided<[48, 1], offset: ?>> to memref<8x48xf32>
    linalg.matmul ins(%ta, %tb : memref<32x8xf32>, memref<8x48xf32>) outs(%acc : memref<32x48xf32>)
  }
  %cv = memref.subview %C[%m, 0] [32, 48] [1, 1] : memref<64x48xf32> to memref<32x48xf32, strided<[48, 1], offset: ?>>
  memref.copy %acc, %cv : memref<32x48xf32> to memref<32x48xf32, strided<[48, 1], offset: ?>>
  return
})";

TEST_P(KernelToGPU, MatmulOverTiles) {
  std::vector<float> a = randomFloats(64 * 24, 2), b = randomFloats(24 * 48, 3);
  Memory ma = Memory::of("a", a), mb = Memory::of("b", b);
  Memory mc("c", 64 * 48 * sizeof(float), false);
  EXPECT_THAT(compile(kMatmul).launch({2, 1, 1}, {&ma, &mb, &mc}), IsEmpty());

  std::vector<float> expected(64 * 48);
  for (int m = 0; m < 64; ++m)
    for (int n = 0; n < 48; ++n)
      for (int k = 0; k < 24; ++k)
        expected[m * 48 + n] += a[m * 24 + k] * b[k * 48 + n];
  EXPECT_THAT(mc.as<float>(), Pointwise(FloatNear(1e-5f), expected));
}

/// The rows of a contraction as they come out of tiling: what is left.
static constexpr llvm::StringLiteral kRaggedMatmul = R"(
func.func private @matmul(%x: index, %y: index, %z: index, %pa: memref<f32>,
    %pb: memref<f32>, %pc: memref<f32>, %T: index) attributes {transmamba.kernel} {
  %zero = arith.constant 0.0 : f32
  %c32 = arith.constant 32 : index
  %A = memref.reinterpret_cast %pa to offset: [0], sizes: [%T, 24], strides: [24, 1] : memref<f32> to memref<?x24xf32>
  %B = memref.reinterpret_cast %pb to offset: [0], sizes: [24, 48], strides: [48, 1] : memref<f32> to memref<24x48xf32>
  %C = memref.reinterpret_cast %pc to offset: [0], sizes: [%T, 48], strides: [48, 1] : memref<f32> to memref<?x48xf32>
  %m = arith.muli %x, %c32 : index
  %left = arith.subi %T, %m : index
  %n = arith.minsi %left, %c32 : index
  %acc = memref.alloca() : memref<32x48xf32>
  %accv = memref.subview %acc[0, 0] [%n, 48] [1, 1] : memref<32x48xf32> to memref<?x48xf32, strided<[48, 1]>>
  %av = memref.subview %A[%m, 0] [%n, 24] [1, 1] : memref<?x24xf32> to memref<?x24xf32, strided<[24, 1], offset: ?>>
  %cv = memref.subview %C[%m, 0] [%n, 48] [1, 1] : memref<?x48xf32> to memref<?x48xf32, strided<[48, 1], offset: ?>>
  linalg.fill ins(%zero : f32) outs(%accv : memref<?x48xf32, strided<[48, 1]>>)
  linalg.matmul ins(%av, %B : memref<?x24xf32, strided<[24, 1], offset: ?>>, memref<24x48xf32>) outs(%accv : memref<?x48xf32, strided<[48, 1]>>)
  memref.copy %accv, %cv : memref<?x48xf32, strided<[48, 1]>> to memref<?x48xf32, strided<[48, 1], offset: ?>>
  return
})";

TEST_P(KernelToGPU, MatmulOfRaggedRows) {
  for (int64_t rows : {1, 3, 8, 13, 32, 45}) {
    std::vector<float> a = randomFloats(rows * 24, 2),
                       b = randomFloats(24 * 48, 3);
    Memory ma = Memory::of("a", a), mb = Memory::of("b", b);
    Memory mc("c", rows * 48 * sizeof(float), false);
    EXPECT_THAT(compile(kRaggedMatmul)
                    .launch({(rows + 31) / 32, 1, 1}, {&ma, &mb, &mc, rows}),
                IsEmpty())
        << rows << " rows";
    std::vector<float> expected(rows * 48);
    for (int m = 0; m < rows; ++m)
      for (int n = 0; n < 48; ++n)
        for (int k = 0; k < 24; ++k)
          expected[m * 48 + n] += a[m * 24 + k] * b[k * 48 + n];
    EXPECT_THAT(mc.as<float>(), Pointwise(FloatNear(1e-5f), expected));
  }
}

//===----------------------------------------------------------------------===//
// Attention: maxima, exponentials, two contractions, one with a transposed side
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral kAttention = R"(
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn3 = affine_map<(m, n, k) -> (m, n)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
func.func private @attend(%x: index, %y: index, %z: index, %pq: memref<f32>,
    %pk: memref<f32>, %pv: memref<f32>, %po: memref<f32>) attributes {transmamba.kernel} {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %q = memref.reinterpret_cast %pq to offset: [0], sizes: [16, 8], strides: [8, 1] : memref<f32> to memref<16x8xf32>
  %k = memref.reinterpret_cast %pk to offset: [0], sizes: [16, 8], strides: [8, 1] : memref<f32> to memref<16x8xf32>
  %v = memref.reinterpret_cast %pv to offset: [0], sizes: [16, 8], strides: [8, 1] : memref<f32> to memref<16x8xf32>
  %o = memref.reinterpret_cast %po to offset: [0], sizes: [16, 8], strides: [8, 1] : memref<f32> to memref<16x8xf32>
  %s = memref.alloca() : memref<16x16xf32>
  %max = memref.alloca() : memref<16xf32>
  %sum = memref.alloca() : memref<16xf32>
  linalg.fill ins(%zero : f32) outs(%s : memref<16x16xf32>)
  linalg.generic {indexing_maps = [#mk, #nk, #mn3], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : memref<16x8xf32>, memref<16x8xf32>) outs(%s : memref<16x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %r = arith.addf %c, %p : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#mn], iterator_types = ["parallel", "parallel"]} outs(%s : memref<16x16xf32>) {
  ^bb0(%a: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %visible = arith.cmpi sle, %j, %i : index
    %r = arith.select %visible, %a, %low : f32
    linalg.yield %r : f32
  }
  linalg.fill ins(%low : f32) outs(%max : memref<16xf32>)
  linalg.generic {indexing_maps = [#mn, #m], iterator_types = ["parallel", "reduction"]} ins(%s : memref<16x16xf32>) outs(%max : memref<16xf32>) {
  ^bb0(%a: f32, %c: f32):
    %r = arith.maximumf %a, %c : f32
    linalg.yield %r : f32
  }
  linalg.fill ins(%zero : f32) outs(%sum : memref<16xf32>)
  linalg.generic {indexing_maps = [#m, #mn, #m], iterator_types = ["parallel", "reduction"]} ins(%max : memref<16xf32>) outs(%s, %sum : memref<16x16xf32>, memref<16xf32>) {
  ^bb0(%c: f32, %a: f32, %t: f32):
    %d = arith.subf %a, %c : f32
    %e = math.exp %d : f32
    %r = arith.addf %t, %e : f32
    linalg.yield %e, %r : f32, f32
  }
  linalg.fill ins(%zero : f32) outs(%o : memref<16x8xf32>)
  linalg.generic {indexing_maps = [#mk, #kn, #mn3], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%s, %v : memref<16x16xf32>, memref<16x8xf32>) outs(%o : memref<16x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %r = arith.addf %c, %p : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#m, #mn], iterator_types = ["parallel", "parallel"]} ins(%sum : memref<16xf32>) outs(%o : memref<16x8xf32>) {
  ^bb0(%t: f32, %a: f32):
    %r = arith.divf %a, %t : f32
    linalg.yield %r : f32
  }
  return
})";

TEST_P(KernelToGPU, CausalAttention) {
  constexpr int kT = 16, kD = 8;
  std::vector<float> q = randomFloats(kT * kD, 4), k = randomFloats(kT * kD, 5),
                     v = randomFloats(kT * kD, 6), expected(kT * kD);
  Memory mq = Memory::of("q", q), mk = Memory::of("k", k),
         mv = Memory::of("v", v);
  Memory mo("o", expected.size() * sizeof(float), false);
  EXPECT_THAT(compile(kAttention).launch({1, 1, 1}, {&mq, &mk, &mv, &mo}),
              IsEmpty());

  for (int i = 0; i < kT; ++i) {
    double sum = 0, row[kD] = {};
    for (int j = 0; j <= i; ++j) {
      double dot = 0;
      for (int d = 0; d < kD; ++d)
        dot += q[i * kD + d] * k[j * kD + d];
      sum += std::exp(dot);
      for (int d = 0; d < kD; ++d)
        row[d] += std::exp(dot) * v[j * kD + d];
    }
    for (int d = 0; d < kD; ++d)
      expected[i * kD + d] = row[d] / sum;
  }
  EXPECT_THAT(mo.as<float>(), Pointwise(FloatNear(1e-5f), expected));
}

//===----------------------------------------------------------------------===//
// Uniform scalar code
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral kPrefixSum = R"(
func.func private @scan(%x: index, %y: index, %z: index, %pi: memref<i32>,
    %po: memref<i32>, %n: index) attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i32
  %in = memref.reinterpret_cast %pi to offset: [0], sizes: [%n], strides: [1] : memref<i32> to memref<?xi32>
  %out = memref.reinterpret_cast %po to offset: [0], sizes: [%n], strides: [1] : memref<i32> to memref<?xi32>
  %last = memref.alloca() : memref<i32>
  memref.store %zero, %last[] : memref<i32>
  scf.for %i = %c0 to %n step %c1 {
    %before = memref.load %last[] : memref<i32>
    %a = memref.load %in[%i] : memref<i32>
    %sum = arith.addi %before, %a : i32
    memref.store %sum, %last[] : memref<i32>
    %odd = arith.trunci %a : i32 to i1
    scf.if %odd {
      memref.store %sum, %out[%i] : memref<?xi32>
    } else {
      memref.store %zero, %out[%i] : memref<?xi32>
    }
  }
  return
})";

TEST_P(KernelToGPU, ScalarLoadsAndStores) {
  std::string text(kPrefixSum);
  text.replace(text.find("%in[%i] : memref<i32>"), 21,
               "%in[%i] : memref<?xi32>");
  std::vector<int32_t> input = {3, 2, 5, 8, 1, 7, 4};
  Memory in = Memory::of("in", input), out("out", input.size() * 4, false);
  EXPECT_THAT(compile(text).launch(
                  {1, 1, 1}, {&in, &out, static_cast<int64_t>(input.size())}),
              IsEmpty());
  EXPECT_THAT(out.as<int32_t>(), ElementsAreArray({3, 0, 10, 0, 19, 26, 0}));
}

//===----------------------------------------------------------------------===//
// Scratch that shares bytes
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral kLargeScratch = R"(
func.func private @large(%x: index, %y: index, %z: index, %pi: memref<f32>,
    %po: memref<f32>) attributes {transmamba.kernel} {
  %in = memref.reinterpret_cast %pi to offset: [0], sizes: [60, 80], strides: [80, 1] : memref<f32> to memref<60x80xf32>
  %out = memref.reinterpret_cast %po to offset: [0], sizes: [60, 80], strides: [80, 1] : memref<f32> to memref<60x80xf32>
  %a = memref.alloca() : memref<60x80xf32>
  %b = memref.alloca() : memref<80x60xf32>
  %c = memref.alloca() : memref<60x80xf32>
  memref.copy %in, %a : memref<60x80xf32> to memref<60x80xf32>
  linalg.transpose ins(%a : memref<60x80xf32>) outs(%b : memref<80x60xf32>) permutation = [1, 0]
  linalg.transpose ins(%b : memref<80x60xf32>) outs(%c : memref<60x80xf32>) permutation = [1, 0]
  memref.copy %c, %out : memref<60x80xf32> to memref<60x80xf32>
  return
})";

TEST_P(KernelToGPU, ScratchIsReused) {
  std::vector<float> input = randomFloats(60 * 80, 7);
  Memory in = Memory::of("in", input), out("out", input.size() * 4, false);
  EXPECT_THAT(compile(kLargeScratch).launch({1, 1, 1}, {&in, &out}), IsEmpty());
  EXPECT_THAT(out.as<float>(), ElementsAreArray(input));
}

//===----------------------------------------------------------------------===//
// bf16, gathers
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral kGather = R"(
func.func private @embed(%x: index, %y: index, %z: index, %pt: memref<i32>,
    %pe: memref<bf16>, %po: memref<bf16>, %T: index) attributes {transmamba.kernel} {
  %two = arith.constant 2.0 : f32
  %tokens = memref.reinterpret_cast %pt to offset: [0], sizes: [%T], strides: [1] : memref<i32> to memref<?xi32>
  %table = memref.reinterpret_cast %pe to offset: [0], sizes: [10, 20], strides: [20, 1] : memref<bf16> to memref<10x20xbf16>
  %out = memref.reinterpret_cast %po to offset: [0], sizes: [%T, 20], strides: [20, 1] : memref<bf16> to memref<?x20xbf16>
  linalg.generic {indexing_maps = [affine_map<(t, d) -> (t)>, affine_map<(t, d) -> (t, d)>], iterator_types = ["parallel", "parallel"]}
      ins(%tokens : memref<?xi32>) outs(%out : memref<?x20xbf16>) {
  ^bb0(%token: i32, %o: bf16):
    %row = arith.index_cast %token : i32 to index
    %d = linalg.index 1 : index
    %e = memref.load %table[%row, %d] : memref<10x20xbf16>
    %wide = arith.extf %e : bf16 to f32
    %twice = arith.mulf %wide, %two : f32
    %r = arith.truncf %twice : f32 to bf16
    linalg.yield %r : bf16
  }
  return
})";

TEST_P(KernelToGPU, GatherInBfloat) {
  std::vector<uint16_t> table(200);
  for (size_t i = 0; i < table.size(); ++i)
    table[i] = 0x3f80 + i; // 1.0 and its neighbours.
  std::vector<int32_t> tokens = {9, 0, 3, 3, 7};
  Memory mt = Memory::of("tokens", tokens), me = Memory::of("table", table);
  Memory mo("out", tokens.size() * 20 * 2, false);
  EXPECT_THAT(compile(kGather).launch({1, 1, 1}, {&mt, &me, &mo, int64_t(5)}),
              IsEmpty());
  std::vector<uint16_t> expected;
  for (int32_t token : tokens)
    for (int d = 0; d < 20; ++d)
      expected.push_back(table[token * 20 + d] + 0x80); // Next exponent.
  EXPECT_THAT(mo.as<uint16_t>(), ElementsAreArray(expected));
}

//===----------------------------------------------------------------------===//
// Barriers are not put where none are needed
//===----------------------------------------------------------------------===//

TEST(KernelToGPUBarriers, OnlyBetweenThreads) {
  EmulatedKernel kernel = EmulatedKernel::fromKernelFunction(R"(
    func.func private @chain(%x: index, %y: index, %z: index, %p: memref<f32>)
        attributes {transmamba.kernel} {
      %out = memref.reinterpret_cast %p to offset: [0], sizes: [8, 64], strides: [64, 1] : memref<f32> to memref<8x64xf32>
      %tile = memref.alloca() : memref<8x64xf32>
      %one = arith.constant 1.0 : f32
      linalg.fill ins(%one : f32) outs(%tile : memref<8x64xf32>)
      linalg.exp ins(%tile : memref<8x64xf32>) outs(%tile : memref<8x64xf32>)
      memref.copy %tile, %out : memref<8x64xf32> to memref<8x64xf32>
      return
    })");
  ASSERT_TRUE(kernel);
  // Every thread stays with its elements.
  EXPECT_EQ(kernel.count<mlir::gpu::BarrierOp>(), 0u);
  Memory out("out", 512 * 4, false);
  EXPECT_THAT(kernel.launch({1, 1, 1}, {&out}), IsEmpty());
  EXPECT_THAT(out.as<float>(), testing::Each(FloatNear(M_E, 1e-6f)));
}

TEST(KernelToGPUBarriers, EveryOneIsNeeded) {
  std::vector<float> a = randomFloats(64 * 24, 2), b = randomFloats(24 * 48, 3);
  auto launch = [&](EmulatedKernel &kernel) {
    Memory ma = Memory::of("a", a), mb = Memory::of("b", b);
    Memory mc("c", 64 * 48 * sizeof(float), false);
    return kernel.launch({2, 1, 1}, {&ma, &mb, &mc});
  };
  unsigned barriers =
      EmulatedKernel::fromKernelFunction(kMatmul).count<mlir::gpu::BarrierOp>();
  EXPECT_GT(barriers, 0u);
  for (unsigned i = 0; i < barriers; ++i) {
    EmulatedKernel broken = EmulatedKernel::fromKernelFunction(kMatmul);
    broken.removeBarrier(i);
    EXPECT_THAT(launch(broken), testing::Not(IsEmpty())) << "barrier " << i;
  }
}

//===----------------------------------------------------------------------===//
// The kernels that run on a GPU in test/Integration/GPU
//===----------------------------------------------------------------------===//

static EmulatedKernel compileIntegrationKernel(llvm::StringRef name) {
  auto file = llvm::MemoryBuffer::getFile(TRANSMAMBA_SOURCE_DIR
                                          "/test/Integration/GPU/kernels.mlir");
  EXPECT_TRUE(bool(file));
  EmulatedKernel kernel =
      EmulatedKernel::fromKernelFunction((*file)->getBuffer());
  EXPECT_TRUE(kernel && kernel.select(name));
  return kernel;
}

TEST(IntegrationKernels, AttentionWithRaggedTiles) {
  constexpr int64_t kT = 70, kD = 48;
  std::vector<float> q = randomFloats(kT * kD, 4), k = randomFloats(kT * kD, 5),
                     v = randomFloats(kT * kD, 6), expected(kT * kD);
  Memory mq = Memory::of("q", q), mk = Memory::of("k", k),
         mv = Memory::of("v", v);
  Memory mo("o", expected.size() * sizeof(float), false);
  EmulatedKernel kernel = compileIntegrationKernel("attention");
  EXPECT_THAT(kernel.launch({2, 1, 1}, {&mq, &mk, &mv, &mo, kT}), IsEmpty());

  for (int i = 0; i < kT; ++i) {
    double sum = 0, row[kD] = {};
    for (int j = 0; j <= i; ++j) {
      double dot = 0;
      for (int d = 0; d < kD; ++d)
        dot += q[i * kD + d] * k[j * kD + d];
      double weight = std::exp(dot / std::sqrt(double(kD)));
      sum += weight;
      for (int d = 0; d < kD; ++d)
        row[d] += weight * v[j * kD + d];
    }
    for (int d = 0; d < kD; ++d)
      expected[i * kD + d] = row[d] / sum;
  }
  EXPECT_THAT(mo.as<float>(), Pointwise(FloatNear(1e-5f), expected));
}

TEST(IntegrationKernels, RowNormOfGlobalRows) {
  constexpr int64_t kRows = 6, kWidth = 1536;
  std::vector<float> x = randomFloats(kRows * kWidth, 8),
                     w = randomFloats(kWidth, 9), expected(kRows * kWidth);
  Memory mx = Memory::of("x", x), mw = Memory::of("w", w);
  Memory my("y", expected.size() * sizeof(float), false);
  EmulatedKernel kernel = compileIntegrationKernel("row_norm");
  EXPECT_THAT(kernel.launch({2, 1, 1}, {&mx, &mw, &my, kRows}), IsEmpty());
  for (int64_t row = 0; row < kRows; ++row) {
    double sum = 0;
    for (int64_t i = 0; i < kWidth; ++i)
      sum += std::pow(x[row * kWidth + i], 2);
    for (int64_t i = 0; i < kWidth; ++i)
      expected[row * kWidth + i] =
          x[row * kWidth + i] / std::sqrt(sum / kWidth + 1e-5) * w[i];
  }
  EXPECT_THAT(my.as<float>(), Pointwise(FloatNear(1e-5f), expected));
}
