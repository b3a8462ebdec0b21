//===- ArenaPlannerTest.cpp - Buffers share memory, never at once ---------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ArenaPlanner.h"

#include "gtest/gtest.h"

#include <random>

using namespace transmamba;
using package::Bindings;
using package::Expression;

static const Bindings maxima = {{"B", 8}, {"T", 512}};

static Expression perToken(int64_t bytes) {
  return Expression::mul(Expression::mul("B", "T"), bytes);
}

static unsigned add(ArenaPlanner &planner, Expression bytes, unsigned first,
                    unsigned last) {
  auto slot = planner.add(std::move(bytes), first, last);
  EXPECT_TRUE(static_cast<bool>(slot));
  return slot ? *slot : ~0u;
}

static int64_t at(const Expression &expression, const Bindings &bindings) {
  auto value = expression.evaluateSize(bindings);
  EXPECT_TRUE(static_cast<bool>(value)) << expression.str();
  return value ? *value : -1;
}

TEST(ArenaPlanner, NoBuffersNoMemory) {
  EXPECT_EQ(ArenaPlanner(maxima).size(), Expression(0));
}

TEST(ArenaPlanner, AFinishedBufferGivesItsMemory) {
  ArenaPlanner planner(maxima);
  EXPECT_EQ(add(planner, 256, 1, 2), 0u);
  EXPECT_EQ(add(planner, 256, 3, 4), 0u);
  EXPECT_EQ(planner.size(), Expression(256));
}

/// The command that reads one writes the other: both are alive in it.
TEST(ArenaPlanner, BuffersOfOneCommandAreApart) {
  ArenaPlanner planner(maxima);
  EXPECT_EQ(add(planner, 256, 1, 2), 0u);
  EXPECT_EQ(add(planner, 256, 2, 3), 1u);
  EXPECT_EQ(planner.offset(1), Expression(256));
  EXPECT_EQ(planner.size(), Expression(512));
}

TEST(ArenaPlanner, SlotsAreAligned) {
  ArenaPlanner planner(maxima);
  add(planner, 1, 1, 3);
  add(planner, Expression::mul("B", 4), 1, 3);
  add(planner, 65, 1, 3);
  EXPECT_EQ(planner.offset(0), Expression(0));
  EXPECT_EQ(planner.offset(1), Expression(64));
  for (int64_t batch = 1; batch <= 40; ++batch) {
    Bindings bindings = {{"B", batch}, {"T", 1}};
    int64_t second = (batch * 4 + 63) / 64 * 64;
    EXPECT_EQ(at(planner.offset(2), bindings), 64 + second);
    EXPECT_EQ(at(planner.size(), bindings), 64 + second + 128);
  }
}

/// Of the free slots the smallest that is large enough, else the largest.
TEST(ArenaPlanner, BestFit) {
  ArenaPlanner planner(maxima);
  EXPECT_EQ(add(planner, 1024, 1, 1), 0u);
  EXPECT_EQ(add(planner, 128, 1, 1), 1u);
  EXPECT_EQ(add(planner, 512, 1, 1), 2u);
  EXPECT_EQ(add(planner, 320, 2, 2), 2u);
  EXPECT_EQ(add(planner, 2048, 2, 2), 0u);
  EXPECT_EQ(at(planner.size(), maxima), 2048 + 128 + 512);
}

/// A slot is as large as the larger of two sizes, whichever that is.
TEST(ArenaPlanner, SizesThatNoMaximumOrders) {
  ArenaPlanner planner(maxima);
  EXPECT_EQ(add(planner, perToken(4), 1, 1), 0u);
  EXPECT_EQ(add(planner, 1000, 2, 2), 0u);
  EXPECT_EQ(at(planner.size(), {{"B", 1}, {"T", 1}}), 1024);
  EXPECT_EQ(at(planner.size(), maxima), 8 * 512 * 4);
}

TEST(ArenaPlanner, ASizeThatNoMachineHasIsRefused) {
  ArenaPlanner planner({{"B", int64_t(1) << 31}, {"T", int64_t(1) << 31}});
  auto slot = planner.add(perToken(4), 1, 1);
  ASSERT_FALSE(static_cast<bool>(slot));
  EXPECT_NE(slot.error().what().find("does not fit into 64 bits"),
            std::string::npos)
      << slot.error().what();
  EXPECT_FALSE(static_cast<bool>(
      planner.add(Expression::sub("B", Expression::mul("B", 2)), 1, 1)));
  EXPECT_FALSE(static_cast<bool>(planner.add("unknown", 1, 1)));
}

/// Whatever the lifetimes and the symbols: buffers that are alive at once do
/// not overlap, all lie inside the arena, and memory is shared.
TEST(ArenaPlanner, RandomPrograms) {
  std::mt19937 random(1);
  auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  const std::vector<Bindings> allBindings = {
      {{"B", 1}, {"T", 1}}, {{"B", 3}, {"T", 65}}, maxima};
  for (int program = 0; program < 200; ++program) {
    struct Buffer {
      Expression bytes;
      unsigned first, last, slot;
    };
    ArenaPlanner planner(maxima);
    std::vector<Buffer> buffers;
    unsigned now = 1;
    for (int i = 0; i < 24; ++i) {
      now += draw(0, 1);
      Expression bytes =
          draw(0, 2) ? perToken(draw(1, 300))
                     : Expression(draw(0, 1) ? draw(0, 9000) : draw(0, 90));
      unsigned last = now + draw(0, 4);
      buffers.push_back({bytes, now, last, add(planner, bytes, now, last)});
    }
    for (const Bindings &bindings : allBindings) {
      int64_t size = at(planner.size(), bindings), total = 0;
      for (const Buffer &a : buffers) {
        int64_t start = at(planner.offset(a.slot), bindings);
        int64_t end = start + at(a.bytes, bindings);
        total += end - start;
        EXPECT_EQ(start % 64, 0);
        EXPECT_LE(end, size);
        for (const Buffer &b : buffers) {
          bool together = a.first <= b.last && b.first <= a.last;
          if (&a == &b || !together)
            continue;
          int64_t other = at(planner.offset(b.slot), bindings);
          EXPECT_TRUE(end <= other || other + at(b.bytes, bindings) <= start)
              << "program " << program;
        }
      }
      if (&bindings == &allBindings.back())
        EXPECT_LT(size, total) << "program " << program;
    }
  }
}
