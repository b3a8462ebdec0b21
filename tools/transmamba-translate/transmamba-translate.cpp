//===- transmamba-translate.cpp - Model graphs to and from MLIR -----------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "transmamba/Import/ImportGraph.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  // What libLLVM has brought so far is not for this tool; `--help-hidden` shows
  // it.
  llvm::cl::HideUnrelatedOptions(
      llvm::ArrayRef<const llvm::cl::OptionCategory *>());
  transmamba::registerGraphTranslations();
  llvm::cl::AddExtraVersionPrinter([](llvm::raw_ostream &os) {
    os << "TransMamba " << TRANSMAMBA_VERSION << "\n";
  });
  return mlir::failed(
      mlir::mlirTranslateMain(argc, argv, "TransMamba graph translation"));
}
