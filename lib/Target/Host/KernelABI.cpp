//===- KernelABI.cpp - The C interface of CPU kernels -----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/KernelToVector/KernelToVector.h"
#include "transmamba/Target/Host/Host.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace transmamba {
#define GEN_PASS_DEF_HOSTKERNELABI
#include "transmamba/Target/Host/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

/// Arguments of a kernel before its own: x, y, z.
static constexpr unsigned kNumGridArguments = 3;

/// llvm.func @k(%x, %y, %z, %arg0, ...) { body }
///   ->
/// llvm.func internal @k.body(%x, %y, %z, %arg0, ...) { body }
/// llvm.func @k(%args, %x, %y, %z) { call @k.body with %args[0], ... }
static void addEntryPoint(LLVM::LLVMFuncOp kernel) {
  OpBuilder builder(kernel);
  Location loc = kernel.getLoc();
  std::string name = kernel.getName().str();
  kernel.setName(name + ".body");
  kernel.setLinkage(LLVM::Linkage::Internal);
  kernel.setAlwaysInline(true);
  kernel->removeAttr(kKernelAttrName);

  MLIRContext *context = kernel.getContext();
  auto pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = builder.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                          {pointer, i64, i64, i64});
  builder.setInsertionPointAfter(kernel);
  auto entry = LLVM::LLVMFuncOp::create(builder, loc, name, type);
  entry->setAttr(kKernelAttrName, builder.getUnitAttr());
  // The slots are only read, and nothing that the kernel writes is among them.
  entry.setArgAttr(0, LLVM::LLVMDialect::getNoAliasAttrName(),
                   builder.getUnitAttr());
  entry.setArgAttr(0, LLVM::LLVMDialect::getReadonlyAttrName(),
                   builder.getUnitAttr());

  Block *block = entry.addEntryBlock(builder);
  builder.setInsertionPointToStart(block);
  SmallVector<Value> operands(block->getArguments().begin() + 1,
                              block->getArguments().end());
  ArrayRef<Type> types = kernel.getFunctionType().getParams();
  for (auto [slot, slotType] :
       llvm::enumerate(types.drop_front(kNumGridArguments))) {
    Value address =
        LLVM::GEPOp::create(builder, loc, pointer, i64, block->getArgument(0),
                            ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(slot)});
    operands.push_back(LLVM::LoadOp::create(builder, loc, slotType, address));
  }
  LLVM::CallOp::create(builder, loc, kernel, operands);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
}

namespace {
class HostKernelABIPass final
    : public transmamba::impl::HostKernelABIBase<HostKernelABIPass> {
public:
  void runOnOperation() override {
    for (auto kernel : llvm::make_early_inc_range(
             getOperation().getOps<LLVM::LLVMFuncOp>())) {
      if (!kernel->hasAttr(kKernelAttrName))
        continue;
      ArrayRef<Type> types = kernel.getFunctionType().getParams();
      auto fitsSlot = [](Type type) {
        return type.isInteger(64) || isa<LLVM::LLVMPointerType>(type);
      };
      if (types.size() < kNumGridArguments || !llvm::all_of(types, fitsSlot)) {
        kernel.emitError("a kernel takes x, y, z, pointers and i64");
        return signalPassFailure();
      }
      addEntryPoint(kernel);
    }
  }
};
} // namespace
