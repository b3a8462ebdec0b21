//===- MemoryTest.cpp - Tiles and registers from and to tensors -----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace testing_tile;

using Indices = std::vector<int64_t>;

/// Every element is another number, none of them 0, and all of them bf16.
static double number(const Indices &at) {
  double value = 1;
  for (int64_t index : at)
    value = value * 13 + double(index);
  return std::fmod(value, 251) + 1;
}

/// What a box of `source` at `start` holds: zeros beyond the bounds.
static double clipped(const Buffer &source, Indices at, const Indices &start) {
  for (size_t dim = 0; dim < at.size(); ++dim) {
    at[dim] += start[dim];
    if (at[dim] < 0 || at[dim] >= source.sizes()[dim])
      return 0;
  }
  return source.at(at);
}

/// Starts around the edges of a tensor of 3 x 40 x 48 for a box of 16 x 32.
static std::vector<Indices> edges() {
  std::vector<Indices> starts;
  for (int64_t outer : {-1, 0, 2, 3})
    for (int64_t row : {-20, -16, -5, 0, 8, 24, 30, 39, 40, 1000})
      for (int64_t column : {-40, -31, -8, 0, 16, 40, 48})
        starts.push_back({outer, row, column});
  return starts;
}

//===----------------------------------------------------------------------===//
// Bulk copies
//===----------------------------------------------------------------------===//

static std::string copyText(const std::string &type) {
  KernelText text;
  text.arguments = "%in: memref<?x?x48x" + type + ">, %out: memref<?x?x48x" +
                   type +
                   ">, %i0: index, %i1: index, %i2: index, %o0: index, "
                   "%o1: index, %o2: index";
  std::string ring = "!tile.ring<16x32x" + type + ", stages = 1>";
  text.shared = "%r = tile.ring : " + ring + "\n";
  text.producer = "tile.load %in[%i0, %i1, %i2] to %r : memref<?x?x48x" + type +
                  ">, " + ring + "\n";
  text.consumers =
      "%t = tile.consumer_wait %r : " + ring +
      "\ntile.store %t to %out[%o0, %o1, %o2] : !tile.smem<16x32x" + type +
      ">, memref<?x?x48x" + type + ">\ntile.store_wait\n";
  return text.str();
}

class TileCopy : public testing::TestWithParam<Element> {
protected:
  TileCopy()
      : kernel(copyText(GetParam() == Element::BF16 ? "bf16" : "f32"), "f"),
        in({3, 40, 48}, GetParam(), number) {}

  TileKernel kernel;
  Buffer in;
};

TEST_P(TileCopy, LoadsZerosBeyondTheBounds) {
  for (const Indices &start : edges()) {
    Buffer out({1, 16, 48}, GetParam(), -1);
    ASSERT_EQ(kernel.run({&in, &out, start[0], start[1], start[2], 0l, 0l, 0l}),
              0);
    out.forEach([&](const Indices &at) {
      double expected = at[2] < 32 ? clipped(in, at, start) : -1;
      ASSERT_EQ(out.at(at), expected)
          << start[0] << ", " << start[1] << ", " << start[2] << " at " << at[1]
          << ", " << at[2];
    });
    ASSERT_TRUE(out.marginsAreWhole());
  }
}

TEST_P(TileCopy, StoresNothingBeyondTheBounds) {
  for (const Indices &start : edges()) {
    Buffer out({3, 40, 48}, GetParam(), -1);
    ASSERT_EQ(kernel.run({&in, &out, 1l, 8l, 8l, start[0], start[1], start[2]}),
              0);
    out.forEach([&](const Indices &at) {
      int64_t row = at[1] - start[1], column = at[2] - start[2];
      bool inside = at[0] == start[0] && row >= 0 && row < 16 && column >= 0 &&
                    column < 32;
      ASSERT_EQ(out.at(at), inside ? in.at({1, 8 + row, 8 + column}) : -1);
    });
    ASSERT_TRUE(out.marginsAreWhole());
  }
}

INSTANTIATE_TEST_SUITE_P(, TileCopy,
                         testing::Values(Element::F32, Element::BF16));

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

