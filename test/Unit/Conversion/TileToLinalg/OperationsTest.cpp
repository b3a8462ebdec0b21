//===- OperationsTest.cpp - Arithmetic of tile kernels --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace testing_tile;

using Indices = std::vector<int64_t>;

/// Small numbers that bf16 and sums in f32 hold exactly.
static double exact(const Indices &at) {
  return double((at[0] * 7 + at.back() * 5) % 17 - 8) / 4;
}

static Buffer rows(double first, double step) {
  return Buffer({64, 1}, Element::F32,
                [=](const Indices &at) { return first + step * at[0]; });
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

TEST(TileMap, FragmentOfFragmentRowsColumnsAndPositions) {
  KernelText text;
  text.arguments = "%x: memref<64x32xf32>, %r: memref<64x1xf32>, "
                   "%c: memref<1x32xf32>, %y: memref<64x32xf32>, %s: f32";
  text.consumers = R"(
    %fx = tile.read %x[%c0, %c0] : memref<64x32xf32> -> !tile.frag<64x32xf32>
    %fr = tile.read %r[%c0, %c0] : memref<64x1xf32> -> !tile.rows<64xf32>
    %fc = tile.read %c[%c0, %c0] : memref<1x32xf32> -> !tile.cols<32xf32>
    %fy = tile.map (%a = %fx, %b = %fr, %d = %fc) [%i, %j] : (!tile.frag<64x32xf32>, !tile.rows<64xf32>, !tile.cols<32xf32>) -> !tile.frag<64x32xf32> {
      %0 = arith.mulf %a, %b : f32
      %1 = arith.addf %0, %d : f32
      %2 = arith.muli %i, %c64 : index
      %3 = arith.addi %2, %j : index
      %4 = arith.index_cast %3 : index to i32
      %5 = arith.sitofp %4 : i32 to f32
      %6 = math.fma %5, %s, %1 : f32
      tile.yield %6 : f32
    }
    tile.write %fy to %y[%c0, %c0] : !tile.frag<64x32xf32>, memref<64x32xf32>
  )";
  TileKernel kernel(text.str(), "f");
  Buffer x({64, 32}, Element::F32, exact), r = rows(2, 1),
                                           c({1, 32}, Element::F32, exact),
                                           y({64, 32}, Element::F32);
  EXPECT_EQ(kernel.run({&x, &r, &c, &y, 0.5f}), 0);
  y.forEach([&](const Indices &at) {
    double expected = x.at(at) * (2 + at[0]) + c.at({0, at[1]}) +
                      0.5 * double(64 * at[0] + at[1]);
    ASSERT_EQ(y.at(at), expected) << at[0] << ", " << at[1];
  });
}

TEST(TileMap, RowsAndColumns) {
  KernelText text;
  text.arguments = "%r: memref<64x1xf32>, %c: memref<1x32xf32>";
  text.consumers = R"(
    %fr = tile.read %r[%c0, %c0] : memref<64x1xf32> -> !tile.rows<64xf32>
    %gr = tile.map (%a = %fr) [%i, %j] : (!tile.rows<64xf32>) -> !tile.rows<64xf32> {
      %0 = arith.index_cast %i : index to i32
      %1 = arith.sitofp %0 : i32 to f32
      %2 = arith.subf %a, %1 : f32
      tile.yield %2 : f32
    }
    tile.write %gr to %r[%c0, %c0] : !tile.rows<64xf32>, memref<64x1xf32>
    %fc = tile.read %c[%c0, %c0] : memref<1x32xf32> -> !tile.cols<32xf32>
    %gc = tile.map (%a = %fc) [%i, %j] : (!tile.cols<32xf32>) -> !tile.cols<32xf32> {
      %0 = arith.index_cast %j : index to i32
      %1 = arith.sitofp %0 : i32 to f32
      %2 = arith.addf %a, %1 : f32
      tile.yield %2 : f32
    }
    tile.write %gc to %c[%c0, %c0] : !tile.cols<32xf32>, memref<1x32xf32>
  )";
  TileKernel kernel(text.str(), "f");
  Buffer r = rows(3, 2), c({1, 32}, Element::F32, 5);
  EXPECT_EQ(kernel.run({&r, &c}), 0);
  for (int64_t i = 0; i < 64; ++i)
    EXPECT_EQ(r.at({i, 0}), 3.0 + i);
  for (int64_t j = 0; j < 32; ++j)
    EXPECT_EQ(c.at({0, j}), 5.0 + j);
}

