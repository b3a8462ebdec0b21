//===- Pipeline.cpp - From tensors to dispatches --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "transmamba/Conversion/LinalgToDispatch/LinalgToDispatch.h"
#include "transmamba/Transforms/Passes.h"

using namespace mlir;

void transmamba::populateDispatchPipeline(
    OpPassManager &pm, const TileToWorkgroupsOptions &options) {
  pm.addPass(createHoistParameters());
  populateCleanUp(pm);
  pm.addPass(createTileToWorkgroups(options));
  populateCleanUp(pm);
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  populateCleanUp(pm);
  pm.addPass(createOutlineKernels());
  populateCleanUp(pm);
  // After the clean-up, so that a number does its work as a constant first.
  pm.addPass(createMergeKernels());
}