static std::string registersText(const std::string &type,
                                 const std::string &value) {
  KernelText text;
  std::string tensor = "memref<?x?x48x" + type + ">";
  text.arguments = "%in: " + tensor + ", %out: " + tensor +
                   ", %i0: index, %i1: index, %i2: index, %o0: index, "
                   "%o1: index, %o2: index";
  text.consumers = "%v = tile.read %in[%i0, %i1, %i2] : " + tensor + " -> " +
                   value + "\ntile.write %v to %out[%o0, %o1, %o2] : " + value +
                   ", " + tensor + "\n";
  return text.str();
}

/// Reads from each edge to the corner of a tensor, and writes from a corner to
/// each edge.
static void checkRegisters(Element element, const std::string &value,
                           int64_t rows, int64_t columns) {
  TileKernel kernel(
      registersText(element == Element::BF16 ? "bf16" : "f32", value), "f");
  Buffer in({3, 40, 48}, element, number);
  for (const Indices &start : edges()) {
    Buffer read({1, 64, 48}, element, -1);
    ASSERT_EQ(
        kernel.run({&in, &read, start[0], start[1], start[2], 0l, 0l, 0l}), 0);
    read.forEach([&](const Indices &at) {
      bool part = at[1] < rows && at[2] < columns;
      ASSERT_EQ(read.at(at), part ? clipped(in, at, start) : -1)
          << value << " read at " << start[0] << ", " << start[1] << ", "
          << start[2];
    });
    Buffer written({3, 40, 48}, element, -1);
    ASSERT_EQ(
        kernel.run({&in, &written, 1l, 0l, 0l, start[0], start[1], start[2]}),
        0);
    written.forEach([&](const Indices &at) {
      int64_t row = at[1] - start[1], column = at[2] - start[2];
      bool part = at[0] == start[0] && row >= 0 && row < rows && column >= 0 &&
                  column < columns;
      ASSERT_EQ(written.at(at),
                part ? clipped(in, {0, row, column}, {1, 0, 0}) : -1)
          << value << " written at " << start[0] << ", " << start[1] << ", "
          << start[2];
    });
    ASSERT_TRUE(read.marginsAreWhole() && written.marginsAreWhole());
  }
}

TEST(TileReadAndWrite, ClipFragments) {
  checkRegisters(Element::F32, "!tile.frag<64x32xf32>", 64, 32);
  checkRegisters(Element::BF16, "!tile.frag<64x32xf32>", 64, 32);
}

TEST(TileReadAndWrite, ClipRows) {
  checkRegisters(Element::F32, "!tile.rows<64xf32>", 64, 1);
  checkRegisters(Element::BF16, "!tile.rows<64xf32>", 64, 1);
}

TEST(TileReadAndWrite, ClipVectors) {
  checkRegisters(Element::F32, "!tile.vec<32xf32>", 32, 1);
}

TEST(TileReadAndWrite, ClipColumns) {
  checkRegisters(Element::F32, "!tile.cols<32xf32>", 1, 32);
  checkRegisters(Element::BF16, "!tile.cols<32xf32>", 1, 32);
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// NaN before, zeros after, whatever the first row.
TEST(TileClearRows, TakesRowsBeyondTheTile) {
  KernelText text;
  text.arguments = "%x: memref<16x32xbf16>, %y: memref<16x32xbf16>, %n: index";
  text.shared = "%r = tile.ring : !tile.ring<16x32xbf16, stages = 1>\n";
  text.producer = "tile.load %x[%c0, %c0] to %r : memref<16x32xbf16>, "
                  "!tile.ring<16x32xbf16, stages = 1>\n";
  text.consumers = R"(
    %t = tile.consumer_wait %r : !tile.ring<16x32xbf16, stages = 1>
    tile.clear_rows %t from %n : !tile.smem<16x32xbf16>
    tile.store %t to %y[%c0, %c0] : !tile.smem<16x32xbf16>, memref<16x32xbf16>
    tile.store_wait
  )";
  TileKernel kernel(text.str(), "f");
  for (int64_t first : {-100, -1, 0, 1, 7, 15, 16, 1000}) {
    Buffer x({16, 32}, Element::BF16,
             [&](const Indices &at) {
               return at[0] < first ? number(at) : std::nan("");
             }),
        y({16, 32}, Element::BF16, -1);
    ASSERT_EQ(kernel.run({&x, &y, first}), 0);
    y.forEach([&](const Indices &at) {
      ASSERT_EQ(y.at(at), at[0] < first ? number(at) : 0) << first;
    });
  }
}