// Flags that promise "no NaN" are for the GPU: here a NaN means something.
TEST(TileMap, FastMathFlagsKeepNaN) {
  KernelText text;
  text.arguments = "%r: memref<64x1xf32>";
  text.consumers = R"(
    %fr = tile.read %r[%c0, %c0] : memref<64x1xf32> -> !tile.rows<64xf32>
    %gr = tile.map (%a = %fr) : (!tile.rows<64xf32>) -> !tile.rows<64xf32> {
      %0 = arith.mulf %a, %zero fastmath<fast> : f32
      %1 = arith.subf %a, %a fastmath<fast> : f32
      %2 = arith.addf %0, %1 fastmath<fast> : f32
      tile.yield %2 : f32
    }
    tile.write %gr to %r[%c0, %c0] : !tile.rows<64xf32>, memref<64x1xf32>
  )";
  TileKernel kernel(text.str(), "f");
  Buffer r = rows(0, 1);
  r.set({5, 0}, NAN);
  EXPECT_EQ(kernel.run({&r}), 0);
  for (int64_t i = 0; i < 64; ++i)
    EXPECT_EQ(std::isnan(r.at({i, 0})), i == 5) << i;
}

TEST(TileFill, EveryShape) {
  KernelText text;
  text.arguments =
      "%x: memref<64x16xf32>, %r: memref<64x1xf32>, %c: memref<1x16xf32>, "
      "%s: f32";
  text.consumers = R"(
    %fx = tile.fill %s : f32 -> !tile.frag<64x16xf32>
    %fr = tile.fill %s : f32 -> !tile.rows<64xf32>
    %fc = tile.fill %s : f32 -> !tile.cols<16xf32>
    tile.write %fx to %x[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
    tile.write %fr to %r[%c0, %c0] : !tile.rows<64xf32>, memref<64x1xf32>
    tile.write %fc to %c[%c0, %c0] : !tile.cols<16xf32>, memref<1x16xf32>
  )";
  TileKernel kernel(text.str(), "f");
  Buffer x({64, 16}, Element::F32), r = rows(0, 1), c({1, 16}, Element::F32);
  EXPECT_EQ(kernel.run({&x, &r, &c, 2.5f}), 0);
  for (const Buffer *buffer : {&x, &r, &c})
    buffer->forEach([&](const Indices &at) { ASSERT_EQ(buffer->at(at), 2.5); });
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

TEST(TileRowReduce, SumMaximumAndPartialSum) {
  KernelText text;
  text.arguments =
      "%x: memref<64x24xf32>, %sums: memref<64x1xf32>, %tops: "
      "memref<64x1xf32>, %added: memref<64x1xf32>, %shifted: memref<64x1xf32>";
  text.consumers = R"(
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %fx = tile.read %x[%c0, %c0] : memref<64x24xf32> -> !tile.frag<64x24xf32>
    %s = tile.row_reduce sum %fx : !tile.frag<64x24xf32> -> !tile.rows<64xf32>
    tile.write %s to %sums[%c0, %c0] : !tile.rows<64xf32>, memref<64x1xf32>
    %m = tile.row_reduce max %fx : !tile.frag<64x24xf32> -> !tile.rows<64xf32>
    tile.write %m to %tops[%c0, %c0] : !tile.rows<64xf32>, memref<64x1xf32>
    // Linear arithmetic on a partial sum: 2 x + m x.
    %p = tile.row_reduce sum %fx : !tile.frag<64x24xf32> -> !tile.rows<64xf32, partial>
    %q = tile.map (%a = %p, %b = %m) : (!tile.rows<64xf32, partial>, !tile.rows<64xf32>) -> !tile.rows<64xf32, partial> {
      %0 = arith.mulf %a, %two : f32
      %1 = math.fma %a, %b, %0 : f32
      tile.yield %1 : f32
    }
    %t = tile.complete %q : !tile.rows<64xf32, partial>
    tile.write %t to %added[%c0, %c0] : !tile.rows<64xf32>, memref<64x1xf32>
    // What is not linear: each of four threads adds the number.
    %u = tile.map (%a = %p) : (!tile.rows<64xf32, partial>) -> !tile.rows<64xf32, partial> {
      %0 = arith.addf %a, %one : f32
      tile.yield %0 : f32
    }
    %v = tile.complete %u : !tile.rows<64xf32, partial>
    tile.write %v to %shifted[%c0, %c0] : !tile.rows<64xf32>, memref<64x1xf32>
  )";
  TileKernel kernel(text.str(), "f");
  Buffer x({64, 24}, Element::F32, exact), sums = rows(0, 0), tops = rows(0, 0),
                                           added = rows(0, 0),
                                           shifted = rows(0, 0);
  for (int64_t j = 0; j < 24; ++j)
    x.set({9, j}, -1.0 - j);
  x.set({11, 3}, NAN);
  EXPECT_EQ(kernel.run({&x, &sums, &tops, &added, &shifted}), 0);
  for (int64_t i = 0; i < 64; ++i) {
    double sum = 0, top = -INFINITY;
    for (int64_t j = 0; j < 24; ++j) {
      sum += x.at({i, j});
      top = std::max(top, x.at({i, j}));
    }
    if (i == 11) {
      for (Buffer *result : {&sums, &tops, &added, &shifted})
        EXPECT_TRUE(std::isnan(result->at({i, 0})));
      continue;
    }
    EXPECT_EQ(sums.at({i, 0}), sum);
    EXPECT_EQ(tops.at({i, 0}), top);
    EXPECT_EQ(added.at({i, 0}), 2 * sum + top * sum);
    EXPECT_EQ(shifted.at({i, 0}), sum + 4);
  }
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

TEST(TileVector, SumsSpreadsAndGivesElements) {
  KernelText text;
  text.arguments = "%x: memref<64x1xf32>, %sums: memref<64x1xf32>, "
                   "%r: memref<64x1xf32>, %c: memref<1x64xf32>, "
                   "%last: memref<64x1xf32>";
  text.consumers = R"(
    %v = tile.read %x[%c0, %c0] : memref<64x1xf32> -> !tile.vec<64xf32>
    %s = tile.prefix_sum %v : !tile.vec<64xf32>
    tile.write %s to %sums[%c0, %c0] : !tile.vec<64xf32>, memref<64x1xf32>
    %w = tile.map (%a = %v, %b = %s) [%i, %j] : (!tile.vec<64xf32>, !tile.vec<64xf32>) -> !tile.vec<64xf32> {
      %e = arith.subf %b, %a : f32
      %first = arith.cmpi slt, %i, %c16 : index
      %n = arith.negf %e : f32
      %f = arith.select %first, %n, %e : f32
      tile.yield %f : f32
    }
    %fr = tile.spread %w : !tile.vec<64xf32> -> !tile.rows<64xf32>
    %fc = tile.spread %w : !tile.vec<64xf32> -> !tile.cols<64xf32>
    tile.write %fr to %r[%c0, %c0] : !tile.rows<64xf32>, memref<64x1xf32>
    tile.write %fc to %c[%c0, %c0] : !tile.cols<64xf32>, memref<1x64xf32>
    %number = tile.element %s[62] : !tile.vec<64xf32>
    %all = tile.fill %number : f32 -> !tile.vec<64xf32>
    tile.write %all to %last[%c0, %c0] : !tile.vec<64xf32>, memref<64x1xf32>
  )";
  TileKernel kernel(text.str(), "f");
  Buffer x({64, 1}, Element::F32, exact), sums = rows(0, 0), r = rows(0, 0),
                                          c({1, 64}, Element::F32),
                                          last = rows(0, 0);
  EXPECT_EQ(kernel.run({&x, &sums, &r, &c, &last}), 0);
  double sum = 0, wanted = 0;
  for (int64_t i = 0; i < 64; ++i) {
    EXPECT_EQ(r.at({i, 0}), i < 16 ? -sum : sum);
    EXPECT_EQ(c.at({0, i}), i < 16 ? -sum : sum);
    sum += x.at({i, 0});
    EXPECT_EQ(sums.at({i, 0}), sum);
    if (i == 62)
      wanted = sum;
  }
  for (int64_t i = 0; i < 64; ++i)
    EXPECT_EQ(last.at({i, 0}), wanted);
}

