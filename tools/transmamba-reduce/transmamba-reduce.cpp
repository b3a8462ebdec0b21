//===- transmamba-reduce.cpp - Reduce a failing input ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/LogicalResult.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "transmamba/Tools/RegisterAll.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  transmamba::registerAllDialects(registry);
  transmamba::registerTransMambaPasses();
  transmamba::registerVersionPrinter();
  mlir::MLIRContext context(registry);
  return failed(mlir::mlirReduceMain(argc, argv, context));
}
