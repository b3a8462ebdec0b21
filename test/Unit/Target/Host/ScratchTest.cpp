//===- ScratchTest.cpp - Control flow and scratch, executed -----*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"

using namespace transmamba;
using namespace transmamba::test;

namespace {
class ScratchTest : public HostTest {};
} // namespace

/// One head of causal attention, one workgroup for 16 rows, the keys in tiles
/// of 16 with a running maximum and sum: the shape of the real kernels, with
/// scratch inside of loops and loop-carried values.
TEST_P(ScratchTest, OnlineSoftmax) {
  const char *text = R"(
#row = affine_map<(i, j) -> (i)>
#all = affine_map<(i, j) -> (i, j)>
func.func private @k(%x: index, %y: index, %z: index, %pq: memref<f32>, %pk: memref<f32>,
    %pv: memref<f32>, %po: memref<f32>, %T: index) attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.0e38 : f32
  %scale = arith.constant 0.25 : f32
  %q = memref.reinterpret_cast %pq to offset: [0], sizes: [%T, 16], strides: [16, 1] : memref<f32> to memref<?x16xf32>
  %k = memref.reinterpret_cast %pk to offset: [0], sizes: [%T, 16], strides: [16, 1] : memref<f32> to memref<?x16xf32>
  %v = memref.reinterpret_cast %pv to offset: [0], sizes: [%T, 16], strides: [16, 1] : memref<f32> to memref<?x16xf32>
  %o = memref.reinterpret_cast %po to offset: [0], sizes: [%T, 16], strides: [16, 1] : memref<f32> to memref<?x16xf32>
  %first = arith.muli %x, %c16 : index
  %left = arith.subi %T, %first : index
  %rows = arith.minsi %left, %c16 : index
  %qt = memref.subview %q[%first, 0] [%rows, 16] [1, 1] : memref<?x16xf32> to memref<?x16xf32, strided<[16, 1], offset: ?>>
  %ot = memref.subview %o[%first, 0] [%rows, 16] [1, 1] : memref<?x16xf32> to memref<?x16xf32, strided<[16, 1], offset: ?>>
  %acc = memref.alloca() : memref<16x16xf32>
  %max = memref.alloca() : memref<16xf32>
  %sum = memref.alloca() : memref<16xf32>
  linalg.fill ins(%zero : f32) outs(%acc : memref<16x16xf32>)
  linalg.fill ins(%zero : f32) outs(%sum : memref<16xf32>)
  linalg.fill ins(%lowest : f32) outs(%max : memref<16xf32>)
  %end = arith.addi %first, %rows : index
  %tiles = scf.for %j = %c0 to %end step %c16 iter_args(%n = %c0) -> index {
    %kl = arith.subi %T, %j : index
    %cols = arith.minsi %kl, %c16 : index
    %kt = memref.alloca() : memref<16x16xf32>
    %vt = memref.alloca() : memref<16x16xf32>
    linalg.fill ins(%zero : f32) outs(%kt : memref<16x16xf32>)
    linalg.fill ins(%zero : f32) outs(%vt : memref<16x16xf32>)
    %ks = memref.subview %k[%j, 0] [%cols, 16] [1, 1] : memref<?x16xf32> to memref<?x16xf32, strided<[16, 1], offset: ?>>
    %vs = memref.subview %v[%j, 0] [%cols, 16] [1, 1] : memref<?x16xf32> to memref<?x16xf32, strided<[16, 1], offset: ?>>
    %kd = memref.subview %kt[0, 0] [%cols, 16] [1, 1] : memref<16x16xf32> to memref<?x16xf32, strided<[16, 1]>>
    %vd = memref.subview %vt[0, 0] [%cols, 16] [1, 1] : memref<16x16xf32> to memref<?x16xf32, strided<[16, 1]>>
    memref.copy %ks, %kd : memref<?x16xf32, strided<[16, 1], offset: ?>> to memref<?x16xf32, strided<[16, 1]>>
    memref.copy %vs, %vd : memref<?x16xf32, strided<[16, 1], offset: ?>> to memref<?x16xf32, strided<[16, 1]>>
    %qz = memref.alloca() : memref<16x16xf32>
    linalg.fill ins(%zero : f32) outs(%qz : memref<16x16xf32>)
    %qd = memref.subview %qz[0, 0] [%rows, 16] [1, 1] : memref<16x16xf32> to memref<?x16xf32, strided<[16, 1]>>
    memref.copy %qt, %qd : memref<?x16xf32, strided<[16, 1], offset: ?>> to memref<?x16xf32, strided<[16, 1]>>
    %s = memref.alloca() : memref<16x16xf32>
    linalg.fill ins(%zero : f32) outs(%s : memref<16x16xf32>)
    linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>]
        ins(%qz, %kt : memref<16x16xf32>, memref<16x16xf32>) outs(%s : memref<16x16xf32>)
    linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel"]} outs(%s : memref<16x16xf32>) {
    ^bb0(%e: f32):
      %i = linalg.index 0 : index
      %l = linalg.index 1 : index
      %gi = arith.addi %i, %first : index
      %gj = arith.addi %l, %j : index
      %causal = arith.cmpi sle, %gj, %gi : index
      %scaled = arith.mulf %e, %scale : f32
      %r = arith.select %causal, %scaled, %lowest : f32
      linalg.yield %r : f32
    }
    %old = memref.alloca() : memref<16xf32>
    memref.copy %max, %old : memref<16xf32> to memref<16xf32>
    linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
        ins(%s : memref<16x16xf32>) outs(%max : memref<16xf32>) {
    ^bb0(%e: f32, %m: f32):
      %r = arith.maximumf %e, %m : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#row, #all], iterator_types = ["parallel", "parallel"]}
        ins(%max : memref<16xf32>) outs(%s : memref<16x16xf32>) {
    ^bb0(%m: f32, %e: f32):
      %d = arith.subf %e, %m : f32
      %r = math.exp %d : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%max : memref<16xf32>) outs(%old, %sum : memref<16xf32>, memref<16xf32>) {
    ^bb0(%m: f32, %b: f32, %t: f32):
      %d = arith.subf %b, %m : f32
      %r = math.exp %d : f32
      %u = arith.mulf %t, %r : f32
      linalg.yield %r, %u : f32, f32
    }
    linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
        ins(%s : memref<16x16xf32>) outs(%sum : memref<16xf32>) {
    ^bb0(%e: f32, %m: f32):
      %r = arith.addf %e, %m : f32
      linalg.yield %r : f32
    }
    linalg.generic {indexing_maps = [#row, #all], iterator_types = ["parallel", "parallel"]}
        ins(%old : memref<16xf32>) outs(%acc : memref<16x16xf32>) {
    ^bb0(%f: f32, %e: f32):
      %r = arith.mulf %e, %f : f32
      linalg.yield %r : f32
    }
    linalg.matmul ins(%s, %vt : memref<16x16xf32>, memref<16x16xf32>) outs(%acc : memref<16x16xf32>)
    %c1 = arith.constant 1 : index
    %next = arith.addi %n, %c1 : index
    scf.yield %next : index
  }
  %some = arith.cmpi sgt, %tiles, %c0 : index
  scf.if %some {
    %at = memref.subview %acc[0, 0] [%rows, 16] [1, 1] : memref<16x16xf32> to memref<?x16xf32, strided<[16, 1]>>
    %st = memref.subview %sum[0] [%rows] [1] : memref<16xf32> to memref<?xf32, strided<[1]>>
    linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
        ins(%at, %st : memref<?x16xf32, strided<[16, 1]>>, memref<?xf32, strided<[1]>>)
        outs(%ot : memref<?x16xf32, strided<[16, 1], offset: ?>>) {
    ^bb0(%e: f32, %t: f32, %u: f32):
      %r = arith.divf %e, %t : f32
      linalg.yield %r : f32
    }
  }
  return
})";
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  for (int64_t tokens : {1, 15, 16, 17, 50}) {
    // Rows of 64 bytes: the numbers start where the pointer points to.
    Matrix<float> q(tokens, 16, 0), k(tokens, 16, 0), v(tokens, 16, 0),
        o(tokens, 16, 0);
    std::mt19937 generator(6);
    q.fillRandom(generator);
    k.fillRandom(generator);
    v.fillRandom(generator);
    for (int64_t x = 0; x * 16 < tokens; ++x)
      kernels->run("k",
                   {q.buffer.pointer(), k.buffer.pointer(), v.buffer.pointer(),
                    o.buffer.pointer(), uint64_t(tokens)},
                   x);
    for (int64_t i = 0; i < tokens; ++i) {
      std::vector<double> weights;
      double total = 0;
      for (int64_t j = 0; j <= i; ++j) {
        double score = 0;
        for (int64_t d = 0; d < 16; ++d)
          score += double(q.at(i, d)) * k.at(j, d);
        weights.push_back(std::exp(score / 4));
        total += weights.back();
      }
      for (int64_t d = 0; d < 16; ++d) {
        double sum = 0;
        for (int64_t j = 0; j <= i; ++j)
          sum += weights[j] / total * v.at(j, d);
        ASSERT_NEAR(o.at(i, d), sum, 1e-5) << tokens << ": " << i << ", " << d;
      }
    }
  }
}

