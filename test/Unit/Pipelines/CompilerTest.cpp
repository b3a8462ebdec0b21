//===- CompilerTest.cpp - Stops, dumps and refusals of a compilation ------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Pipelines/Compiler.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "transmamba/Package/PackageReader.h"
#include "transmamba/Pipelines/Weights.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

using namespace mlir;
using namespace transmamba;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
class CompilerTest : public testing::Test {
protected:
  CompilerTest() {
    DialectRegistry registry;
    registerCompiler(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.getDiagEngine().registerHandler(
        [this](Diagnostic &diagnostic) { message = diagnostic.str(); });
    options.targets = {*parseTarget("cpu")};
    options.ptxas = "none";
    options.progress = [this](StringRef phase, StringRef target, double) {
      phases.push_back(phase.str());
    };
  }

  FailureOr<CompiledModel> compile(StringRef text) {
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return failure();
    phases.clear();
    message = "no error";
    return compileModel(*module, options);
  }

  /// y = norm(x), with a weight.
  static constexpr StringLiteral model = R"mlir(
    module attributes {transmamba.name = "norm", transmamba.max_batch = 4 : i64, transmamba.max_sequence = 64 : i64} {
      transmamba.parameter @weight from "norm.weight" : tensor<48xf32>
      func.func @forward(%x: tensor<?x?x48xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]})
          -> (tensor<?x?x48xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
        %w = transmamba.get_parameter @weight : tensor<48xf32>
        %y = transmamba.rms_norm %x, %w eps 1.0e-5 : tensor<?x?x48xf32>, tensor<48xf32>
        return %y : tensor<?x?x48xf32>
      }
    })mlir";

  static constexpr StringLiteral directory = "pipelines-test";

  MLIRContext context;
  std::string message;
  OwningOpRef<ModuleOp> module;
  CompileOptions options;
  std::vector<std::string> phases;
};
} // namespace

/// Every phase can be the last, and says what it has made.
TEST_F(CompilerTest, StopsAfterEachPhase) {
  struct Stop {
    const char *target, *phase, *contains;
  };
  const Stop stops[] = {
      {"cpu", "import", "transmamba.rms_norm"},
      {"cpu", "schedule", "transmamba.rms_norm"},
      {"cpu", "fuse", "transmamba.rms_norm"},
      {"cpu", "linalg", "linalg.generic"},
      {"cpu", "cpu", "transmamba.dispatch"},
      {"cpu", "llvm", "llvm.func"},
      {"cpu", "object",
       "\x7f"
       "ELF"},
      {"nvidia:sm_90a", "linalg", "linalg.generic"},
      {"nvidia:sm_90a", "gpu", "gpu.launch_func"},
      {"nvidia:sm_90a", "nvvm", "nvvm.kernel"},
      {"nvidia:sm_90a", "ptx", ".target sm_90a"},
      {"nvidia:sm_80", "ptx", ".target sm_80"},
  };
  for (const Stop &stop : stops) {
    SCOPED_TRACE(std::string(stop.target) + " " + stop.phase);
    options.targets = {*parseTarget(stop.target)};
    options.stopAfter = *parsePhase(stop.phase);
    FailureOr<CompiledModel> result = compile(model);
    ASSERT_TRUE(succeeded(result)) << message;
    std::string made = result->text + std::string(result->binary.begin(),
                                                  result->binary.end());
    EXPECT_THAT(made, HasSubstr(stop.contains));
    ASSERT_FALSE(phases.empty());
    EXPECT_EQ(phases.back(), stop.phase);
    // What has run is what there is up to the last one, in order.
    std::vector<std::string> expected;
    for (const PhaseInfo &info : getPhases())
      if (info.phase <= options.stopAfter &&
          hasPhase(options.targets.front(), info.phase))
        expected.push_back(info.name.str());
    EXPECT_EQ(phases, expected);
  }
}

TEST_F(CompilerTest, StopsAtNoCubinWithoutPtxas) {
  options.targets = {*parseTarget("nvidia:sm_90a")};
  options.stopAfter = Phase::Cubin;
  EXPECT_TRUE(failed(compile(model)));
  EXPECT_THAT(message, HasSubstr("phase cubin needs ptxas"));
}

