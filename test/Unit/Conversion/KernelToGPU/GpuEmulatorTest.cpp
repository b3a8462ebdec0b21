//===- GpuEmulatorTest.cpp - The emulator finds what it should find -------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A checker that never complains proves nothing: kernels with one known fault
// each.
//
//===----------------------------------------------------------------------===//

#include "EmulatedKernel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace transmamba::test;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

/// A hand-written gpu.func of 64 threads over 64 floats and shared memory.
static std::vector<std::string> runBody(llvm::StringRef body,
                                        int64_t numBlocks = 1) {
  std::string text = (R"(
    gpu.module @kernels {
      gpu.func @k(%p: memref<f32>)
          workgroup(%bytes: memref<256xi8, #gpu.address_space<workgroup>>)
          kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
        %out = memref.reinterpret_cast %p to offset: [0], sizes: [64], strides: [1]
            : memref<f32> to memref<64xf32>
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %c63 = arith.constant 63 : index
        %one = arith.constant 1.0 : f32
        %tid = gpu.thread_id x
        %isFirst = arith.cmpi eq, %tid, %c0 : index
        %other = arith.subi %c63, %tid : index
        %shared = memref.view %bytes[%c0][] : memref<256xi8, #gpu.address_space<workgroup>>
            to memref<64xf32, #gpu.address_space<workgroup>>
  )" + body + " gpu.return } }")
                         .str();
  EmulatedKernel kernel =
      EmulatedKernel::create(text, [](mlir::OpPassManager &) {});
  EXPECT_TRUE(kernel);
  Memory out = Memory::of("out", std::vector<float>(64));
  return kernel.launch({numBlocks, 1, 1}, {&out});
}

static constexpr llvm::StringLiteral kWriteShared = R"(
  memref.store %one, %shared[%tid] : memref<64xf32, #gpu.address_space<workgroup>>)";
static constexpr llvm::StringLiteral kReadShared = R"(
  %x = memref.load %shared[%other] : memref<64xf32, #gpu.address_space<workgroup>>
  memref.store %x, %out[%tid] : memref<64xf32>)";

TEST(GpuEmulator, AcceptsABarrierBetweenWriteAndRead) {
  EXPECT_THAT(runBody((kWriteShared + "gpu.barrier" + kReadShared).str()),
              IsEmpty());
}

TEST(GpuEmulator, FindsAMissingBarrier) {
  EXPECT_THAT(
      runBody(
          (kWriteShared + "gpu.barrier" + kWriteShared + kReadShared).str()),
      Contains(HasSubstr("race")));
}

TEST(GpuEmulator, FindsTwoWriters) {
  EXPECT_THAT(runBody("memref.store %one, %out[%c0] : memref<64xf32>"),
              Contains(HasSubstr("write-write race")));
}

TEST(GpuEmulator, FindsAReaderBeforeAWriter) {
  EXPECT_THAT(
      runBody(
          (kWriteShared + "gpu.barrier" + kReadShared + kWriteShared).str()),
      Contains(HasSubstr("read-write race")));
}

TEST(GpuEmulator, FindsRacesBetweenBlocks) {
  EXPECT_THAT(runBody("memref.store %one, %out[%tid] : memref<64xf32>", 2),
              Contains(HasSubstr("write-write race")));
}

TEST(GpuEmulator, FindsReadsOfNothing) {
  EXPECT_THAT(runBody(kReadShared), Contains(HasSubstr("nobody wrote")));
}

TEST(GpuEmulator, FindsIndicesOutside) {
  EXPECT_THAT(runBody(R"(
    %far = arith.addi %tid, %c1 : index
    memref.store %one, %out[%far] : memref<64xf32>)"),
              Contains(HasSubstr("index 64 outside of size 64")));
}

TEST(GpuEmulator, FindsADivergentBarrier) {
  EXPECT_THAT(runBody("scf.if %isFirst { gpu.barrier }"),
              Contains(HasSubstr("not all threads reach")));
}

TEST(GpuEmulator, ShufflesWithinAWarp) {
  EXPECT_THAT(runBody(R"(
    %distance = arith.constant 1 : i32
    %width = arith.constant 32 : i32
    %sum, %valid = gpu.shuffle xor %one, %distance, %width : f32
    memref.store %sum, %out[%tid] : memref<64xf32>)"),
              IsEmpty());
}
