//===- VectorTest.cpp - Vectors of neighbouring elements ------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Pointwise ops whose threads move vectors, run on the emulator, which knows
// what is aligned.
//
//===----------------------------------------------------------------------===//

#include "EmulatedKernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <random>

using namespace transmamba::test;
using testing::IsEmpty;

/// Small integers: every sum and product of the tests is exact.
static std::vector<float> smallIntegers(size_t count) {
  std::mt19937 engine(3);
  std::uniform_int_distribution<int> distribution(-9, 9);
  std::vector<float> values(count);
  for (float &value : values)
    value = distribution(engine);
  return values;
}

/// What a block of a convolution does: each tap reads its own rows, which are
/// mostly those of another tap too; several rows of a thread share the weights.
static constexpr llvm::StringLiteral kTaps = R"(
func.func private @taps(%x: index, %y: index, %z: index, %pi: memref<f32>, %pw: memref<f32>, %po: memref<f32>, %n: index)
    attributes {transmamba.kernel} {
  %c32 = arith.constant 32 : index
  %c1 = arith.constant 1 : index
  %rows = arith.addi %n, %c1 : index
  %in = memref.reinterpret_cast %pi to offset: [0], sizes: [%rows, 128], strides: [128, 1] : memref<f32> to memref<?x128xf32>
  %w = memref.reinterpret_cast %pw to offset: [0], sizes: [2, 128], strides: [128, 1] : memref<f32> to memref<2x128xf32>
  %out = memref.reinterpret_cast %po to offset: [0], sizes: [%n, 128], strides: [128, 1] : memref<f32> to memref<?x128xf32>
  %t = arith.muli %x, %c32 : index
  %t1 = arith.addi %t, %c1 : index
  %i0 = memref.subview %in[%t, 0] [32, 128] [1, 1] : memref<?x128xf32> to memref<32x128xf32, strided<[128, 1], offset: ?>>
  %i1 = memref.subview %in[%t1, 0] [32, 128] [1, 1] : memref<?x128xf32> to memref<32x128xf32, strided<[128, 1], offset: ?>>
  %w0 = memref.subview %w[0, 0] [1, 128] [1, 1] : memref<2x128xf32> to memref<128xf32, strided<[1]>>
  %w1 = memref.subview %w[1, 0] [1, 128] [1, 1] : memref<2x128xf32> to memref<128xf32, strided<[1], offset: 128>>
  %o = memref.subview %out[%t, 0] [32, 128] [1, 1] : memref<?x128xf32> to memref<32x128xf32, strided<[128, 1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>,
                                   affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%i0, %w0, %i1, %w1 : memref<32x128xf32, strided<[128, 1], offset: ?>>, memref<128xf32, strided<[1]>>,
          memref<32x128xf32, strided<[128, 1], offset: ?>>, memref<128xf32, strided<[1], offset: 128>>)
      outs(%o : memref<32x128xf32, strided<[128, 1], offset: ?>>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %d: f32, %e: f32):
    %f = arith.mulf %a, %b : f32
    %g = arith.mulf %c, %d : f32
    %h = arith.addf %f, %g : f32
    %row = linalg.index 0 : index
    %column = linalg.index 1 : index
    %sum = arith.addi %row, %column : index
    %i = arith.index_cast %sum : index to i32
    %k = arith.sitofp %i : i32 to f32
    %r = arith.addf %h, %k : f32
    linalg.yield %r : f32
  }
  return
})";

TEST(Vectors, SeveralRowsShareWeights) {
  constexpr int64_t kRows = 64, kColumns = 128;
  for (int64_t blockSize : {0, 32, 256}) {
    EmulatedKernel kernel =
        EmulatedKernel::fromKernelFunction(kTaps, blockSize);
    ASSERT_TRUE(kernel);
    // 16 rows and the one after them, each once, and two weights.
    EXPECT_EQ(kernel.count<mlir::vector::LoadOp>(), 19u);
    std::vector<float> input = smallIntegers((kRows + 1) * kColumns);
    std::vector<float> weights = smallIntegers(2 * kColumns);
    Memory in = Memory::of("in", input), w = Memory::of("w", weights);
    Memory out("out", kRows * kColumns * sizeof(float), false);
    EXPECT_THAT(kernel.launch({kRows / 32, 1, 1}, {&in, &w, &out, kRows}),
                IsEmpty());
    std::vector<float> actual = out.as<float>();
    for (int64_t i = 0; i < kRows; ++i)
      for (int64_t j = 0; j < kColumns; ++j)
        ASSERT_EQ(actual[i * kColumns + j],
                  input[i * kColumns + j] * weights[j] +
                      input[(i + 1) * kColumns + j] * weights[kColumns + j] +
                      (i % 32) + j)
            << i << ", " << j;
  }
}

/// Columns [first, first + 120) of rows of 128 bf16, as f32.
static std::string columnsText(int64_t first) {
  std::string text = R"(
func.func private @columns(%x: index, %y: index, %z: index, %pi: memref<bf16>, %po: memref<f32>, %n: index) attributes {transmamba.kernel} {
  %in = memref.reinterpret_cast %pi to offset: [0], sizes: [%n, 128], strides: [128, 1] : memref<bf16> to memref<?x128xbf16>
  %part = memref.subview %in[0, FIRST] [%n, 120] [1, 1] : memref<?x128xbf16> to memref<?x120xbf16, strided<[128, 1], offset: FIRST>>
  %out = memref.reinterpret_cast %po to offset: [0], sizes: [%n, 120], strides: [120, 1] : memref<f32> to memref<?x120xf32>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%part : memref<?x120xbf16, strided<[128, 1], offset: FIRST>>) outs(%out : memref<?x120xf32>) {
  ^bb0(%a: bf16, %b: f32):
    %f = arith.extf %a : bf16 to f32
    linalg.yield %f : f32
  }
  return
})";
  for (size_t at; (at = text.find("FIRST")) != std::string::npos;)
    text.replace(at, 5, std::to_string(first));
  return text;
}

TEST(Vectors, AreAsWideAsIsAligned) {
  const std::pair<int64_t, int64_t> widths[] = {{0, 8}, {8, 8}, {4, 4}, {2, 2},
                                                {6, 2}, {1, 1}, {7, 1}};
  for (auto [first, width] : widths) {
    EmulatedKernel kernel =
        EmulatedKernel::fromKernelFunction(columnsText(first));
    ASSERT_TRUE(kernel);
    for (int64_t rows : {0, 1, 5}) {
      // The upper halves of small integers in f32 are the same in bf16.
      std::vector<float> values = smallIntegers(rows * 128);
      std::vector<uint16_t> input;
      for (float value : values) {
        uint32_t bits;
        std::memcpy(&bits, &value, sizeof(bits));
        input.push_back(bits >> 16);
      }
      Memory in = Memory::of("in", input);
      Memory out("out", rows * 120 * sizeof(float), false);
      EXPECT_THAT(kernel.launch({1, 1, 1}, {&in, &out, rows}), IsEmpty());
      std::vector<float> actual = out.as<float>();
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < 120; ++j)
          ASSERT_EQ(actual[i * 120 + j], values[i * 128 + first + j]);
    }
    EXPECT_EQ(kernel.getVectorWidth(), width) << first;
  }
}