/// The input is not changed: it can be compiled again.
TEST_F(CompilerTest, KeepsItsInput) {
  OwningOpRef<ModuleOp> source = parseSourceString<ModuleOp>(model, &context);
  auto print = [&] {
    std::string text;
    llvm::raw_string_ostream stream(text);
    source->print(stream);
    return text;
  };
  std::string before = print();
  ASSERT_TRUE(succeeded(compileModel(*source, options)));
  EXPECT_EQ(print(), before);
}

TEST_F(CompilerTest, DumpsEachPhase) {
  std::filesystem::remove_all(directory.str());
  std::filesystem::create_directory(directory.str());
  options.targets = {*parseTarget("cpu"), *parseTarget("nvidia:sm_80")};
  options.dumpDirectory = directory.str();
  ASSERT_TRUE(succeeded(compile(model))) << message;
  std::vector<std::string> files;
  for (const auto &file :
       std::filesystem::directory_iterator(directory.str())) {
    files.push_back(file.path().filename().string());
    EXPECT_GT(file.file_size(), 0u) << files.back();
  }
  std::sort(files.begin(), files.end());
  EXPECT_THAT(files,
              ElementsAre("01-import.mlir", "02-schedule.mlir", "03-fuse.mlir",
                          "04-linalg.mlir", "05-cpu.x86-64-v3.mlir",
                          "06-llvm.x86-64-v3.mlir", "07-object.x86-64-v3.so",
                          "08-tile.sm_80.mlir", "09-linalg.sm_80.mlir",
                          "10-gpu.sm_80.mlir", "11-nvvm.sm_80.mlir",
                          "12-ptx.sm_80.ptx"));
  std::filesystem::remove_all(directory.str());
}

/// Each target with tile kernels has a module of its own after phase linalg,
/// and kernels cut for it; there is one list of parameters.
TEST_F(CompilerTest, TileKernelsShareParameters) {
  const char *product = R"(
    module attributes {transmamba.max_batch = 2 : i64} {
      transmamba.parameter @unused from "unused" : tensor<8xf32>
      transmamba.parameter @weight from "weight" : tensor<64x64xbf16>
      func.func @f(%x: tensor<?x64xbf16> {transmamba.dims = ["B"],
                                          transmamba.name = "x"})
          -> (tensor<?x64xf32> {transmamba.name = "y"})
          attributes {transmamba.entry} {
        %c0 = arith.constant 0 : index
        %zero = arith.constant 0.0 : f32
        %B = tensor.dim %x, %c0 : tensor<?x64xbf16>
        %w = transmamba.get_parameter @weight : tensor<64x64xbf16>
        %empty = tensor.empty(%B) : tensor<?x64xf32>
        %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x64xf32>)
            -> tensor<?x64xf32>
        %y = linalg.matmul ins(%x, %w : tensor<?x64xbf16>, tensor<64x64xbf16>)
            outs(%zeros : tensor<?x64xf32>) -> tensor<?x64xf32>
        return %y : tensor<?x64xf32>
      }
    })";
  options.targets = {*parseTarget("cpu"), *parseTarget("nvidia:sm_90a"),
                     *parseTarget("nvidia:sm_80")};
  FailureOr<CompiledModel> result = compile(product);
  ASSERT_TRUE(succeeded(result)) << message;
  EXPECT_EQ(result->modules.size(), 3u);
  ASSERT_EQ(result->parameters.size(), 1u);
  EXPECT_EQ(result->parameters[0].getSymName(), "weight");

  ASSERT_EQ(result->manifest.variants.size(), 3u);
  auto getMaps = [&](unsigned variant) {
    unsigned maps = 0;
    for (const package::Command &command :
         result->manifest.variants[variant].entries.at(0).commands)
      for (const package::Argument &argument : command.args)
        maps += argument.map.has_value();
    return maps;
  };
  EXPECT_EQ(getMaps(0), 0u);
  EXPECT_EQ(getMaps(1), 2u);
  EXPECT_EQ(getMaps(2), 0u);
  const package::Variant &hopper = result->manifest.variants[1],
                         &ampere = result->manifest.variants[2];
  ASSERT_EQ(hopper.kernels.size(), 1u);
  EXPECT_EQ(hopper.kernels[0].config,
            "block_m = 128, block_n = 64, group = 8, stages = 8");
  ASSERT_EQ(ampere.kernels.size(), 1u);
  EXPECT_EQ(ampere.kernels[0].config,
            "block_m = 128, block_n = 64, group = 8, stages = 4, staging = 0");
  // On sm_90 kernels wait for earlier launches themselves.
  EXPECT_TRUE(hopper.kernels[0].waits);
  EXPECT_FALSE(result->manifest.variants[0].kernels.at(0).waits);
  EXPECT_FALSE(result->manifest.variants[2].kernels.at(0).waits);
}

