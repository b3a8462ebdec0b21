//===- transmamba-opt.cpp - The optimizer driver --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "transmamba/Tools/RegisterAll.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  transmamba::registerAllDialects(registry);
  transmamba::registerTransMambaPasses();
  transmamba::registerVersionPrinter();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv,
      "TransMamba optimizer driver: reads IR of any phase, runs passes and "
      "pipelines (--transmamba-...), prints IR\n",
      registry));
}
