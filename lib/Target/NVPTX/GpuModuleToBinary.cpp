//===- GpuModuleToBinary.cpp - gpu.module to gpu.binary -------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Target/NVPTX.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace transmamba {

#define GEN_PASS_DEF_GPUMODULETOBINARY
#include "transmamba/Target/NVPTX/Passes.h.inc"

/// What ptxas said of every kernel, as the metadata of a gpu.object.
static gpu::KernelTableAttr getKernelTable(gpu::GPUModuleOp module,
                                           const GpuBinary &binary) {
  Builder builder(module.getContext());
  auto entry = [&](StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  SmallVector<gpu::KernelMetadataAttr> kernels;
  for (const KernelResources &kernel : binary.kernels) {
    auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(kernel.name);
    kernels.push_back(gpu::KernelMetadataAttr::get(
        builder.getStringAttr(kernel.name), function.getFunctionType(),
        /*argAttrs=*/ArrayAttr(),
        builder.getDictionaryAttr(
            {entry("block_size", kernel.blockSize),
             entry("dynamic_shared_bytes", kernel.dynamicSharedBytes),
             entry("registers", kernel.registers),
             entry("shared_bytes", kernel.sharedBytes),
             entry("spill_bytes", kernel.spillBytes)})));
  }
  return gpu::KernelTableAttr::get(module.getContext(), kernels);
}

namespace {

class GpuModuleToBinaryPass final
    : public impl::GpuModuleToBinaryBase<GpuModuleToBinaryPass> {
public:
  using GpuModuleToBinaryBase::GpuModuleToBinaryBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    GpuModuleToBinaryBase::getDependentDialects(registry);
    registerNvptxTranslation(registry);
  }

  void runOnOperation() override {
    for (auto module :
         llvm::make_early_inc_range(getOperation().getOps<gpu::GPUModuleOp>()))
      if (failed(replace(module)))
        return signalPassFailure();
  }

private:
  LogicalResult replace(gpu::GPUModuleOp module);
};

} // namespace

/// gpu.module @m { llvm.func @k ... } -> gpu.binary @m [PTX, cubin]
LogicalResult GpuModuleToBinaryPass::replace(gpu::GPUModuleOp module) {
  NvptxOptions options{chip, features, optLevel, ptxas};
  FailureOr<GpuBinary> binary = compileGpuModule(module, options);
  if (failed(binary))
    return failure();

  OpBuilder builder(module);
  auto target = NVVM::NVVMTargetAttr::get(
      builder.getContext(), optLevel, "nvptx64-nvidia-cuda", chip, features);
  gpu::KernelTableAttr kernels = getKernelTable(module, *binary);
  SmallVector<Attribute> objects;
  auto addObject = [&](gpu::CompilationTarget format, StringRef code) {
    objects.push_back(gpu::ObjectAttr::get(
        builder.getContext(), target, format, builder.getStringAttr(code),
        /*properties=*/DictionaryAttr(), kernels));
  };
  addObject(gpu::CompilationTarget::Assembly, binary->ptx);
  if (!binary->cubin.empty())
    addObject(gpu::CompilationTarget::Binary,
              StringRef(binary->cubin.data(), binary->cubin.size()));
  gpu::BinaryOp::create(builder, module.getLoc(), module.getName(),
                        /*offloadingHandler=*/Attribute(),
                        builder.getArrayAttr(objects));
  module.erase();
  return success();
}

} // namespace transmamba
