//===- RingTest.cpp - Rings, and what must not be done with them ----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace testing_tile;
using transmamba::TileFault;

using Indices = std::vector<int64_t>;

static const std::string kRing = "!tile.ring<16x16xbf16, stages = ";

/// A kernel that loads `loads` tiles of 16 rows from %in to a ring of `stages`.
static KernelText loading(int stages, int loads, const std::string &consumers) {
  KernelText text;
  std::string ring = kRing + std::to_string(stages) + ">";
  text.arguments = "%in: memref<?x16xbf16>, %out: memref<?x16xbf16>, "
                   "%y: memref<64x16xf32>";
  text.shared = "%n = arith.constant " + std::to_string(loads) +
                " : index\n%r = tile.ring : " + ring + R"(
    %own = tile.alloc : !tile.smem<64x16xbf16>
  )";
  text.producer = R"(
    scf.for %i = %c0 to %n step %c1 {
      %row = arith.muli %i, %c16 : index
      tile.load %in[%row, %c0] to %r : memref<?x16xbf16>, )" +
                  ring + "\n}\n";
  text.consumers = consumers;
  // WAIT and RELEASE stand for the operations on this ring.
  for (auto [name, operation] :
       {std::pair<std::string, std::string>("WAIT", "tile.consumer_wait"),
        {"RELEASE", "tile.consumer_release"}})
    for (size_t at; (at = text.consumers.find(name)) != std::string::npos;)
      text.consumers.replace(at, name.size(), operation + " %r : " + ring);
  return text;
}

namespace {
struct Outcome {
  int32_t faults;
  Buffer out, y;
};
} // namespace

static double number(const Indices &at) { return at[0] + 1; }

static Outcome run(const KernelText &text) {
  TileKernel kernel(text.str(), "f");
  Buffer in({256, 16}, Element::BF16, number);
  Outcome outcome{0, Buffer({256, 16}, Element::BF16, -1),
                  Buffer({64, 16}, Element::F32, -1)};
  outcome.faults = kernel.run({&in, &outcome.out, &outcome.y});
  EXPECT_TRUE(outcome.out.marginsAreWhole() && outcome.y.marginsAreWhole());
  return outcome;
}

/// Copies %t to the first rows of %out.
static const std::string kStore = R"(
  tile.store %t to %out[%c0, %c0] : !tile.smem<16x16xbf16>, memref<?x16xbf16>
  tile.store_wait
)";
/// Starts %own times %t.
static const std::string kMultiply = R"(
  %p = tile.mma %own, %t : !tile.smem<64x16xbf16>, !tile.smem<16x16xbf16> -> !tile.pending<64x16xf32>
)";
static const std::string kAwait =
    "%f = tile.await %p : !tile.pending<64x16xf32>\n";
static const std::string kFill =
    "%z = tile.fill %zero : f32 -> !tile.frag<64x16xf32>\n";
static const std::string kWriteOwn =
    "tile.store_fragment %z to %own : !tile.frag<64x16xf32>, "
    "!tile.smem<64x16xbf16>\n";

//===----------------------------------------------------------------------===//
// What is right
//===----------------------------------------------------------------------===//

// Every warpgroup sees every tile, in order, however often the ring goes round.
TEST(TileRing, GivesTilesInOrderToEachWarpgroup) {
  for (int stages : {1, 2, 3}) {
    KernelText text = loading(stages, 7, R"(
      %first = arith.muli %warpgroup, %c64 : index
      %first2 = arith.muli %first, %c2 : index
      scf.for %i = %c0 to %n step %c1 {
        %t = WAIT
        %row = arith.muli %i, %c16 : index
        %at = arith.addi %first2, %row : index
        tile.store %t to %out[%at, %c0] : !tile.smem<16x16xbf16>, memref<?x16xbf16>
        tile.store_wait
        RELEASE
      })");
    text.warpgroups = 2;
    Outcome outcome = run(text);
    EXPECT_EQ(outcome.faults, 0);
    outcome.out.forEach([&](const Indices &at) {
      double expected = at[0] % 128 < 112 ? at[0] % 128 + 1 : -1;
      ASSERT_EQ(outcome.out.at(at), expected) << at[0];
    });
  }
}

