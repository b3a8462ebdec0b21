//===- EmulatedKernel.h - Kernel text to an emulated run --------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_CONVERSION_KERNELTOGPU_EMULATEDKERNEL_H
#define TRANSMAMBA_TEST_UNIT_CONVERSION_KERNELTOGPU_EMULATEDKERNEL_H

#include "GpuEmulator.h"

#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"
#include "transmamba/Target/NVPTX.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Transforms/Passes.h"

namespace transmamba::test {

/// A module with one kernel, lowered as far as the emulator needs it.
class EmulatedKernel {
public:
  /// Reads MLIR text and runs `pipeline` on it, then makes views explicit.
  /// Empty (false) where one of them fails.
  static EmulatedKernel
  create(llvm::StringRef text,
         llvm::function_ref<void(mlir::OpPassManager &)> pipeline) {
    EmulatedKernel kernel;
    mlir::DialectRegistry registry;
    mlir::registerAllDialects(registry);
    kernel.context = std::make_unique<mlir::MLIRContext>(
        registry, mlir::MLIRContext::Threading::DISABLED);
    kernel.module =
        mlir::parseSourceString<mlir::ModuleOp>(text, kernel.context.get());
    if (!kernel.module)
      return kernel;
    mlir::PassManager pm(kernel.context.get());
    pipeline(pm);
    auto &kernels = pm.nest<mlir::gpu::GPUModuleOp>();
    kernels.addPass(mlir::memref::createExpandStridedMetadataPass());
    kernels.addPass(mlir::createLowerAffinePass());
    kernels.addPass(mlir::createCanonicalizerPass());
    if (mlir::succeeded(pm.run(*kernel.module)))
      kernel.module->walk(
          [&](mlir::gpu::GPUFuncOp func) { kernel.function = func; });
    return kernel;
  }

  /// Goes to another kernel of the module; false if there is none.
  bool select(llvm::StringRef name) {
    function = nullptr;
    module->walk([&](mlir::gpu::GPUFuncOp func) {
      if (func.getName() == name)
        function = func;
    });
    return function != nullptr;
  }

  /// Breaks the kernel: removes the barrier with this number.
  void removeBarrier(unsigned number) {
    llvm::SmallVector<mlir::gpu::BarrierOp> barriers;
    function.walk([&](mlir::gpu::BarrierOp op) { barriers.push_back(op); });
    barriers[number]->erase();
  }

  /// A kernel function of the contract, for blocks of `blockSize` threads (0:
  /// the compiler chooses).
  static EmulatedKernel fromKernelFunction(llvm::StringRef text,
                                           int64_t blockSize = 0) {
    return create(text, [&](mlir::OpPassManager &pm) {
      pm.addPass(createKernelToGPU(KernelToGPUOptions{blockSize}));
    });
  }

  explicit operator bool() const { return function != nullptr; }

  std::vector<std::string> launch(std::array<int64_t, 3> grid,
                                  llvm::ArrayRef<KernelArgument> arguments) {
    return GpuEmulator(function).launch(grid, arguments);
  }

  template <typename OpTy> unsigned count() {
    unsigned number = 0;
    function.walk([&](OpTy) { ++number; });
    return number;
  }

  /// Elements of the widest vector that is loaded; 1 where none is.
  int64_t getVectorWidth() {
    int64_t width = 1;
    function.walk([&](mlir::vector::LoadOp load) {
      width = std::max(width, load.getVectorType().getNumElements());
    });
    return width;
  }

private:
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::gpu::GPUFuncOp function;
};

} // namespace transmamba::test

#endif // TRANSMAMBA_TEST_UNIT_CONVERSION_KERNELTOGPU_EMULATEDKERNEL_H
