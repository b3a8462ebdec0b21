//===- FinalizeKernels.cpp - Last touches to NVVM kernels -----------------===//
//
// Part of the TransMamba project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "transmamba/Target/NVPTX.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace transmamba {

#define GEN_PASS_DEF_FINALIZEKERNELS
#include "transmamba/Target/NVPTX/Passes.h.inc"

/// Upstream makes the symbol of dynamic shared memory an internal variable of
/// no size, which the NVPTX back end turns into one static byte. As an external
/// declaration it is what the launch provides: .extern .shared name[].
static void declareDynamicSharedMemory(LLVM::GlobalOp global) {
  auto type = dyn_cast<LLVM::LLVMArrayType>(global.getGlobalType());
  if (global.getAddrSpace() == NVVM::NVVMMemorySpace::Shared && type &&
      type.getNumElements() == 0)
    global.setLinkage(LLVM::Linkage::External);
}

namespace {

class FinalizeKernelsPass final
    : public impl::FinalizeKernelsBase<FinalizeKernelsPass> {
public:
  void runOnOperation() override {
    for (auto global : getOperation().getOps<LLVM::GlobalOp>())
      declareDynamicSharedMemory(global);
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>()) {
      if (function.isExternal()) {
        function.emitError()
            << "calls the function " << function.getName()
            << ", which is not part of the module; kernels are compiled "
               "without a device library";
        return signalPassFailure();
      }
      StringRef bound = NVVM::NVVMDialect::getMaxntidAttrName();
      if (Attribute size = function->getAttr(bound)) {
        function->removeAttr(bound);
        function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(), size);
      }
    }
  }
};

} // namespace

} // namespace transmamba