TEST(TileRing, IsFilledFromSeveralTensors) {
  KernelText text = loading(1, 1, R"(
    %n2 = arith.addi %n, %c1 : index
    scf.for %i = %c0 to %n2 step %c1 {
      %t = WAIT
      %at = arith.muli %i, %c16 : index
      tile.store %t to %out[%at, %c0] : !tile.smem<16x16xbf16>, memref<?x16xbf16>
      tile.store_wait
      RELEASE
    })");
  text.producer +=
      "tile.load %out[%c64, %c0] to %r : memref<?x16xbf16>, " + kRing + "1>\n";
  Outcome outcome = run(text);
  EXPECT_EQ(outcome.faults, 0);
  EXPECT_EQ(outcome.out.at({0, 0}), 1);
  EXPECT_EQ(outcome.out.at({15, 3}), 16);
  EXPECT_EQ(outcome.out.at({16, 0}), -1);
}

TEST(TileRing, MultiplicationsEndBeforeTheRelease) {
  for (std::string end : {"%f = tile.await %p : !tile.pending<64x16xf32>\n",
                          "tile.drain keep 0\n"}) {
    Outcome outcome =
        run(loading(1, 1, "%t = WAIT\n" + kMultiply + end + "RELEASE\n"));
    EXPECT_EQ(outcome.faults, 0) << end;
  }
}

// Each warpgroup adds its number to a tile that the other one reads.
TEST(TileBarrier, WarpgroupsMeet) {
  KernelText text;
  text.arguments = "%y: memref<128x16xf32>";
  text.warpgroups = 2;
  text.shared = "%all = tile.alloc : !tile.smem<128x16xbf16>\n"
                "%ru = tile.ring : !tile.ring<16x16xbf16, stages = 1>\n";
  text.arguments += ", %unit: memref<16x16xbf16>";
  text.producer = "tile.load %unit[%c0, %c0] to %ru : memref<16x16xbf16>, "
                  "!tile.ring<16x16xbf16, stages = 1>\n";
  text.consumers = R"(
    %c3 = arith.constant 3 : index
    %tu = tile.consumer_wait %ru : !tile.ring<16x16xbf16, stages = 1>
    %first = arith.muli %warpgroup, %c64 : index
    %other_number = arith.subi %c1, %warpgroup : index
    %other_first = arith.muli %other_number, %c64 : index
    %own = tile.row_slice %all[%first] : !tile.smem<128x16xbf16> -> !tile.smem<64x16xbf16>
    %other = tile.row_slice %all[%other_first] : !tile.smem<128x16xbf16> -> !tile.smem<64x16xbf16>
    %i32 = arith.index_cast %warpgroup : index to i32
    %number = arith.sitofp %i32 : i32 to f32
    %one = arith.constant 1.0 : f32
    %own_number = arith.addf %number, %one : f32
    %start = tile.fill %own_number : f32 -> !tile.frag<64x16xf32>
    // Three times: x = own number + the other's x.
    %x = scf.for %i = %c0 to %c3 step %c1 iter_args(%before = %start) -> (!tile.frag<64x16xf32>) {
      tile.store_fragment %before to %own : !tile.frag<64x16xf32>, !tile.smem<64x16xbf16>
      tile.barrier consumers
      %a = tile.load_fragment %other : !tile.smem<64x16xbf16> -> !tile.frag<64x16xbf16, a>
      %p = tile.mma %a, %tu acc %start : !tile.frag<64x16xbf16, a>, !tile.smem<16x16xbf16>, !tile.frag<64x16xf32> -> !tile.pending<64x16xf32>
      %f = tile.await %p : !tile.pending<64x16xf32>
      tile.barrier consumers
      scf.yield %f : !tile.frag<64x16xf32>
    }
    tile.write %x to %y[%first, %c0] : !tile.frag<64x16xf32>, memref<128x16xf32>
  )";
  TileKernel kernel(text.str(), "f");
  Buffer y({128, 16}, Element::F32),
      unit({16, 16}, Element::BF16,
           [](const Indices &at) { return at[0] == at[1]; });
  EXPECT_EQ(kernel.run({&y, &unit}), 0);
  // 1, 2 -> 3, 3 -> 4, 5 -> 6, 6
  y.forEach([&](const Indices &at) { ASSERT_EQ(y.at(at), 6); });
}

//===----------------------------------------------------------------------===//
// What is wrong
//===----------------------------------------------------------------------===//

TEST(TileFaults, ReadAfterRelease) {
  Outcome outcome = run(loading(2, 1, "%t = WAIT\nRELEASE\n" + kStore));
  EXPECT_EQ(outcome.faults, bit(TileFault::TileReleased));
  for (int64_t i = 0; i < 16; ++i)
    EXPECT_TRUE(std::isnan(outcome.out.at({i, i})));
}

