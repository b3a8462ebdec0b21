//===- Pipeline.cpp - The phase linalg ------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "transmamba/Conversion/TransMambaToLinalg/TransMambaToLinalg.h"
#include "transmamba/Transforms/Passes.h"

using namespace mlir;

void transmamba::populateLinalgPipeline(
    OpPassManager &pm, const ConvertTransMambaToLinalgOptions &options) {
  pm.addPass(createConvertTransMambaToLinalg(options));
  pm.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  populateCleanUp(pm);
  pm.addNestedPass<func::FuncOp>(createFuseElementwise());
  // Sizes of concatenations come as affine maps.
  pm.addNestedPass<func::FuncOp>(createLowerAffinePass());
  populateCleanUp(pm);
}
