//===- transmamba-translate.cpp - Model graphs to and from MLIR -----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "transmamba/Import/ImportGraph.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  // What libLLVM has brought so far is not for this tool; `--help-hidden` shows
  // it.
  llvm::cl::HideUnrelatedOptions(
      llvm::ArrayRef<const llvm::cl::OptionCategory *>());
  transmamba::registerGraphTranslations();
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "TransMamba " << TRANSMAMBA_VERSION << " (LLVM "
       << LLVM_VERSION_STRING << ")\n";
  });
  llvm::cl::extrahelp examples(R"(
EXAMPLES:
  A model graph to MLIR, and back:
    transmamba-translate --import-json model.json -o model.mlir
    transmamba-translate --export-json model.mlir -o model.json

  With other TransPoints, or only one entry point:
    transmamba-translate --import-json model.json --schedule=0,64,4096
    transmamba-translate --import-json model.json --entries=decode

  docs/graph.md describes the JSON form. Exit code 0 on success, 1 on any error.
)");
  return mlir::failed(mlir::mlirTranslateMain(
      argc, argv, "Model graphs in JSON to MLIR, and back"));
}
