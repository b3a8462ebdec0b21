//===- HostTest.h - The kernels that are built, on the host -----*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_CONVERSION_TRANSMAMBATOTILE_HOSTTEST_H
#define TRANSMAMBA_TEST_UNIT_CONVERSION_TRANSMAMBATOTILE_HOSTTEST_H

#include "TileKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

namespace testing_tile {

class HostTest : public testing::Test {
protected:
  HostTest() {
    context.loadDialect<mlir::arith::ArithDialect, mlir::math::MathDialect,
                        mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                        transmamba::tile::TileDialect>();
  }

  mlir::Type bf16() { return mlir::BFloat16Type::get(&context); }
  mlir::Type f32() { return mlir::Float32Type::get(&context); }

  /// The kernel `@kernel` that `build` makes.
  TileKernel compile(llvm::function_ref<void(mlir::OpBuilder &)> build) {
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    auto builder = mlir::OpBuilder::atBlockEnd(module->getBody());
    build(builder);
    std::string text;
    llvm::raw_string_ostream(text) << *module;
    return TileKernel(text, "kernel");
  }

  double draw() { return normal(random); }
  Buffer drawn(std::vector<int64_t> sizes, Element element = Element::BF16) {
    return Buffer(std::move(sizes), element,
                  [&](const std::vector<int64_t> &) { return draw(); });
  }

  mlir::MLIRContext context;
  /// What kernels are cut for.
  const transmamba::tile::Target *target =
      transmamba::tile::findTarget("sm_90a");

  /// Calls `check` for each chip that kernels are cut for.
  void forEachTarget(llvm::function_ref<void()> check) {
    for (const char *chip : {"sm_90a", "sm_80"}) {
      SCOPED_TRACE(chip);
      target = transmamba::tile::findTarget(chip);
      check();
    }
  }
  std::mt19937 random{1};
  std::normal_distribution<double> normal;
};

} // namespace testing_tile

#endif // TRANSMAMBA_TEST_UNIT_CONVERSION_TRANSMAMBATOTILE_HOSTTEST_H