//===----------------------------------------------------------------------===//
// Multiplication
//===----------------------------------------------------------------------===//

/// a, b and bt in rings of one tile.
static KernelText multiplication(const std::string &consumers) {
  KernelText text;
  text.arguments = "%a: memref<64x32xbf16>, %b: memref<32x48xbf16>, "
                   "%bt: memref<48x32xbf16>, %x: memref<64x48xf32>, "
                   "%y: memref<64x48xf32>";
  text.shared = R"(
    %ra = tile.ring : !tile.ring<64x32xbf16, stages = 1>
    %rb = tile.ring : !tile.ring<32x48xbf16, stages = 1>
    %rt = tile.ring : !tile.ring<48x32xbf16, stages = 1>
  )";
  text.producer = R"(
    tile.load %a[%c0, %c0] to %ra : memref<64x32xbf16>, !tile.ring<64x32xbf16, stages = 1>
    tile.load %b[%c0, %c0] to %rb : memref<32x48xbf16>, !tile.ring<32x48xbf16, stages = 1>
    tile.load %bt[%c0, %c0] to %rt : memref<48x32xbf16>, !tile.ring<48x32xbf16, stages = 1>
  )";
  text.consumers = R"(
    %ta = tile.consumer_wait %ra : !tile.ring<64x32xbf16, stages = 1>
    %tb = tile.consumer_wait %rb : !tile.ring<32x48xbf16, stages = 1>
    %tt = tile.consumer_wait %rt : !tile.ring<48x32xbf16, stages = 1>
    %fx = tile.read %x[%c0, %c0] : memref<64x48xf32> -> !tile.frag<64x48xf32>
  )" + consumers + R"(
    tile.write %f to %y[%c0, %c0] : !tile.frag<64x48xf32>, memref<64x48xf32>
  )";
  return text;
}

