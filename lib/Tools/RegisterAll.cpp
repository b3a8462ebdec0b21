//===- RegisterAll.cpp - What every tool on MLIR knows --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Tools/RegisterAll.h"

#include "Tile/IR/TileDialect.h"
#include "Tile/Transforms/Bufferization.h"
#include "Tile/Transforms/Passes.h"
#include "TransMamba/IR/TransMambaDialect.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"
#include "transmamba/Conversion/KernelToVector/KernelToVector.h"
#include "transmamba/Conversion/LinalgToDispatch/LinalgToDispatch.h"
#include "transmamba/Conversion/TileToGPU/TileToGPU.h"
#include "transmamba/Conversion/TileToLinalg/TileToLinalg.h"
#include "transmamba/Conversion/TileToNVVM/TileToNVVM.h"
#include "transmamba/Conversion/TransMambaToLinalg/TransMambaToLinalg.h"
#include "transmamba/Conversion/TransMambaToTile/TransMambaToTile.h"
#include "transmamba/Pipelines/Phases.h"
#include "transmamba/Target/Host/Host.h"
#include "transmamba/Target/NVPTX.h"
#include "transmamba/Transforms/Passes.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"

using namespace mlir;

void transmamba::registerAllDialects(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registerNvptxTranslation(registry);
  registry.insert<tile::TileDialect, TransMambaDialect>();
  tile::registerBufferization(registry);
}

void transmamba::registerTransMambaPasses() {
  mlir::registerAllPasses();
  registerTransMambaTransformsPasses();
  registerTransMambaToLinalgPasses();
  registerLinalgToDispatchPasses();
  registerKernelToVectorPasses();
  registerKernelToGPUPasses();
  registerTileToLinalgPasses();
  registerTransMambaToTilePasses();
  registerTileTransformsPasses();
  registerTileToGPUPasses();
  registerTileToNVVMPasses();
  registerHostTargetPasses();
  registerNvptxPasses();
  registerNvptxPipelines();
  registerTransMambaPipelines();
}

void transmamba::setUpCommandLine(llvm::StringRef examples) {
  llvm::cl::HideUnrelatedOptions(
      llvm::ArrayRef<const llvm::cl::OptionCategory *>());
  // Adds itself to what --help ends with; nothing is kept of it.
  llvm::cl::extrahelp moreHelp(examples);
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "TransMamba " << TRANSMAMBA_VERSION << " (LLVM "
       << LLVM_VERSION_STRING << ")\n";
  });
}
