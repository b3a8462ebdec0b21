//===- transmamba-lsp-server.cpp - Language server for editors ------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "transmamba/Tools/RegisterAll.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  transmamba::registerAllDialects(registry);
  transmamba::registerVersionPrinter();
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
