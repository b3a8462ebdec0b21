//===- KernelScratch.cpp - Scratch of a CPU kernel --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/KernelToVector/KernelToVector.h"
#include "transmamba/Target/Host/Host.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

namespace transmamba {
#define GEN_PASS_DEF_HOSTKERNELSCRATCH
#include "transmamba/Target/Host/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

static constexpr int64_t kAlignment = 64;

/// func.func @k(%x, %y, %z: index, memref<T> and index...)
static LogicalResult checkSignature(func::FuncOp kernel) {
  if (kernel.getNumResults() != 0)
    return kernel.emitError("a kernel has no results");
  if (kernel.getNumArguments() < 3)
    return kernel.emitError("a kernel begins with the arguments x, y and z");
  for (auto [number, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    if (type.isIndex())
      continue;
    auto memref = dyn_cast<MemRefType>(type);
    if (number >= 3 && memref && memref.getRank() == 0 &&
        memref.getLayout().isIdentity() && !memref.getMemorySpace())
      continue;
    return kernel.emitError("argument ")
           << number << " of a kernel is of type " << type << ", not "
           << (number < 3 ? "index"
                          : "index or a buffer of rank 0 in default memory");
  }
  return success();
}

/// Bytes of a static buffer; none if it is dynamic or too large to count.
static std::optional<int64_t> getBytes(MemRefType type) {
  Type element = type.getElementType();
  if (!type.hasStaticShape() || !type.getLayout().isIdentity() ||
      !(element.isIntOrFloat() || element.isIndex()))
    return std::nullopt;
  int64_t bytes = element.isIndex()
                      ? 8
                      : llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  for (int64_t size : type.getShape())
    if (llvm::MulOverflow(bytes, size, bytes))
      return std::nullopt;
  return bytes;
}

namespace {
class HostKernelScratchPass final
    : public transmamba::impl::HostKernelScratchBase<HostKernelScratchPass> {
public:
  using HostKernelScratchBase::HostKernelScratchBase;

  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!kernel->hasAttr(kKernelAttrName))
      return;
    if (kernel.isExternal()) {
      kernel.emitError("a kernel has a body");
      return signalPassFailure();
    }
    if (failed(checkSignature(kernel)) || failed(hoist(kernel)))
      return signalPassFailure();
  }

private:
  LogicalResult hoist(func::FuncOp kernel);
};
} // namespace

LogicalResult HostKernelScratchPass::hoist(func::FuncOp kernel) {
  SmallVector<Operation *> allocations, frees;
  kernel.walk([&](Operation *op) {
    if (isa<memref::AllocaOp, memref::AllocOp>(op))
      allocations.push_back(op);
    else if (isa<memref::DeallocOp>(op))
      frees.push_back(op);
  });
  for (Operation *op : frees)
    op->erase();

  OpBuilder builder(&kernel.getBody().front(),
                    kernel.getBody().front().begin());
  int64_t total = 0;
  for (Operation *op : allocations) {
    auto type = cast<MemRefType>(op->getResult(0).getType());
    std::optional<int64_t> bytes = getBytes(type);
    if (!bytes || op->getNumOperands() != 0)
      return op->emitOpError("in a kernel needs a static shape, numbers as "
                             "elements and no layout");
    total = llvm::SaturatingAdd(
        static_cast<uint64_t>(total),
        llvm::alignTo(static_cast<uint64_t>(*bytes), kAlignment));
    if (total < 0 || total > limit)
      return op->emitOpError("brings the scratch of kernel '")
             << kernel.getName() << "' to " << total << " bytes; the limit is "
             << limit.getValue() << ": use smaller tiles";
    auto alloca = memref::AllocaOp::create(
        builder, op->getLoc(), type, builder.getI64IntegerAttr(kAlignment));
    op->replaceAllUsesWith(alloca);
    op->erase();
  }
  return success();
}