TEST(TileStoreFragment, RoundsAndSlices) {
  KernelText text;
  text.arguments = "%x: memref<64x16xf32>, %y: memref<128x16xbf16>";
  text.shared = "%t = tile.alloc : !tile.smem<128x16xbf16>\n";
  text.consumers = R"(
    %f = tile.read %x[%c0, %c0] : memref<64x16xf32> -> !tile.frag<64x16xf32>
    %own = tile.row_slice %t[%c64] : !tile.smem<128x16xbf16> -> !tile.smem<64x16xbf16>
    tile.store_fragment %f to %own : !tile.frag<64x16xf32>, !tile.smem<64x16xbf16>
    tile.store %t to %y[%c0, %c0] : !tile.smem<128x16xbf16>, memref<128x16xbf16>
    tile.store_wait
  )";
  TileKernel kernel(text.str(), "f");
  Buffer x({64, 16}, Element::F32,
           [](const Indices &at) {
             return 1 + std::ldexp(2.0 * at[0] + 1, -8) +
                    std::ldexp(double(at[1] % 3 - 1), -23);
           }),
      y({128, 16}, Element::BF16);
  EXPECT_EQ(kernel.run({&x, &y}), 0);
  y.forEach([&](const Indices &at) {
    // Nobody wrote the first half.
    if (at[0] < 64)
      ASSERT_TRUE(std::isnan(y.at(at)));
    else
      ASSERT_EQ(y.at(at), roundToBF16(x.at({at[0] - 64, at[1]})));
  });
}

// The operand, times a unit matrix.
TEST(TileLoadFragment, PlainAndTransposed) {
  for (bool transpose : {false, true}) {
    std::string shape = transpose ? "16x64xbf16" : "64x16xbf16";
    std::string ring = "!tile.ring<" + shape + ", stages = 1>";
    KernelText text;
    text.arguments = "%x: memref<" + shape +
                     ">, %unit: memref<16x16xbf16>, %y: memref<64x16xf32>";
    text.shared = "%rx = tile.ring : " + ring +
                  "\n%ru = tile.ring : !tile.ring<16x16xbf16, stages = 1>\n";
    text.producer = "tile.load %x[%c0, %c0] to %rx : memref<" + shape + ">, " +
                    ring +
                    "\ntile.load %unit[%c0, %c0] to %ru : memref<16x16xbf16>, "
                    "!tile.ring<16x16xbf16, stages = 1>\n";
    text.consumers = "%tx = tile.consumer_wait %rx : " + ring +
                     "\n%a = tile.load_fragment " +
                     (transpose ? "transpose " : "") + "%tx : !tile.smem<" +
                     shape + "> -> !tile.frag<64x16xbf16, a>\n" + R"(
      %tu = tile.consumer_wait %ru : !tile.ring<16x16xbf16, stages = 1>
      %p = tile.mma %a, %tu : !tile.frag<64x16xbf16, a>, !tile.smem<16x16xbf16> -> !tile.pending<64x16xf32>
      %f = tile.await %p : !tile.pending<64x16xf32>
      tile.write %f to %y[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
    )";
    TileKernel kernel(text.str(), "f");
    Indices sizes = transpose ? Indices{16, 64} : Indices{64, 16};
    Buffer x(sizes, Element::BF16, number),
        unit({16, 16}, Element::BF16,
             [](const Indices &at) { return at[0] == at[1]; }),
        y({64, 16}, Element::F32);
    EXPECT_EQ(kernel.run({&x, &unit, &y}), 0);
    y.forEach([&](const Indices &at) {
      ASSERT_EQ(y.at(at), x.at(transpose ? Indices{at[1], at[0]} : at));
    });
  }
}