TEST_F(CompilerTest, ADumpThatCannotBeWrittenIsAnError) {
  options.dumpDirectory = "no/such/directory";
  EXPECT_TRUE(failed(compile(model)));
  EXPECT_THAT(message, HasSubstr("cannot be written"));
}

/// The package has a variant for each target, in their order, and opens.
TEST_F(CompilerTest, Package) {
  options.targets = {*parseTarget("nvidia:sm_80"),
                     *parseTarget("cpu:x86-64-v2")};
  FailureOr<CompiledModel> result = compile(model);
  ASSERT_TRUE(succeeded(result)) << message;
  std::string path = "pipelines-test.tmpkg";

  EXPECT_TRUE(failed(writeModelPackage(*result, nullptr, path)));
  EXPECT_THAT(message, HasSubstr("parameter @weight needs weights"));
  EXPECT_FALSE(std::filesystem::exists(path));

  auto weights = WeightSource::open("random:7");
  ASSERT_TRUE(static_cast<bool>(weights));
  ASSERT_TRUE(succeeded(writeModelPackage(*result, &*weights, path)))
      << message;
  auto package = package::Package::open(path);
  ASSERT_TRUE(static_cast<bool>(package));
  const package::Manifest &manifest = (*package)->manifest();
  EXPECT_EQ(manifest.model.name, "norm");
  ASSERT_EQ(manifest.variants.size(), 2u);
  EXPECT_EQ(manifest.variants[0].target, "nvidia:sm_80");
  EXPECT_EQ(manifest.variants[1].target, "cpu:x86-64-v2");
  ASSERT_EQ(manifest.parameters.size(), 1u);
  EXPECT_EQ(manifest.parameters[0].name, "weight");
  std::filesystem::remove(path);
}

TEST_F(CompilerTest, RefusedModels) {
  struct Refused {
    std::string text, error;
  };
  auto entry = [](std::string arguments) {
    return "func.func @f(" + arguments +
           ") attributes {transmamba.entry} { return }";
  };
  auto limits = [&](std::string attributes) {
    return "module attributes {" + attributes + "} {" + entry("") + "}";
  };
  const Refused all[] = {
      {"module {}", "there is no entry point"},
      {limits("transmamba.max_batch = 0 : i64"),
       "'transmamba.max_batch' must be a positive integer"},
      {limits("transmamba.max_sequence = 2147483648 : i64"),
       "'transmamba.max_sequence' must be in [1, 2147483647]"},
      {entry("%x: tensor<1x1x1x1x1x1x1x1x1xf32> {transmamba.name = \"x\"}"),
       "a tensor has at most 8 dimensions"},
      {entry("%x: tensor<2147483648xf32> {transmamba.name = \"x\"}"),
       "each of at most 2147483647"},
      {entry("%x: tensor<1xf32> {transmamba.name = \"x\"}, "
             "%y: tensor<1xf32> {transmamba.name = \"x\"}"),
       "two arguments have the name 'x'"},
      {entry("%x: tensor<1xi32> {transmamba.name = \"x\", "
             "transmamba.range = [4, 4]}"),
       "must be two integers [low, high) with low < high"},
      {entry("%x: tensor<1xi32> {transmamba.name = \"x\", "
             "transmamba.range = [4]}"),
       "must be two integers [low, high) with low < high"},
  };
  for (const Refused &refused : all) {
    EXPECT_TRUE(failed(compile(refused.text))) << refused.error;
    EXPECT_THAT(message, HasSubstr(refused.error));
  }
}

TEST(WeightSource, Refused) {
  for (const char *wrong : {"random:", "random:x", "random:-1", "random:1 ",
                            "random:99999999999999999999"}) {
    auto source = WeightSource::open(wrong);
    ASSERT_FALSE(static_cast<bool>(source)) << wrong;
    EXPECT_THAT(source.error().what(), HasSubstr("random:SEED")) << wrong;
  }
  EXPECT_FALSE(static_cast<bool>(WeightSource::open("no/such.safetensors")));
}
