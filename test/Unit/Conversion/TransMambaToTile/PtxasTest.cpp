//===- PtxasTest.cpp - What ptxas says of every kernel --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Every configuration that can be chosen, for each chip: registers and shared
// memory are enough, and nothing makes ptxas wait for each multiplication
// (C7510 and following) or leave out the split of registers (C7508). Skipped
// where there is no ptxas.
//
//===----------------------------------------------------------------------===//

#include "Tile/IR/TileDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"
#include "transmamba/Conversion/TransMambaToTile/ScanKernels.h"
#include "transmamba/Target/NVPTX.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace transmamba;

namespace {
class PtxasTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (findPtxas({}).empty())
      GTEST_SKIP() << "there is no ptxas";
    DialectRegistry registry;
    registerAllDialects(registry);
    registerAllExtensions(registry);
    registerNvptxTranslation(registry);
    registry.insert<tile::TileDialect>();
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    module = ModuleOp::create(UnknownLoc::get(&context));
    (*module)->setAttr(tile::kTileChipAttrName,
                       StringAttr::get(&context, GetParam()));
  }

  Type bf16() { return BFloat16Type::get(&context); }

  static std::string name(std::string name, size_t number,
                          std::initializer_list<int64_t> sizes) {
    name += std::to_string(number);
    for (int64_t size : sizes)
      name += "_" + std::to_string(size);
    return name;
  }

  /// Compiles the kernels and checks them.
  void check(size_t kernels) {
    std::string said;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      said += diagnostic.str() + "\n";
    });
    ASSERT_TRUE(succeeded(verify(*module))) << said;
    PassManager passes(&context);
    // As phase tile leaves them.
    passes.addPass(createCanonicalizerPass());
    passes.addPass(createCSEPass());
    populateGpuPipeline(passes);
    populateNvvmPipeline(passes);
    ASSERT_TRUE(succeeded(passes.run(*module))) << said;
    auto gpuModule = *module->getOps<gpu::GPUModuleOp>().begin();
    NvptxOptions options;
    options.chip = GetParam();
    FailureOr<GpuBinary> binary = compileGpuModule(gpuModule, options);
    ASSERT_TRUE(succeeded(binary)) << said;
    EXPECT_EQ(said, "");
    EXPECT_EQ(binary->kernels.size(), kernels);
    for (const KernelResources &kernel : binary->kernels) {
      EXPECT_EQ(kernel.spillBytes, 0)
          << kernel.name << ", " << kernel.registers << " registers";
      EXPECT_GT(kernel.registers, 0) << kernel.name;
      EXPECT_LE(kernel.dynamicSharedBytes, target.portableBytes) << kernel.name;
    }
  }

  MLIRContext context;
  const tile::Target &target = *tile::findTarget(GetParam());
  OwningOpRef<ModuleOp> module;
};
} // namespace

TEST_P(PtxasTest, Gemm) {
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  size_t count = 0;
  for (Type result : {bf16(), Type(builder.getF32Type())}) {
    GemmShape shape{ShapedType::kDynamic, 2048, 2048, bf16(), result};
    SmallVector<GemmConfig> candidates = getGemmCandidates(target, shape);
    llvm::append_range(candidates, getFewRowsCandidates(target, shape, 16));
    llvm::append_range(candidates,
                       getFewRowsCandidates(target, shape, kMaxFewRows));
    for (const GemmConfig &config : candidates)
      buildGemm(builder, module->getLoc(),
                name("gemm", count++, {config.blockM, config.blockN}), shape,
                config);
  }
  check(count);
}

/// Every kind of operand, alone and with the others: what counts is how much is
/// in registers.
TEST_P(PtxasTest, GemmEpilogue) {
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  size_t count = 0;
  using Kinds = SmallVector<GemmOperand::Kind>;
  constexpr auto matrix = GemmOperand::Matrix, rows = GemmOperand::Rows,
                 columns = GemmOperand::Columns;
  for (int64_t products : {1, 2})
    for (const Kinds &kinds :
         {Kinds{}, Kinds{matrix}, Kinds{columns, rows}, Kinds{matrix, columns},
          Kinds{matrix, columns, matrix}})
      for (Type result : {bf16(), Type(builder.getF32Type())}) {
        // A result of f32 needs no more than one of bf16.
        if (result.isF32() && kinds.size() > 1)
          continue;
        GemmShape shape{ShapedType::kDynamic, 2048, 2048, bf16(), result};
        for (GemmOperand::Kind kind : kinds)
          shape.epilogue.operands.push_back(
              {kind, kind == matrix ? bf16() : builder.getF32Type()});
        if (products == 2)
          shape.rights = {{2048, 0}, {2048, 0}};
        // silu of the first sum times all the rest.
        shape.epilogue.compute = [](OpBuilder &b, Location loc,
                                    ValueRange numbers) {
          Value x = numbers.front();
          Value one = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1));
          Value exp =
              math::Exp2Op::create(b, loc, arith::NegFOp::create(b, loc, x));
          x = arith::DivFOp::create(b, loc, x,
                                    arith::AddFOp::create(b, loc, one, exp),
                                    arith::FastMathFlags::afn);
          for (Value number : numbers.drop_front())
            x = arith::MulFOp::create(b, loc, x, number);
          return x;
        };
        SmallVector<GemmConfig> candidates = getGemmCandidates(target, shape);
        ASSERT_FALSE(candidates.empty());
        llvm::append_range(candidates, getFewRowsCandidates(target, shape, 16));
        for (const GemmConfig &config : candidates)
          buildGemm(
              builder, module->getLoc(),
              name("gemm", count++, {config.blockM, config.blockN, products}),
              shape, config);
      }
  check(count);
}

