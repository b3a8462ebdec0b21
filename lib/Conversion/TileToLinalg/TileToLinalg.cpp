//===- TileToLinalg.cpp - The pass ----------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/TileToLinalg/TileToLinalg.h"

#include "KernelEmitter.h"
#include "Tile/Transforms/ShortForms.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace transmamba {

#define GEN_PASS_DEF_CONVERTTILETOLINALG
#include "transmamba/Conversion/TileToLinalg/Passes.h.inc"

namespace tile {

/// The function of one block, empty.
static func::FuncOp createFunction(KernelOp kernel) {
  OpBuilder builder(kernel);
  SmallVector<Type> inputs(kernel.getArgumentTypes());
  inputs.append(6, builder.getIndexType());
  inputs.push_back(MemRefType::get({}, builder.getI32Type()));
  auto function =
      func::FuncOp::create(builder, kernel.getLoc(), kernel.getSymName(),
                           builder.getFunctionType(inputs, {}));
  function->setDiscardableAttrs(kernel->getDiscardableAttrDictionary());
  if (ArrayAttr attributes = kernel.getArgAttrsAttr())
    for (auto [number, argument] :
         llvm::enumerate(attributes.getAsRange<DictionaryAttr>()))
      function.setArgAttrs(number, argument);
  function.addEntryBlock();
  return function;
}

/// A module of device code holds nothing for processors.
static LogicalResult moveToModule(func::FuncOp function, ModuleOp module) {
  auto device = dyn_cast<gpu::GPUModuleOp>(function->getParentOp());
  if (!device)
    return success();
  if (SymbolTable::lookupSymbolIn(module, function.getName()))
    return function.emitError("the module has a symbol of this name already");
  function->moveBefore(device);
  if (device.getBody()->empty())
    device.erase();
  return success();
}

namespace {

class ConvertTileToLinalgPass final
    : public transmamba::impl::ConvertTileToLinalgBase<
          ConvertTileToLinalgPass> {
public:
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<KernelOp> kernels;
    WalkResult walk = module.walk([&](Operation *op) {
      if (auto kernel = dyn_cast<KernelOp>(op))
        kernels.push_back(kernel);
      if (!isa<LaunchOp>(op))
        return WalkResult::advance();
      op->emitOpError("has no counterpart: the caller of a block's function "
                      "loops over the grid");
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();
    for (KernelOp kernel : kernels) {
      expandShortForms(kernel);
      func::FuncOp function = createFunction(kernel);
      if (failed(KernelEmitter(kernel, function).emit()))
        return signalPassFailure();
      kernel.erase();
      if (failed(moveToModule(function, module)))
        return signalPassFailure();
    }
  }
};

} // namespace
} // namespace tile
} // namespace transmamba
