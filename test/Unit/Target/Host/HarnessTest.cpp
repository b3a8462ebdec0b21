//===- HarnessTest.cpp - What is not compiled, and why ----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"

#include <gmock/gmock.h>

using namespace transmamba;
using namespace transmamba::test;
using testing::HasSubstr;

static std::string kernel(const std::string &body) {
  return "func.func private @k(%x: index, %y: index, %z: index, %p: "
         "memref<f64>, %n: index) attributes {transmamba.kernel} {\n" +
         body + "\n  return\n}";
}

TEST(HostErrors, NoKernel) {
  EXPECT_THAT(compileError("func.func private @f()"),
              HasSubstr("has no kernel to compile"));
}

TEST(HostErrors, LargeScratch) {
  EXPECT_THAT(
      compileError(kernel("%s = memref.alloca() : memref<262145xf32>\n"
                          "%c = arith.constant 0.0 : f32\n"
                          "memref.store %c, %s[%x] : memref<262145xf32>\n"
                          "%v = memref.load %s[%y] : memref<262145xf32>\n"
                          "%w = arith.extf %v : f32 to f64\n"
                          "memref.store %w, %p[] : memref<f64>")),
      HasSubstr("use smaller tiles"));
}

TEST(HostErrors, DynamicScratch) {
  EXPECT_THAT(compileError(kernel("%s = memref.alloca(%n) : memref<?xf32>\n"
                                  "%c = arith.constant 0.0 : f32\n"
                                  "memref.store %c, %s[%x] : memref<?xf32>\n"
                                  "%v = memref.load %s[%y] : memref<?xf32>\n"
                                  "%w = arith.extf %v : f32 to f64\n"
                                  "memref.store %w, %p[] : memref<f64>")),
              HasSubstr("needs a static shape"));
}

TEST(HostErrors, LibraryCall) {
  EXPECT_THAT(compileError(kernel("%v = memref.load %p[] : memref<f64>\n"
                                  "%e = math.exp %v : f64\n"
                                  "memref.store %e, %p[] : memref<f64>")),
              HasSubstr("the kernels call exp"));
}

TEST(HostErrors, Signature) {
  EXPECT_THAT(
      compileError("func.func private @k(%x: index, %y: index, %z: index, "
                   "%p: memref<4xf32>) attributes {transmamba.kernel} {\n"
                   "  return\n}"),
      HasSubstr("argument 3 of a kernel is of type"));
  EXPECT_THAT(compileError("func.func private @k(%x: index) attributes "
                           "{transmamba.kernel} {\n  return\n}"),
              HasSubstr("begins with the arguments x, y and z"));
  EXPECT_THAT(
      compileError("func.func private @k() attributes {transmamba.kernel}"),
      HasSubstr("a kernel has a body"));
}

TEST(HostErrors, Linker) {
  HostTargetOptions options;
  options.linker = "no-such-linker";
  EXPECT_THAT(compileError(kernel(""), options),
              HasSubstr("linker 'no-such-linker' not found"));
  // A program that fails is reported with what it says.
  options.linker = "false";
  EXPECT_THAT(compileError(kernel(""), options), HasSubstr("linking with"));
}

TEST(HostErrors, LevelNames) {
  for (CpuLevel level :
       {CpuLevel::V2, CpuLevel::V3, CpuLevel::V4, CpuLevel::Native})
    EXPECT_EQ(parseCpuLevel(getCpuLevelName(level)), level);
  EXPECT_EQ(parseCpuLevel("x86-64-v5"), std::nullopt);
}

/// Functions that are no kernels stay out of the object, and constants that
/// kernels use come along.
TEST(HostModule, OnlyKernels) {
  const char *text = R"(
memref.global "private" constant @table : memref<4xf32> = dense<[1.0, 2.0, 4.0, 8.0]>
func.func @host(%a: memref<?xf32>) { return }
func.func private @k(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %t = memref.get_global @table : memref<4xf32>
  %v = memref.load %t[%x] : memref<4xf32>
  memref.store %v, %p[] : memref<f32>
  return
})";
  for (CpuLevel level : {CpuLevel::V2, CpuLevel::Native}) {
    auto kernels = Kernels::compile(text, level);
    ASSERT_TRUE(kernels);
    Buffer<float> out(16);
    kernels->run("k", {out.pointer()}, 3);
    EXPECT_EQ(out[0], 8);
  }
}

/// Twenty kernels that read one table. Kernels are compiled apart, so each has
/// a copy of it.
static std::string kernelsWithTable() {
  std::string text = "memref.global \"private\" constant @table : "
                     "memref<4xf32> = dense<[1.0, 2.0, 4.0, 8.0]>\n";
  for (int i = 0; i < 20; ++i)
    text += "func.func private @k" + std::to_string(i) +
            "(%x: index, %y: index, %z: index, %p: memref<f32>) attributes "
            "{transmamba.kernel} {\n"
            "  %t = memref.get_global @table : memref<4xf32>\n"
            "  %v = memref.load %t[%x] : memref<4xf32>\n"
            "  %c = arith.constant " +
            std::to_string(i) +
            ".0 : f32\n"
            "  %s = arith.addf %v, %c : f32\n"
            "  memref.store %s, %p[] : memref<f32>\n"
            "  return\n}\n";
  return text;
}

TEST(HostObject, SameForAnyNumberOfThreads) {
  std::string bytes = compileBytes(kernelsWithTable(), /*threads=*/false);
  EXPECT_FALSE(bytes.empty());
  EXPECT_EQ(bytes, compileBytes(kernelsWithTable(), /*threads=*/true));
  EXPECT_EQ(bytes, compileBytes(kernelsWithTable(), /*threads=*/true));
}

TEST(HostObject, KernelsAreCompiledApart) {
  std::unique_ptr<Kernels> kernels =
      Kernels::compile(kernelsWithTable(), CpuLevel::V2);
  ASSERT_TRUE(kernels);
  for (int i : {0, 7, 19}) {
    float result = 0;
    kernels->run("k" + std::to_string(i), {reinterpret_cast<uint64_t>(&result)},
                 /*x=*/2);
    EXPECT_EQ(result, 4.0f + i);
  }
}
