//===- transmamba-opt.cpp - The optimizer driver --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TransMamba/IR/TransMambaDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "transmamba/Conversion/LinalgToDispatch/LinalgToDispatch.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  transmamba::registerLinalgToDispatchPasses();
  registry.insert<transmamba::TransMambaDialect>();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "TransMamba optimizer driver\n", registry));
}
