//===- Pipeline.cpp - From tensors to dispatches --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "transmamba/Conversion/LinalgToDispatch/LinalgToDispatch.h"

using namespace mlir;

void transmamba::populateDispatchPipeline(
    OpPassManager &pm, const TileToWorkgroupsOptions &options) {
  auto cleanUp = [&pm] {
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
  };
  pm.addPass(createHoistParameters());
  cleanUp();
  pm.addPass(createTileToWorkgroups(options));
  cleanUp();
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  cleanUp();
  pm.addPass(createOutlineKernels());
  cleanUp();
}