// Rows that the tile does not have are nobody's, and are not written.
TEST(TileLoadFragment, RoundsRowsUp) {
  KernelText text;
  text.arguments =
      "%x: memref<48x16xbf16>, %y: memref<64x16xf32>, %z: memref<64x16xbf16>";
  text.shared = "%r = tile.ring : !tile.ring<48x16xbf16, stages = 1>\n"
                "%t = tile.alloc : !tile.smem<64x16xbf16>\n";
  text.producer = "tile.load %x[%c0, %c0] to %r : memref<48x16xbf16>, "
                  "!tile.ring<48x16xbf16, stages = 1>\n";
  text.consumers = R"(
    %tx = tile.consumer_wait %r : !tile.ring<48x16xbf16, stages = 1>
    %a = tile.load_fragment %tx : !tile.smem<48x16xbf16> -> !tile.frag<64x16xbf16, a>
    %f = tile.map (%e = %a) : (!tile.frag<64x16xbf16, a>) -> !tile.frag<64x16xf32> {
      %w = arith.extf %e : bf16 to f32
      tile.yield %w : f32
    }
    tile.write %f to %y[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
    %one = arith.constant 1.0 : f32
    %ones = tile.fill %one : f32 -> !tile.frag<64x16xf32>
    %first = tile.row_slice %t[%c0] : !tile.smem<64x16xbf16> -> !tile.smem<48x16xbf16>
    tile.store_fragment %ones to %first : !tile.frag<64x16xf32>, !tile.smem<48x16xbf16>
    tile.store %t to %z[%c0, %c0] : !tile.smem<64x16xbf16>, memref<64x16xbf16>
    tile.store_wait
  )";
  TileKernel kernel(text.str(), "f");
  Buffer x({48, 16}, Element::BF16, number), y({64, 16}, Element::F32),
      z({64, 16}, Element::BF16);
  EXPECT_EQ(kernel.run({&x, &y, &z}), 0);
  y.forEach([&](const Indices &at) {
    if (at[0] < 48) {
      ASSERT_EQ(y.at(at), x.at(at));
      ASSERT_EQ(z.at(at), 1);
    } else {
      ASSERT_TRUE(std::isnan(y.at(at)));
      ASSERT_TRUE(std::isnan(z.at(at)));
    }
  });
}

// What was read stays as it was.
TEST(TileReadAndWrite, LaterWritesDoNotReachRegisters) {
  KernelText text;
  text.arguments = "%x: memref<64x16xf32>, %y: memref<64x16xf32>";
  text.shared = "%t = tile.alloc : !tile.smem<64x16xbf16>\n";
  text.consumers = R"(
    %f = tile.read %x[%c0, %c0] : memref<64x16xf32> -> !tile.frag<64x16xf32>
    %z = tile.fill %zero : f32 -> !tile.frag<64x16xf32>
    tile.write %z to %x[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
    tile.write %f to %y[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
    tile.store_fragment %f to %t : !tile.frag<64x16xf32>, !tile.smem<64x16xbf16>
    tile.barrier
    %a = tile.load_fragment %t : !tile.smem<64x16xbf16> -> !tile.frag<64x16xbf16, a>
    tile.store_fragment %z to %t : !tile.frag<64x16xf32>, !tile.smem<64x16xbf16>
    %g = tile.map (%e = %a) : (!tile.frag<64x16xbf16, a>) -> !tile.frag<64x16xf32> {
      %w = arith.extf %e : bf16 to f32
      tile.yield %w : f32
    }
    tile.write %g to %x[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
  )";
  TileKernel kernel(text.str(), "f");
  Buffer x({64, 16}, Element::F32, number), y({64, 16}, Element::F32);
  EXPECT_EQ(kernel.run({&x, &y}), 0);
  x.forEach([&](const Indices &at) {
    ASSERT_EQ(x.at(at), number(at));
    ASSERT_EQ(y.at(at), number(at));
  });
}