/// Scratch in a loop does not grow the stack: a million iterations of 64 KB.
TEST_P(ScratchTest, LoopScratch) {
  const char *text = R"(
func.func private @k(%x: index, %y: index, %z: index, %pc: memref<f32>, %N: index)
    attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  scf.for %i = %c0 to %N step %c1 {
    %s = memref.alloca() : memref<16384xf32>
    %old = memref.load %pc[] : memref<f32>
    %at = arith.remui %i, %x : index
    memref.store %old, %s[%at] : memref<16384xf32>
    %v = memref.load %s[%at] : memref<16384xf32>
    %n = arith.addf %v, %one : f32
    memref.store %n, %pc[] : memref<f32>
  }
  return
})";
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  Buffer<float> c(16);
  c[0] = 0;
  kernels->run("k", {c.pointer(), 1000000}, 16384);
  EXPECT_EQ(c[0], 1000000);
}

/// A search with scf.while; x, y and z arrive.
TEST_P(ScratchTest, While) {
  const char *text = R"(
func.func private @k(%x: index, %y: index, %z: index, %pc: memref<i64>, %N: index)
    attributes {transmamba.kernel} {
  %c1 = arith.constant 1 : index
  %r = scf.while (%i = %c1) : (index) -> index {
    %s = arith.muli %i, %i : index
    %less = arith.cmpi slt, %s, %N : index
    scf.condition(%less) %i : index
  } do {
  ^bb0(%i: index):
    %n = arith.addi %i, %c1 : index
    scf.yield %n : index
  }
  %xy = arith.addi %x, %y : index
  %xyz = arith.addi %xy, %z : index
  %t = arith.addi %xyz, %r : index
  %v = arith.index_cast %t : index to i64
  memref.store %v, %pc[] : memref<i64>
  return
})";
  auto kernels = Kernels::compile(text, GetParam());
  ASSERT_TRUE(kernels);
  Buffer<int64_t> c(8);
  kernels->run("k", {c.pointer(), 2500}, 1000, 20000, 300000);
  EXPECT_EQ(c[0], 321050);
}

INSTANTIATE_TEST_SUITE_P(Levels, ScratchTest, testing::ValuesIn(levelsToTest()),
                         levelTestName);
