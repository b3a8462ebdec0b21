//===- TileToGPU.cpp - Launches of tile kernels ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/TileToGPU/TileToGPU.h"

#include "Tile/IR/TileDialect.h"
#include "Tile/IR/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"
#include "transmamba/Conversion/TileToNVVM/TileToNVVM.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace transmamba {

#define GEN_PASS_DEF_TILETOGPU
#include "transmamba/Conversion/TileToGPU/Passes.h.inc"

/// The gpu.module of the kernels; nothing where something else has its name.
static gpu::GPUModuleOp getKernelModule(ModuleOp module) {
  if (Operation *found = module.lookupSymbol(kKernelModuleName)) {
    auto kernels = dyn_cast<gpu::GPUModuleOp>(found);
    if (!kernels)
      found->emitError() << "the name @" << kKernelModuleName
                         << " is kept for the GPU kernels";
    return kernels;
  }
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  builder.getUnitAttr());
  return gpu::GPUModuleOp::create(builder, module.getLoc(), kKernelModuleName);
}

// tile.launch @k grid(%x, %y, %z) ins(%a) outs(%b)
//   -> gpu.launch_func @kernels::@k blocks in (%x, %y, %z)
//      threads in (%n, 1, 1) dynamic_shared_memory_size %s args(%a, %b)
static void convertLaunch(tile::LaunchOp launch, gpu::GPUModuleOp kernels,
                          const TileKernelInterface &interface) {
  OpBuilder builder(launch);
  Location loc = launch.getLoc();
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value threads =
      arith::ConstantIndexOp::create(builder, loc, interface.threads);
  Value shared =
      arith::ConstantIntOp::create(builder, loc, interface.sharedBytes, 32);
  auto name =
      SymbolRefAttr::get(kernels.getSymNameAttr(), {launch.getKernelAttr()});
  gpu::LaunchFuncOp::create(
      builder, loc, name,
      gpu::KernelDim3{launch.getGridX(), launch.getGridY(), launch.getGridZ()},
      gpu::KernelDim3{threads, one, one}, shared, launch.getKernelOperands());
  launch.erase();
}

namespace {
class TileToGPUPass final : public impl::TileToGPUBase<TileToGPUPass> {
public:
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto found = module.getOps<tile::KernelOp>();
    SmallVector<tile::KernelOp> kernels(found.begin(), found.end());
    if (kernels.empty())
      return;
    gpu::GPUModuleOp gpuModule = getKernelModule(module);
    if (!gpuModule)
      return signalPassFailure();
    llvm::StringMap<TileKernelInterface> interfaces;
    for (tile::KernelOp kernel : kernels) {
      FailureOr<TileKernelInterface> interface = describeTileKernel(kernel);
      if (failed(interface))
        return signalPassFailure();
      interfaces[kernel.getName()] = *interface;
    }
    SmallVector<tile::LaunchOp> launches;
    module.walk([&](tile::LaunchOp launch) { launches.push_back(launch); });
    for (tile::LaunchOp launch : launches)
      convertLaunch(launch, gpuModule, interfaces.at(launch.getKernel()));
    for (tile::KernelOp kernel : kernels) {
      kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                      UnitAttr::get(&getContext()));
      kernel->moveBefore(gpuModule.getBody(), gpuModule.getBody()->end());
    }
  }
};
} // namespace

} // namespace transmamba