/// Causal, with a window, and to all keys; each with lengths and without, and
/// with everything that can be done besides.
TEST_P(PtxasTest, Attention) {
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  size_t count = 0;
  for (int64_t headDim : {32, 64, 96, 128, 256})
    for (auto [causal, window] : {std::pair{true, 0}, {true, 1000}, {false, 0}})
      for (auto [hasLengths, hasAll] :
           {std::pair{false, false}, {false, true}, {true, true}}) {
        constexpr int64_t any = ShapedType::kDynamic;
        auto fused = RankedTensorType::get({any, any, 8 * headDim}, bf16());
        auto result = RankedTensorType::get({any, any, 4 * headDim}, bf16());
        AttentionShape shape{
            {fused, 0, 4},
            {fused, 4 * headDim, 2},
            {fused, 6 * headDim, 2},
            {result, 0, 4},
            headDim,
            0.125,
            hasLengths ? RankedTensorType::get({any}, builder.getI32Type())
                       : RankedTensorType(),
            causal,
            window};
        if (hasAll) {
          shape.rotation =
              RankedTensorType::get({8192, headDim / 2}, builder.getF32Type());
          shape.interleaved = hasLengths;
          shape.logarithms =
              RankedTensorType::get({any, any, 4}, builder.getF32Type());
          shape.k = {RankedTensorType::get({any, 2, 2, 8192, headDim}, bf16()),
                     0, 2};
        }
        for (const AttentionConfig &config :
             getAttentionCandidates(target, shape))
          buildAttention(builder, module->getLoc(),
                         name("attention", count++,
                              {headDim, config.blockM, config.blockN}),
                         shape, config);
      }
  check(count);
}

TEST_P(PtxasTest, Scan) {
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  size_t count = 0;
  constexpr int64_t any = ShapedType::kDynamic, heads = 4;
  for (int64_t stateDim : {32, 64, 96, 128})
    for (int64_t headDim : {32, 64, 96, 128})
      for (bool hasAll : {false, true}) {
        auto columns = [&](int64_t size) {
          return HeadColumns{
              RankedTensorType::get({any, any, heads * size}, bf16()), 0,
              heads};
        };
        ScanShape shape{};
        shape.q = shape.k = columns(stateDim);
        shape.v = shape.result = columns(headDim);
        shape.heads = heads;
        shape.stateDim = stateDim;
        shape.headDim = headDim;
        shape.dt =
            RankedTensorType::get({any, any, heads}, builder.getF32Type());
        shape.state = RankedTensorType::get({any, heads, stateDim, headDim},
                                            builder.getF32Type());
        shape.hasSkip = shape.hasInit = hasAll;
        if (hasAll) {
          if (hasRoomForGate(target, shape))
            shape.gate = shape.v;
          shape.lengths = RankedTensorType::get({any}, builder.getI32Type());
        }
        auto build = [&](auto make, const auto &...config) {
          make(builder, module->getLoc(),
               name("scan", count++, {stateDim, headDim}), shape, config...);
        };
        std::optional<ScanConfig> pair = chooseScanConfig(target, shape),
                                  alone =
                                      chooseScanConfig(target, shape, false);
        ASSERT_TRUE(pair && alone);
        SmallVector<ScanConfig> configs = {*pair};
        if (pair->warpgroups > 1)
          configs.push_back(*alone);
        for (const ScanConfig &config : configs) {
          build(buildScan, config, ScanSources());
          build(buildScanState, chooseStateConfig(target, shape, config));
        }
        build(buildScanCombine, *alone, ScanSources());
        build(buildScanFold);
      }
  check(count);
}

INSTANTIATE_TEST_SUITE_P(Chips, PtxasTest, testing::Values("sm_90a", "sm_80"),
                         [](const auto &chip) {
                           return std::string(chip.param);
                         });
