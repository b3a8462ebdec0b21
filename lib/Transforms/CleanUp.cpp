//===- CleanUp.cpp - Between the passes of a phase ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "transmamba/Transforms/Passes.h"

using namespace mlir;

void transmamba::populateCleanUp(OpPassManager &pm) {
  // scf.forall (%i) in (1) { body } -> body
  // A loop of one workgroup is a kernel as any other.
  static const std::string unwanted[] = {
      "(anonymous namespace)::ForallOpSingleOrZeroIterationDimsFolder"};
  pm.addPass(createCanonicalizerPass(GreedyRewriteConfig(), unwanted));
  pm.addPass(createCSEPass());
}