TEST(TileFaults, MultipliesAfterRelease) {
  Outcome outcome = run(loading(2, 1,
                                "%t = WAIT\nRELEASE\n" + kFill + kWriteOwn +
                                    "tile.barrier\n" + kMultiply + kAwait + R"(
    tile.write %f to %y[%c0, %c0] : !tile.frag<64x16xf32>, memref<64x16xf32>
  )"));
  EXPECT_EQ(outcome.faults, bit(TileFault::TileReleased));
  outcome.y.forEach(
      [&](const Indices &at) { ASSERT_TRUE(std::isnan(outcome.y.at(at))); });
}

// The next tile lies in the place of the one before, so nothing is NaN.
TEST(TileFaults, ReadsTheTileAfter) {
  Outcome outcome =
      run(loading(1, 2, "%t = WAIT\nRELEASE\n%u = WAIT\n" + kStore));
  EXPECT_EQ(outcome.faults, bit(TileFault::TileReleased));
}

TEST(TileFaults, WaitWithoutLoad) {
  Outcome outcome =
      run(loading(2, 1, "%s = WAIT\nRELEASE\n%t = WAIT\n" + kStore));
  EXPECT_EQ(outcome.faults, bit(TileFault::WaitWithoutLoad));
  EXPECT_TRUE(std::isnan(outcome.out.at({0, 0})));
}

TEST(TileFaults, WaitWithoutProducer) {
  KernelText text = loading(2, 1, "%t = WAIT\n" + kStore);
  text.producer = "";
  Outcome outcome = run(text);
  EXPECT_EQ(outcome.faults, bit(TileFault::WaitWithoutLoad));
  EXPECT_TRUE(std::isnan(outcome.out.at({0, 0})));
}

TEST(TileFaults, DeadlockInOneRing) {
  Outcome outcome = run(loading(2, 3, "%s = WAIT\n%u = WAIT\n%t = WAIT\n"));
  EXPECT_EQ(outcome.faults, bit(TileFault::Deadlock));
  EXPECT_EQ(run(loading(3, 3, "%s = WAIT\n%u = WAIT\n%t = WAIT\n")).faults, 0);
}

// The producer waits for a tile of the first ring before it comes to the
// second.
TEST(TileFaults, DeadlockBetweenRings) {
  for (bool releasedBefore : {false, true}) {
    std::string wait =
        "%t = tile.consumer_wait %s : !tile.ring<16x16xbf16, stages = 1>\n";
    std::string first = "%a = WAIT\nRELEASE\n";
    KernelText text = loading(1, 2,
                              (releasedBefore ? first + wait : wait + first) +
                                  "%b = WAIT\nRELEASE\n" + kStore);
    text.shared += "%s = tile.ring : !tile.ring<16x16xbf16, stages = 1>\n";
    text.producer += "tile.load %in[%c64, %c0] to %s : memref<?x16xbf16>, "
                     "!tile.ring<16x16xbf16, stages = 1>\n";
    Outcome outcome = run(text);
    EXPECT_EQ(outcome.faults, releasedBefore ? 0 : bit(TileFault::Deadlock));
    if (releasedBefore)
      EXPECT_EQ(outcome.out.at({0, 0}), 65);
    else
      EXPECT_TRUE(std::isnan(outcome.out.at({0, 0})));
  }
}

// The second warpgroup waits for a tile, the first one at a barrier before it
// makes room.
TEST(TileFaults, DeadlockBetweenWarpgroups) {
  for (int stages : {1, 2}) {
    KernelText text = loading(stages, 2, R"(
      %second = arith.cmpi eq, %warpgroup, %c1 : index
      %first = arith.cmpi eq, %warpgroup, %c0 : index
      %s = WAIT
      scf.if %second {
        RELEASE
        %t = WAIT
      }
      tile.barrier consumers
      scf.if %first {
        RELEASE
        %t = WAIT
      })");
    text.warpgroups = 2;
    EXPECT_EQ(run(text).faults, stages == 1 ? bit(TileFault::Deadlock) : 0);
  }
}

TEST(TileFaults, EveryWarpgroupReleases) {
  KernelText text = loading(1, 2, R"(
    %s = WAIT
    %first = arith.cmpi eq, %warpgroup, %c0 : index
    scf.if %first {
      RELEASE
      %t = WAIT
    })");
  text.warpgroups = 2;
  EXPECT_EQ(run(text).faults,
            bit(TileFault::Deadlock) | bit(TileFault::TileNotTaken));
}

TEST(TileFaults, ReleaseWithoutTile) {
  EXPECT_EQ(run(loading(2, 1, "%t = WAIT\nRELEASE\nRELEASE\n")).faults,
            bit(TileFault::ReleaseWithoutTile));
}

TEST(TileFaults, ReleaseWhileAMultiplicationReads) {
  for (std::string end : {"", "tile.drain keep 1\n"})
    EXPECT_EQ(run(loading(1, 1, "%t = WAIT\n" + kMultiply + end + "RELEASE\n"))
                  .faults,
              bit(TileFault::TileInUse))
        << end;
}

TEST(TileFaults, WriteWhileAMultiplicationReads) {
  EXPECT_EQ(
      run(loading(1, 1, "%t = WAIT\n" + kMultiply + kFill + kWriteOwn)).faults,
      bit(TileFault::TileInUse));
}

TEST(TileFaults, ReleaseWhileAStoreReads) {
  std::string start = "tile.store %t to %out[%c0, %c0] : "
                      "!tile.smem<16x16xbf16>, memref<?x16xbf16>\n";
  EXPECT_EQ(
      run(loading(1, 1, "%t = WAIT\n" + start + "RELEASE\ntile.store_wait\n"))
          .faults,
      bit(TileFault::TileInUse));
}

TEST(TileFaults, ReadBeforeBarrier) {
  std::string write = "%t = WAIT\n" + kFill + kWriteOwn;
  EXPECT_EQ(run(loading(1, 1, write + kMultiply + kAwait)).faults,
            bit(TileFault::ReadBeforeBarrier));
  EXPECT_EQ(
      run(loading(1, 1, write + "tile.barrier\n" + kMultiply + kAwait)).faults,
      0);
  EXPECT_EQ(run(loading(1, 1,
                        write + "%a = tile.load_fragment %own : "
                                "!tile.smem<64x16xbf16> -> "
                                "!tile.frag<64x16xbf16, a>\n"))
                .faults,
            bit(TileFault::ReadBeforeBarrier));
}

TEST(TileFaults, StoreNotAwaited) {
  EXPECT_EQ(run(loading(1, 1, R"(%t = WAIT
    tile.store %t to %out[%c0, %c0] : !tile.smem<16x16xbf16>, memref<?x16xbf16>
  )"))
                .faults,
            bit(TileFault::StoreNotAwaited));
}

TEST(TileFaults, TileNotTaken) {
  EXPECT_EQ(run(loading(2, 2, "%t = WAIT\n" + kStore)).faults,
            bit(TileFault::TileNotTaken));
}

TEST(TileFaults, UnevenTurns) {
  std::string wait = "%t = WAIT\n";
  std::string turn = "tile.turn_wait\ntile.turn_pass\n";
  std::string onlyFirst = "%is = arith.cmpi eq, %warpgroup, %c0 : index\n"
                          "scf.if %is {\n" +
                          turn + "}\n";
  auto faults = [&](const std::string &consumers) {
    KernelText text = loading(1, 1, wait + consumers);
    text.warpgroups = 2;
    return run(text).faults;
  };
  EXPECT_EQ(faults(turn), 0);
  EXPECT_EQ(faults(onlyFirst), bit(TileFault::UnevenTurns));
  EXPECT_EQ(faults("tile.turn_wait\n"), bit(TileFault::UnevenTurns));
  // Different numbers of meetings.
  EXPECT_EQ(faults("scf.for %i = %c0 to %warpgroup step %c1 {\n"
                   "tile.barrier consumers\n}\n"),
            bit(TileFault::UnevenTurns));
}

TEST(TileFaults, SliceOutside) {
  auto faults = [](const std::string &offset) {
    return run(loading(
                   1, 1,
                   "%t = WAIT\n%o = arith.constant " + offset +
                       " : index\n%s = tile.row_slice %own[%o] : "
                       "!tile.smem<64x16xbf16> -> !tile.smem<16x16xbf16>\n" +
                       "tile.store %s to %out[%c0, %c0] : "
                       "!tile.smem<16x16xbf16>, memref<?x16xbf16>\n"
                       "tile.store_wait\n"))
        .faults;
  };
  EXPECT_EQ(faults("48"), 0);
  EXPECT_EQ(faults("56"), bit(TileFault::SliceOutside));
  EXPECT_EQ(faults("-8"), bit(TileFault::SliceOutside));
  EXPECT_EQ(faults("4"), bit(TileFault::SliceOutside));
}
