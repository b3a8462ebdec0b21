//===- MergeTest.cpp - Merged kernels against the kernels -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Tile/IR/TileOps.h"
#include "Tile/Transforms/Passes.h"
#include "TileKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace testing_tile;

/// The kernels of a file of the test suite, as they stand in its gpu.module.
static std::string readKernels(const std::string &path) {
  std::string text = readTest(path);
  size_t first = text.find("  tile.kernel"), last = text.rfind('}');
  return text.substr(first, last - first);
}

/// The text of the kernel that the launches of `function` become.
static std::string merge(const std::string &kernels,
                         const std::string &function, std::string &name) {
  MLIRContext context;
  context.loadDialect<arith::ArithDialect, func::FuncDialect, math::MathDialect,
                      memref::MemRefDialect, scf::SCFDialect,
                      tensor::TensorDialect, transmamba::tile::TileDialect>();
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(kernels + function, &context);
  PassManager passes(&context);
  passes.addPass(transmamba::createTileMergeLaunches());
  if (!module || failed(passes.run(*module)))
    return "";
  auto merged = module->getOps<transmamba::tile::KernelOp>();
  EXPECT_TRUE(llvm::hasSingleElement(merged));
  name = (*merged.begin()).getName().str();
  (*module->getOps<func::FuncOp>().begin()).erase();
  std::string text;
  llvm::raw_string_ostream(text) << *module;
  return text;
}

namespace {
/// A scan of all tokens and attention over the first ones, of two heads.
class Mixer : public testing::Test {
protected:
  static constexpr int64_t kWidth = 1536, kHeads = 16, kDim = 96;

  Mixer() : kernels(readKernels("Conversion/TileToNVVM/scan.mlir")) {
    kernels += readKernels("Conversion/TileToNVVM/attention.mlir");
    // A launch has its outputs behind its inputs.
    std::string output = "%o: memref<?x?x1536xbf16>", scale = "%scale: f32";
    size_t at = kernels.find(output + ", " + scale);
    kernels.replace(at, (output + ", " + scale).size(), scale + ", " + output);
  }

  std::string kernels;
};
} // namespace

static const char kMixer[] = R"(
  func.func @mixer(%q: tensor<?x?x1536xbf16>, %k: tensor<?x?x1536xbf16>, %v: tensor<?x?x1536xbf16>, %dt: tensor<?x?x16xf32>, %rates: tensor<16xf32>,
                   %B: index, %scale: f32, %blocks: index, %y: tensor<?x?x1536xbf16>, %final: tensor<?x16x96x96xf32>, %o: tensor<?x?x1536xbf16>)
      -> (tensor<?x?x1536xbf16>, tensor<?x16x96x96xf32>, tensor<?x?x1536xbf16>) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %s:2 = tile.launch @ssd_scan grid(%c2, %B, %c1) ins(%q, %k, %v, %dt, %rates : tensor<?x?x1536xbf16>, tensor<?x?x1536xbf16>, tensor<?x?x1536xbf16>, tensor<?x?x16xf32>, tensor<16xf32>)
        outs(%y, %final : tensor<?x?x1536xbf16>, tensor<?x16x96x96xf32>) {tile.group = 1} -> tensor<?x?x1536xbf16>, tensor<?x16x96x96xf32>
    %a = tile.launch @attention grid(%c2, %blocks, %B) ins(%q, %k, %v, %scale : tensor<?x?x1536xbf16>, tensor<?x?x1536xbf16>, tensor<?x?x1536xbf16>, f32)
        outs(%o : tensor<?x?x1536xbf16>) {tile.group = 1} -> tensor<?x?x1536xbf16>
    return %s#0, %s#1, %a : tensor<?x?x1536xbf16>, tensor<?x16x96x96xf32>, tensor<?x?x1536xbf16>
  }
)";

TEST_F(Mixer, GivesWhatTheKernelsGive) {
  TileKernel scan(kernels, "ssd_scan"), attention(kernels, "attention");
  std::string name, text = merge(kernels, kMixer, name);
  ASSERT_EQ(name, "ssd_scan_and_attention");
  TileKernel merged(text, name);

  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  auto draw = [&](const std::vector<int64_t> &) { return normal(random); };
  auto drawStep = [&](const std::vector<int64_t> &) {
    return std::abs(normal(random)) / 20;
  };
  Buffer rates({kHeads}, Element::F32,
               [](const std::vector<int64_t> &at) { return -1.0 - at[0]; });
  Buffer control({64}, Element::I32, 0);
  auto expectEqual = [](const Buffer &a, const Buffer &b) {
    a.forEach([&](const std::vector<int64_t> &at) {
      double x = a.at(at), y = b.at(at);
      ASSERT_TRUE(x == y || (std::isnan(x) && std::isnan(y)));
    });
    EXPECT_TRUE(b.marginsAreWhole());
  };
  for (auto [batches, tokens, workers] : {std::tuple(1l, 200l, 1l),
                                          {2l, 65l, 3l},
                                          {1l, 129l, 2l},
                                          {1l, 1l, 2l}}) {
    SCOPED_TRACE("B=" + std::to_string(batches) +
                 " T=" + std::to_string(tokens));
    std::vector<int64_t> sizes{batches, tokens, kWidth},
        states{batches, kHeads, kDim, kDim};
    Buffer q(sizes, Element::BF16, draw), k(sizes, Element::BF16, draw),
        v(sizes, Element::BF16, draw),
        dt({batches, tokens, kHeads}, Element::F32, drawStep),
        y(sizes, Element::BF16, NAN),
        y2 = y, o = y, o2 = y, final(states, Element::F32, NAN), final2 = final;
    int64_t blocks = (tokens + 127) / 128;
    float scale = 0.147f;
    ASSERT_EQ(scan.run({&q, &k, &v, &dt, &rates, &y, &final}, {2, batches, 1}),
              0);
    ASSERT_EQ(attention.run({&q, &k, &v, scale, &o}, {2, blocks, batches}), 0);
    // Two heads of the scan are an item, so there is one for each batch.
    int64_t items = batches + 2 * blocks * batches;
    // Twice: nothing of a launch disturbs the next.
    for (int launch = 0; launch < 2; ++launch) {
      ASSERT_EQ(merged.run({&q, &k, &v, &dt, &rates, batches, scale, blocks,
                            items, &y2, &final2, &o2, &control},
                           {workers}),
                0);
      expectEqual(y, y2);
      expectEqual(final, final2);
      expectEqual(o, o2);
    }
  }
}
