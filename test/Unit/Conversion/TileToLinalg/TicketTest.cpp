//===- TicketTest.cpp - Items of work that blocks draw --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"
#include <gtest/gtest.h>

using namespace testing_tile;
using transmamba::TileFault;

using Indices = std::vector<int64_t>;

static double number(const Indices &at) { return at[0] % 7 + 1; }

/// Item i adds 16 rows of %in to the sums that item i - `behind` has left, and
/// leaves its own; item 0 starts. The rows come through a ring.
static std::string chain(const std::string &lookBack) {
  KernelText text;
  text.warpgroups = 2;
  text.arguments = "%in: memref<?x16xbf16>, %sums: memref<?x64x16xf32>, "
                   "%control: memref<?xi32>, %n: index";
  text.shared = R"(
    %r = tile.ring : !tile.ring<64x16xbf16, stages = 2>
    %work = tile.tickets %n from %control : memref<?xi32>
  )";
  text.producer = R"(
    tile.work_loop %item of %work {
      %row = arith.muli %item, %c64 : index
      tile.load %in[%row, %c0] to %r : memref<?x16xbf16>, !tile.ring<64x16xbf16, stages = 2>
    }
  )";
  // The second warpgroup computes, so that a flag before it is done is seen.
  text.consumers = R"(
    tile.work_loop %item of %work {
      %tile = tile.consumer_wait %r : !tile.ring<64x16xbf16, stages = 2>
      %second = arith.cmpi eq, %warpgroup, %c1 : index
      %before = arith.subi %item, %c1 : index
      %later = arith.addi %item, %c1 : index
      %any = arith.cmpi ugt, %item, %c0 : index
      scf.if %any {
)" + lookBack + R"(
      }
      scf.if %second {
        %a = tile.load_fragment %tile : !tile.smem<64x16xbf16> -> !tile.frag<64x16xbf16, a>
        %start = tile.fill %zero : f32 -> !tile.frag<64x16xf32>
        %old = scf.if %any -> (!tile.frag<64x16xf32>) {
          %read = tile.read %sums[%before, %c0, %c0] : memref<?x64x16xf32> -> !tile.frag<64x16xf32>
          scf.yield %read : !tile.frag<64x16xf32>
        } else {
          scf.yield %start : !tile.frag<64x16xf32>
        }
        %new = tile.map (%x = %old, %y = %a) : (!tile.frag<64x16xf32>, !tile.frag<64x16xbf16, a>) -> !tile.frag<64x16xf32> {
          %wide = arith.extf %y : bf16 to f32
          %sum = arith.addf %x, %wide : f32
          tile.yield %sum : f32
        }
        tile.write %new to %sums[%item, %c0, %c0] : !tile.frag<64x16xf32>, memref<?x64x16xf32>
      }
      tile.publish %item of %work
      tile.consumer_release %r : !tile.ring<64x16xbf16, stages = 2>
    }
  )";
  return text.str();
}

static const char kBefore[] =
    "tile.look_back %before count %c1 stride %c1 of %work";

TEST(Tickets, ItemsGoOnFromItemsBefore) {
  TileKernel kernel(chain(kBefore), "f");
  Buffer in({64 * 9, 16}, Element::BF16, number);
  // One control buffer for launches of different sizes.
  Buffer control({4 + 9}, Element::I32, 0);
  for (auto [items, blocks] : {std::pair(9l, 3l),
                               {1l, 1l},
                               {5l, 2l},
                               {9l, 9l},
                               {4l, 4l},
                               {0l, 1l},
                               {9l, 1l}}) {
    Buffer sums({items, 64, 16}, Element::F32, -1);
    ASSERT_EQ(kernel.run({&in, &sums, &control, items}, {blocks}), 0);
    sums.forEach([&](const Indices &at) {
      double expected = 0;
      for (int64_t item = 0; item <= at[0]; ++item)
        expected += number({64 * item + at[1]});
      ASSERT_EQ(sums.at(at), expected);
    });
    EXPECT_TRUE(sums.marginsAreWhole() && control.marginsAreWhole());
    EXPECT_EQ(control.at({0}), 0);
    EXPECT_EQ(control.at({1}), 0);
  }
  EXPECT_EQ(control.at({2}), 7) << "launches";
}

TEST(Tickets, WaitingForALaterItemIsAFault) {
  TileKernel kernel(
      chain("tile.look_back %later count %c1 stride %c1 of %work"), "f");
  Buffer in({64 * 3, 16}, Element::BF16, number);
  Buffer control({4 + 4}, Element::I32, 0), sums({3, 64, 16}, Element::F32, 0);
  // What an earlier launch has published does not count.
  for (int launch = 0; launch < 2; ++launch)
    EXPECT_EQ(kernel.run({&in, &sums, &control, 3l}),
              bit(TileFault::NotPublished));
}

TEST(Tickets, TheProducerMayNotWaitForALaterItem) {
  for (bool later : {false, true}) {
    KernelText text;
    text.arguments = "%control: memref<?xi32>, %n: index";
    text.shared = "%work = tile.tickets %n from %control : memref<?xi32>\n";
    text.producer =
        "tile.work_loop %item of %work {\n%own = arith.addi %item, %c" +
        std::to_string(later) +
        " : index\ntile.look_back %c0 count %own stride %c1 of %work\n}\n";
    text.consumers = "tile.work_loop %item of %work {\n"
                     "tile.publish %item of %work\n}\n";
    Buffer control({4 + 3}, Element::I32, 0);
    EXPECT_EQ(TileKernel(text.str(), "f").run({&control, 3l}),
              later ? bit(TileFault::NotPublished) : 0);
  }
}

//===----------------------------------------------------------------------===//
// Tiles of several boxes
//===----------------------------------------------------------------------===//

TEST(Boxes, StandOneBelowTheOther) {
  KernelText text;
  text.arguments = "%in: memref<?x48xbf16>, %out: memref<32x16xbf16>, "
                   "%a: index, %b: index";
  text.shared = "%r = tile.ring : !tile.ring<32x16xbf16, stages = 1>\n";
  text.producer = "tile.load %in[%a, %c0], [%b, %c16] to %r : "
                  "memref<?x48xbf16>, !tile.ring<32x16xbf16, stages = 1>\n";
  text.consumers = R"(
    %t = tile.consumer_wait %r : !tile.ring<32x16xbf16, stages = 1>
    tile.store %t to %out[%c0, %c0] : !tile.smem<32x16xbf16>, memref<32x16xbf16>
    tile.store_wait
    tile.consumer_release %r : !tile.ring<32x16xbf16, stages = 1>
  )";
  TileKernel kernel(text.str(), "f");
  Buffer in({40, 48}, Element::BF16,
            [](const Indices &at) { return at[0] * 3 + at[1] % 3 + 1; });
  for (int64_t first : {-8, 0, 16, 30})
    for (int64_t second : {-3, 8, 24, 37, 60}) {
      Buffer out({32, 16}, Element::BF16, -1);
      ASSERT_EQ(kernel.run({&in, &out, first, second}), 0);
      out.forEach([&](const Indices &at) {
        bool below = at[0] >= 16;
        int64_t row = below ? second + at[0] - 16 : first + at[0];
        double expected =
            row < 0 || row >= 40 ? 0 : in.at({row, at[1] + (below ? 16 : 0)});
        ASSERT_EQ(out.at(at), expected) << at[0] << ", " << at[1];
      });
    }
}