/// Runs it and compares with x + times * a b, or x + times * a bt^T.
static void expectProduct(const std::string &consumers, bool transposed,
                          bool accumulated, double times) {
  TileKernel kernel(multiplication(consumers).str(), "f");
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  auto draw = [&](const Indices &) { return normal(random); };
  Buffer a({64, 32}, Element::BF16, draw), b({32, 48}, Element::BF16, draw),
      bt({48, 32}, Element::BF16, draw), x({64, 48}, Element::F32, draw),
      y({64, 48}, Element::F32);
  EXPECT_EQ(kernel.run({&a, &b, &bt, &x, &y}), 0);
  y.forEach([&](const Indices &at) {
    double sum = 0, size = 0;
    for (int64_t k = 0; k < 32; ++k) {
      double product = times * a.at({at[0], k}) *
                       (transposed ? bt.at({at[1], k}) : b.at({k, at[1]}));
      sum += product;
      size += std::abs(product);
    }
    if (accumulated) {
      sum += x.at(at);
      size += std::abs(x.at(at));
    }
    // At most two sums of 32 products, exact each.
    ASSERT_NEAR(y.at(at), sum, 66 * std::ldexp(size, -24));
  });
}

TEST(TileMma, SharedByShared) {
  expectProduct(R"(
    %p = tile.mma %ta, %tb : !tile.smem<64x32xbf16>, !tile.smem<32x48xbf16> -> !tile.pending<64x48xf32>
    %f = tile.await %p : !tile.pending<64x48xf32>
  )",
                false, false, 1);
}

TEST(TileMma, TransposedAndAccumulated) {
  expectProduct(R"(
    %p = tile.mma %ta, %tt transpose_b acc %fx : !tile.smem<64x32xbf16>, !tile.smem<48x32xbf16>, !tile.frag<64x48xf32> -> !tile.pending<64x48xf32>
    %f = tile.await %p : !tile.pending<64x48xf32>
  )",
                true, true, 1);
}

TEST(TileMma, AccumulatesToWhatIsUnderWay) {
  expectProduct(R"(
    %p = tile.mma %ta, %tb acc %fx : !tile.smem<64x32xbf16>, !tile.smem<32x48xbf16>, !tile.frag<64x48xf32> -> !tile.pending<64x48xf32>
    %q = scf.for %i = %c0 to %c1 step %c1 iter_args(%before = %p) -> (!tile.pending<64x48xf32>) {
      %next = tile.mma %ta, %tb acc %before : !tile.smem<64x32xbf16>, !tile.smem<32x48xbf16>, !tile.pending<64x48xf32> -> !tile.pending<64x48xf32>
      scf.yield %next : !tile.pending<64x48xf32>
    }
    %f = tile.await %q : !tile.pending<64x48xf32>
    tile.consumer_release %ra : !tile.ring<64x32xbf16, stages = 1>
  )",
                false, true, 2);
}

