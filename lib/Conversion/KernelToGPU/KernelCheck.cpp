//===- KernelCheck.cpp - What the GPU route accepts -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelCheck.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace transmamba {

/// Arguments are the grid point, then what fits in 8 bytes each: the ABI of
/// docs/package.md.
static LogicalResult checkSignature(func::FuncOp kernel) {
  ArrayRef<Type> types = kernel.getArgumentTypes();
  if (kernel.getNumResults() != 0)
    return kernel.emitError("a kernel returns nothing; it writes to buffers");
  if (types.size() < 3 ||
      !llvm::all_of(types.take_front(3), [](Type t) { return t.isIndex(); }))
    return kernel.emitError("the first three arguments of a kernel are the "
                            "workgroup's coordinates, of type index");
  for (auto [index, type] : llvm::enumerate(types.drop_front(3))) {
    auto buffer = dyn_cast<MemRefType>(type);
    bool isPointer = buffer && buffer.getRank() == 0 &&
                     buffer.getLayout().isIdentity() &&
                     !buffer.getMemorySpace();
    if (!isPointer && !type.isIndex() && !type.isInteger(64))
      return kernel.emitError()
             << "argument " << index + 3 << " of a kernel has type " << type
             << "; it has to be a rank-0 memref, an index or an i64";
  }
  if (!kernel.getBody().hasOneBlock())
    return kernel.emitError("a kernel is one block of structured control flow");
  return success();
}

static bool isElementType(Type type) {
  return type.isIndex() || type.isInteger(1) || type.isInteger(8) ||
         type.isInteger(16) || type.isInteger(32) || type.isInteger(64) ||
         type.isF16() || type.isBF16() || type.isF32() || type.isF64();
}

static LogicalResult checkTypes(Operation *op) {
  for (Type type :
       llvm::concat<const Type>(SmallVector<Type>(op->getOperandTypes()),
                                SmallVector<Type>(op->getResultTypes()))) {
    Type element = type;
    if (auto buffer = dyn_cast<MemRefType>(type)) {
      element = buffer.getElementType();
      if (buffer.getMemorySpace())
        return op->emitOpError("memory spaces are not chosen before this pass");
    }
    if (!isElementType(element))
      return op->emitOpError()
             << "type " << type << " is not known in GPU kernels";
  }
  // Aliasing is followed through views only.
  if (!isa<ViewLikeOpInterface, memref::AllocaOp>(op))
    for (Type type : op->getResultTypes())
      if (isa<MemRefType>(type))
        return op->emitOpError("a kernel's buffers are arguments, scratch "
                               "(memref.alloca) and views of them; a memref "
                               "cannot be the result of this op");
  return success();
}

static LogicalResult checkScratch(memref::AllocaOp op) {
  if (!op.getType().hasStaticShape() || !op.getType().getLayout().isIdentity())
    return op.emitOpError("scratch of a GPU kernel lives in shared memory and "
                          "needs a static shape and the identity layout");
  return success();
}

static LogicalResult checkLinalg(linalg::LinalgOp op) {
  if (!op.hasPureBufferSemantics())
    return op.emitOpError("works on tensors; kernels are bufferized before "
                          "this pass");
  WalkResult result = op->walk([&](Operation *nested) {
    if (nested == op || isPure(nested) || isa<memref::LoadOp>(nested) ||
        nested->hasTrait<OpTrait::IsTerminator>() ||
        nested->hasTrait<OpTrait::HasRecursiveMemoryEffects>())
      return WalkResult::advance();
    nested->emitOpError("has a side effect in the body of a linalg op; the "
                        "body may only load");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

static LogicalResult checkOp(Operation *op) {
  if (failed(checkTypes(op)))
    return failure();
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return checkLinalg(linalgOp);
  if (auto scratch = dyn_cast<memref::AllocaOp>(op))
    return checkScratch(scratch);
  if (isa<arith::ArithDialect, math::MathDialect>(op->getDialect()))
    return success();
  if (isa<affine::AffineApplyOp, affine::AffineMinOp, affine::AffineMaxOp,
          linalg::IndexOp, linalg::YieldOp, memref::AssumeAlignmentOp,
          memref::CastOp, memref::CollapseShapeOp, memref::CopyOp,
          memref::DimOp, memref::ExpandShapeOp, memref::LoadOp,
          memref::ReinterpretCastOp, memref::StoreOp, memref::SubViewOp,
          scf::ForOp, scf::IfOp, scf::YieldOp, func::ReturnOp>(op))
    return success();
  return op->emitOpError("is not allowed in a GPU kernel; see docs/phases.md "
                         "for what a kernel is made of");
}

LogicalResult checkKernel(func::FuncOp kernel) {
  if (failed(checkSignature(kernel)))
    return failure();
  WalkResult result = kernel.getBody().walk([](Operation *op) {
    return failed(checkOp(op)) ? WalkResult::interrupt()
                               : WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

} // namespace transmamba
