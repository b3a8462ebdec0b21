//===- PhasesTest.cpp - Names of phases, targets and pipelines ------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Pipelines/Phases.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace transmamba;
using testing::AnyOf;
using testing::ElementsAre;

TEST(Phases, Names) {
  std::vector<std::string> names;
  for (const PhaseInfo &info : getPhases()) {
    names.push_back(info.name.str());
    EXPECT_EQ(getPhaseName(info.phase), info.name);
    EXPECT_EQ(parsePhase(info.name), info.phase);
    EXPECT_FALSE(info.description.empty());
    // In the order of the enumeration, which is that in which they run.
    EXPECT_EQ(static_cast<size_t>(info.phase), names.size() - 1);
  }
  EXPECT_THAT(names, ElementsAre("import", "schedule", "fuse", "tile", "merge",
                                 "linalg", "cpu", "llvm", "object", "gpu",
                                 "nvvm", "ptx", "cubin", "package"));
  for (StringRef wrong : {"", "Fuse", "fuse ", "tiles", "cpu:x86-64-v3"})
    EXPECT_EQ(parsePhase(wrong), std::nullopt) << wrong.str();
}

TEST(Phases, Targets) {
  for (auto [name, description] : getTargets()) {
    std::optional<CompileTarget> target = parseTarget(name);
    ASSERT_TRUE(target) << name.str();
    EXPECT_FALSE(description.empty());
    if (name == "cpu")
      EXPECT_EQ(target->getName(), "cpu:x86-64-v3");
    else if (name == "cpu:native")
      EXPECT_THAT(target->getName(),
                  AnyOf("cpu:x86-64-v2", "cpu:x86-64-v3", "cpu:x86-64-v4"));
    else
      EXPECT_EQ(target->getName(), name);
  }
  for (StringRef wrong :
       {"", "CPU", "cpu:", "cpu:v3", "cpu:x86-64-v5", "nvidia",
        "nvidia:", "nvidia:sm_75", "nvidia:sm_90", "amd:gfx90a", "sm_90a"})
    EXPECT_FALSE(parseTarget(wrong)) << wrong.str();
}

TEST(Phases, EachTargetHasItsOwn) {
  std::vector<std::string> cpu, gpu, older, linalg;
  CompileTarget withoutTiles = *parseTarget("nvidia:sm_90a");
  withoutTiles.gpuKernels = GpuKernels::Linalg;
  for (const PhaseInfo &info : getPhases()) {
    if (hasPhase(*parseTarget("cpu"), info.phase))
      cpu.push_back(info.name.str());
    if (hasPhase(*parseTarget("nvidia:sm_90a"), info.phase))
      gpu.push_back(info.name.str());
    if (hasPhase(*parseTarget("nvidia:sm_80"), info.phase))
      older.push_back(info.name.str());
    if (hasPhase(withoutTiles, info.phase))
      linalg.push_back(info.name.str());
  }
  EXPECT_THAT(cpu, ElementsAre("import", "schedule", "fuse", "linalg", "cpu",
                               "llvm", "object", "package"));
  EXPECT_THAT(gpu, ElementsAre("import", "schedule", "fuse", "tile", "linalg",
                               "gpu", "nvvm", "ptx", "cubin", "package"));
  EXPECT_EQ(older, gpu);
  EXPECT_THAT(linalg, ElementsAre("import", "schedule", "fuse", "linalg", "gpu",
                                  "nvvm", "ptx", "cubin", "package"));
}

namespace {
class PipelineTest : public testing::Test {
protected:
  static void SetUpTestSuite() { registerTransMambaPipelines(); }

  /// The passes of a pipeline as text; empty after an error.
  std::string passes(StringRef pipeline) {
    OpPassManager manager(ModuleOp::getOperationName());
    std::string ignored, text;
    llvm::raw_string_ostream errors(ignored), stream(text);
    if (failed(parsePassPipeline(pipeline, manager, errors)))
      return "";
    manager.printAsTextualPipeline(stream);
    return text;
  }
};
} // namespace

/// Each pipeline goes on where the one before it ends.
TEST_F(PipelineTest, Registered) {
  std::string linalg = passes("transmamba-to-linalg");
  std::string cpu = passes("transmamba-to-cpu");
  std::string gpu = passes("transmamba-to-gpu");
  std::string nvvm = passes("transmamba-to-nvvm");
  std::string binary = passes("transmamba-to-gpu-binary");
  // Without the closing parenthesis of `builtin.module(...)`.
  auto startsWith = [](StringRef text, StringRef start) {
    return !start.empty() && text.size() > start.size() &&
           text.starts_with(start.drop_back());
  };
  EXPECT_TRUE(startsWith(cpu, linalg)) << cpu;
  // Tile kernels come before everything else is linalg.
  EXPECT_THAT(gpu, testing::HasSubstr("convert-transmamba-to-tile"));
  std::string other = passes("transmamba-to-gpu{gpu-kernels=linalg}");
  EXPECT_THAT(other,
              testing::Not(testing::HasSubstr("convert-transmamba-to-tile")));
  // A GPU cuts caches into segments, which no other target does.
  EXPECT_THAT(other, testing::HasSubstr("key-segment=64"));
  EXPECT_THAT(linalg, testing::HasSubstr("key-segment=0"));
  EXPECT_TRUE(startsWith(nvvm, gpu)) << nvvm;
  EXPECT_TRUE(startsWith(binary, nvvm)) << binary;
}

TEST_F(PipelineTest, Options) {
  EXPECT_NE(passes("transmamba-to-cpu{level=x86-64-v2}"),
            passes("transmamba-to-cpu{level=x86-64-v4}"));
  EXPECT_EQ(passes("transmamba-to-cpu{level=x86-64-v3}"),
            passes("transmamba-to-cpu"));
  StringRef ampere = "transmamba-to-gpu-binary{chip=sm_80 format=bin}";
  EXPECT_THAT(passes(ampere), testing::HasSubstr("chip=sm_80"));
  EXPECT_THAT(passes(ampere), testing::HasSubstr("format=bin"));
  // Tile kernels are cut for the chip; only some chips can merge them.
  EXPECT_THAT(passes("transmamba-to-gpu{chip=sm_80}"),
              testing::HasSubstr("chip=sm_80"));
  EXPECT_THAT(passes("transmamba-to-gpu{gpu-kernels=merged}"),
              testing::HasSubstr("tile-merge-launches"));
  EXPECT_THAT(passes("transmamba-to-gpu{chip=sm_80 gpu-kernels=merged}"),
              testing::Not(testing::HasSubstr("tile-merge-launches")));
  for (StringRef wrong :
       {"transmamba-to-cpu{level=x86-64-v5}", "transmamba-to-cpu{chip=sm_80}",
        "transmamba-to-gpu{chip=sm_75}", "transmamba-to-gpu{gpu-kernels=mma}",
        "transmamba-to-gpu-binary{format=elf}",
        "transmamba-to-linalg{level=x86-64-v3}", "transmamba-to-ptx"})
    EXPECT_EQ(passes(wrong), "") << wrong.str();
}