TEST(TileMma, FragmentByShared) {
  expectProduct(R"(
    %fa = tile.load_fragment %ta : !tile.smem<64x32xbf16> -> !tile.frag<64x32xbf16, a>
    %p = tile.mma %fa, %tb : !tile.frag<64x32xbf16, a>, !tile.smem<32x48xbf16> -> !tile.pending<64x48xf32>
    %r = tile.row_reduce sum %fx : !tile.frag<64x48xf32> -> !tile.rows<64xf32>
    %f = tile.await %p after %r : !tile.rows<64xf32>, !tile.pending<64x48xf32>
  )",
                false, false, 1);
}

// In bf16: the factor is rounded, then the product. A map reads the result.
TEST(TileScaleColumns, RoundsTwice) {
  KernelText text;
  text.arguments = "%x: memref<64x16xf32>, %c: memref<1x16xf32>";
  text.consumers = R"(
    %fx = tile.read %x[%c0, %c0] : memref<64x16xf32> -> !tile.frag<64x16xf32>
    %fc = tile.read %c[%c0, %c0] : memref<1x16xf32> -> !tile.cols<16xf32>
    %h = tile.cast %fx : !tile.frag<64x16xf32> -> !tile.frag<64x16xbf16, a>
    %s = tile.scale_columns %h by %fc : !tile.frag<64x16xbf16, a>, !tile.cols<16xf32>
    %y = tile.map (%a = %s) : (!tile.frag<64x16xbf16, a>) -> !tile.frag<64x16xf32> {
      %e = arith.extf %a : bf16 to f32
      tile.yield %e : f32
    }
    tile.write %y to %x[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
  )";
  TileKernel kernel(text.str(), "f");
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  auto draw = [&](const Indices &) { return normal(random); };
  Buffer x({64, 16}, Element::F32, draw), c({1, 16}, Element::F32, draw);
  Buffer before = x;
  EXPECT_EQ(kernel.run({&x, &c}), 0);
  x.forEach([&](const Indices &at) {
    float factor = roundToBF16(c.at({0, at[1]}));
    ASSERT_EQ(x.at(at), roundToBF16(roundToBF16(before.at(at)) * factor));
  });
}

// A product with the unit matrix shows what an operand holds.
TEST(TileCast, RoundsToNearestEven) {
  KernelText text;
  text.arguments = "%x: memref<64x16xf32>, %unit: memref<16x16xbf16>";
  text.shared = "%r = tile.ring : !tile.ring<16x16xbf16, stages = 1>\n";
  text.producer = "tile.load %unit[%c0, %c0] to %r : memref<16x16xbf16>, "
                  "!tile.ring<16x16xbf16, stages = 1>\n";
  text.consumers = R"(
    %t = tile.consumer_wait %r : !tile.ring<16x16xbf16, stages = 1>
    %fx = tile.read %x[%c0, %c0] : memref<64x16xf32> -> !tile.frag<64x16xf32>
    %h = tile.cast %fx : !tile.frag<64x16xf32> -> !tile.frag<64x16xbf16, a>
    %p = tile.mma %h, %t : !tile.frag<64x16xbf16, a>, !tile.smem<16x16xbf16> -> !tile.pending<64x16xf32>
    %f = tile.await %p : !tile.pending<64x16xf32>
    tile.write %f to %x[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
  )";
  TileKernel kernel(text.str(), "f");
  Buffer unit({16, 16}, Element::BF16,
              [](const Indices &at) { return at[0] == at[1]; });
  // Halfway between two bf16 numbers, and next to it on both sides.
  auto value = [](const Indices &at) {
    return std::ldexp(1 + (2 * at[0] + 1) * std::ldexp(1.0, -8) +
                          double(at[1] % 3 - 1) * std::ldexp(1.0, -23),
                      int(at[1]) - 8) *
           (at[1] % 2 ? -1 : 1);
  };
  Buffer x({64, 16}, Element::F32, value);
  EXPECT_EQ(kernel.run({&x, &unit}), 0);
  x.forEach([&](const Indices &at) {
    ASSERT_EQ(x.at(at), roundToBF16(value(at))) << at[0] << ", " << at[1];
  });
}
