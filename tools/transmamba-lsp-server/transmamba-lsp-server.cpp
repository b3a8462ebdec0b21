//===- transmamba-lsp-server.cpp - Language server for editors ------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "transmamba/Tools/RegisterAll.h"

int main(int argc, char **argv) {
  transmamba::setUpCommandLine(R"(
Speaks the language server protocol on its standard input and output, for .mlir files with the transmamba dialect.
For Visual Studio Code: the extension MLIR, with the setting "mlir.server_path": "PATH/transmamba-lsp-server".
)");
  mlir::DialectRegistry registry;
  transmamba::registerAllDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
