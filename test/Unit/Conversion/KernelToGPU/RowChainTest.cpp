//===- RowChainTest.cpp - Rows over teams of threads ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Normalisations of rows of many lengths run on the emulator: whatever the
// length, the result is that of plain loops, and a row has the same bits
// wherever it stands.
//
//===----------------------------------------------------------------------===//

#include "EmulatedKernel.h"

#include "llvm/Support/FormatVariadic.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace transmamba::test;
using testing::IsEmpty;

/// The sum of squares of a row, its scale, the row scaled; tiles of 4 rows, of
/// which the last is ragged. {0}: columns, {1}: the output.
static constexpr llvm::StringLiteral kNorm = R"(
func.func private @norm(%x: index, %y: index, %z: index, %pi: memref<f32>, %pw: memref<f32>,
    %po: memref<f32>, %T: index) attributes {{transmamba.kernel} {{
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %width = arith.constant {0}.0 : f32
  %in = memref.reinterpret_cast %pi to offset: [0], sizes: [%T, {0}], strides: [{0}, 1] : memref<f32> to memref<?x{0}xf32>
  %w = memref.reinterpret_cast %pw to offset: [0], sizes: [{0}], strides: [1] : memref<f32> to memref<{0}xf32>
  %out = memref.reinterpret_cast {1} to offset: [0], sizes: [%T, {0}], strides: [{0}, 1] : memref<f32> to memref<?x{0}xf32>
  %t = arith.muli %x, %c4 : index
  %left = arith.subi %T, %t : index
  %n = arith.minsi %left, %c4 : index
  %iv = memref.subview %in[%t, 0] [%n, {0}] [1, 1] : memref<?x{0}xf32> to memref<?x{0}xf32, strided<[{0}, 1], offset: ?>>
  %sums = memref.alloca() : memref<4xf32>
  %sum = memref.reinterpret_cast %sums to offset: [0], sizes: [%n], strides: [1] : memref<4xf32> to memref<?xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<?xf32>)
  linalg.generic {{indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>], iterator_types = ["parallel", "reduction"]}
      ins(%iv : memref<?x{0}xf32, strided<[{0}, 1], offset: ?>>) outs(%sum : memref<?xf32>) {{
  ^bb0(%a: f32, %acc: f32):
    %square = arith.mulf %a, %a : f32
    %r = arith.addf %acc, %square : f32
    linalg.yield %r : f32
  }
  linalg.generic {{indexing_maps = [affine_map<(m) -> (m)>], iterator_types = ["parallel"]} outs(%sum : memref<?xf32>) {{
  ^bb0(%s: f32):
    %mean = arith.divf %s, %width : f32
    %safe = arith.addf %mean, %eps : f32
    %r = math.rsqrt %safe : f32
    linalg.yield %r : f32
  }
  %ov = {2}
  linalg.generic {{indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>, affine_map<(m, k) -> (k)>, affine_map<(m, k) -> (m, k)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%iv, %sum, %w : memref<?x{0}xf32, strided<[{0}, 1], offset: ?>>, memref<?xf32>, memref<{0}xf32>)
      outs(%ov : memref<?x{0}xf32, strided<[{0}, 1], offset: ?>>) {{
  ^bb0(%a: f32, %s: f32, %b: f32, %o: f32):
    %scaled = arith.mulf %a, %s : f32
    %r = arith.mulf %scaled, %b : f32
    linalg.yield %r : f32
  }
  return
})";

static std::string normText(int64_t columns, bool inPlace) {
  std::string view =
      inPlace
          ? llvm::formatv(
                "memref.cast %iv : memref<?x{0}xf32, strided<[{0}, 1], offset: "
                "?>> to memref<?x{0}xf32, strided<[{0}, 1], offset: ?>>",
                columns)
          : llvm::formatv(
                "memref.subview %out[%t, 0] [%n, {0}] [1, 1] : "
                "memref<?x{0}xf32> to memref<?x{0}xf32, strided<[{0}, 1], "
                "offset: ?>>",
                columns);
  std::string text = llvm::formatv(kNorm.data(), columns, "%po", view);
  if (inPlace) {
    // The very view that is read.
    size_t cast = text.find("  %ov = ");
    text.erase(cast, text.find('\n', cast) - cast);
    for (size_t at; (at = text.find("%ov")) != std::string::npos;)
      text.replace(at, 3, "%iv");
  }
  return text;
}

static std::vector<float> randomFloats(size_t count) {
  std::mt19937 engine(5);
  std::normal_distribution<float> distribution;
  std::vector<float> values(count);
  for (float &value : values)
    value = distribution(engine);
  return values;
}

static bool isOneChain(llvm::StringRef text) {
  EmulatedKernel kernel = EmulatedKernel::fromKernelFunction(text);
  // Where rows stay in registers nothing goes through shared memory.
  return kernel.count<mlir::gpu::BarrierOp>() == 0;
}

namespace {
class RowChain : public testing::TestWithParam<int64_t> {};
} // namespace

// Less than a vector, odd, half a team, three quarters of the last slot, and
// more than a thread keeps in registers.
INSTANTIATE_TEST_SUITE_P(Columns, RowChain,
                         testing::Values(1, 3, 4, 7, 48, 128, 132, 384, 1536,
                                         1537, 2048, 2050, 4096));

TEST_P(RowChain, NormalisesRows) {
  int64_t columns = GetParam();
  for (bool inPlace : {false, true}) {
    EmulatedKernel kernel =
        EmulatedKernel::fromKernelFunction(normText(columns, inPlace));
    ASSERT_TRUE(kernel);
    for (int64_t rows : {0, 1, 4, 7}) {
      std::vector<float> input = randomFloats(rows * columns);
      std::vector<float> weights = randomFloats(columns);
      Memory in = Memory::of("in", input), weight = Memory::of("w", weights);
      Memory out("out", input.size() * sizeof(float), false);
      EXPECT_THAT(
          kernel.launch({(rows + 3) / 4, 1, 1}, {&in, &weight, &out, rows}),
          IsEmpty())
          << rows;
      std::vector<float> actual = (inPlace ? in : out).as<float>();
      for (int64_t row = 0; row < rows; ++row) {
        const float *x = &input[row * columns];
        double sum = 0;
        for (int64_t i = 0; i < columns; ++i)
          sum += static_cast<double>(x[i]) * x[i];
        double scale = 1 / std::sqrt(sum / columns + 1e-5);
        for (int64_t i = 0; i < columns; ++i)
          ASSERT_NEAR(actual[row * columns + i], x[i] * scale * weights[i],
                      2e-5)
              << "row " << row << " of " << rows << ", column " << i;
      }
    }
  }
}

TEST_P(RowChain, ARowHasTheSameBitsEverywhere) {
  int64_t columns = GetParam(), rows = 6;
  EmulatedKernel kernel =
      EmulatedKernel::fromKernelFunction(normText(columns, false));
  std::vector<float> row = randomFloats(columns), input;
  for (int64_t i = 0; i < rows; ++i)
    input.insert(input.end(), row.begin(), row.end());
  Memory in = Memory::of("in", input), weight = Memory::of("w", row);
  Memory out("out", input.size() * sizeof(float), false);
  EXPECT_THAT(kernel.launch({2, 1, 1}, {&in, &weight, &out, rows}), IsEmpty());
  std::vector<float> actual = out.as<float>();
  for (int64_t i = columns; i < rows * columns; ++i)
    ASSERT_EQ(actual[i], actual[i % columns]) << i;
}

TEST(RowChains, AreFoundWhereARowFitsIntoRegisters) {
  EXPECT_TRUE(isOneChain(normText(1536, false)));
  EXPECT_TRUE(isOneChain(normText(2048, true)));
  EXPECT_TRUE(isOneChain(normText(1537, false)));
  EXPECT_FALSE(isOneChain(normText(2052, false)));
}
