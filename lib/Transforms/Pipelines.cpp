//===- Pipelines.cpp - The phases schedule and fuse -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "transmamba/Transforms/Passes.h"

using namespace mlir;
using namespace transmamba;

void transmamba::populateSchedulePipeline(OpPassManager &pm) {
  pm.addPass(createScheduleModel());
  pm.addPass(createCSEPass());
}

void transmamba::populateFusePipeline(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createFuseSwitch());
  pm.addNestedPass<func::FuncOp>(createLastTokenOnly());
  pm.addNestedPass<func::FuncOp>(createFuseRotation());
  pm.addPass(createCanonicalizerPass());
}
