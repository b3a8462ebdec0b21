//===- FinalizeKernels.cpp - Last touches to NVVM kernels -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"
#include "transmamba/Target/NVPTX.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/ADT/SetVector.h"

#include <algorithm>

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

/// Threads of a multiprocessor that its registers are shared out to: a thread
/// of 1024 has up to 64, enough for most register tiles of KernelToGPU. Kernels
/// that still spill get more where ptxas is run.
static constexpr int64_t kResidentThreads = 1024;

/// Shared memory of a multiprocessor, the largest of the chips (sm_90), and
/// what the system keeps of it a block. A chip with less holds fewer blocks.
static constexpr int64_t kSharedBytes = 228 * 1024;
static constexpr int64_t kReservedSharedBytes = 1024;

/// Shared memory of a block of `kernel`, static and dynamic.
static int64_t getSharedBytes(LLVM::LLVMFuncOp kernel) {
  int64_t bytes = 0;
  if (auto dynamic =
          kernel->getAttrOfType<IntegerAttr>(kDynamicSharedMemoryAttrName))
    bytes = dynamic.getInt();
  SymbolTableCollection symbols;
  DataLayout layout = DataLayout::closest(kernel);
  SetVector<LLVM::GlobalOp> globals;
  kernel.walk([&](LLVM::AddressOfOp op) {
    if (LLVM::GlobalOp global = op.getGlobal(symbols))
      if (global.getAddrSpace() == NVVM::NVVMMemorySpace::Shared)
        globals.insert(global);
  });
  for (LLVM::GlobalOp global : globals)
    bytes += layout.getTypeSize(global.getGlobalType()).getFixedValue();
  return bytes;
}

/// How many blocks of `kernel` a multiprocessor has to hold. Without a word on
/// it ptxas spills a few registers for one more block, which shared memory may
/// not even leave room for.
static int64_t chooseResidentBlocks(LLVM::LLVMFuncOp kernel,
                                    int64_t blockSize) {
  int64_t byThreads = kResidentThreads / blockSize;
  int64_t byShared =
      kSharedBytes / (getSharedBytes(kernel) + kReservedSharedBytes);
  return std::max<int64_t>(1, std::min(byThreads, byShared));
}

/// A block size that is known is the block size: ptxas plans registers for it,
/// and for the blocks that are to be resident.
static void fixLaunchBounds(LLVM::LLVMFuncOp kernel) {
  StringRef bound = NVVM::NVVMDialect::getMaxntidAttrName();
  auto size = kernel->getAttrOfType<DenseI32ArrayAttr>(bound);
  if (!size)
    return;
  kernel->removeAttr(bound);
  kernel->setAttr(NVVM::NVVMDialect::getReqntidAttrName(), size);
  int64_t threads = 1;
  for (int32_t extent : size.asArrayRef())
    threads *= extent;
  kernel->setAttr(
      NVVM::NVVMDialect::getMinctasmAttrName(),
      Builder(kernel.getContext())
          .getI32IntegerAttr(chooseResidentBlocks(kernel, threads)));
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
      fixLaunchBounds(function);
    }
  }
};

} // namespace

} // namespace transmamba
