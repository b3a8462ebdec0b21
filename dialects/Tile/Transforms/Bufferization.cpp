//===- Bufferization.cpp - Launches on buffers ----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Tile/Transforms/Bufferization.h"

#include "Tile/IR/TileOps.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace transmamba::tile;

/// A buffer as a kernel takes it: contiguous. Anything else is copied, to be
/// copied back if the kernel writes it.
static FailureOr<Value> getContiguous(RewriterBase &rewriter, Location loc,
                                      Value buffer, bool copy) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  if (!type)
    return emitError(loc, "a kernel takes buffers of known rank, not ")
           << buffer.getType();
  if (type.getLayout().isIdentity())
    return buffer;
  SmallVector<Value> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      sizes.push_back(memref::DimOp::create(rewriter, loc, buffer, dim));
  Value whole = memref::AllocOp::create(
      rewriter, loc, MemRefType::get(type.getShape(), type.getElementType()),
      sizes);
  if (copy)
    memref::CopyOp::create(rewriter, loc, buffer, whole);
  return whole;
}

namespace {
struct LaunchBufferization
    : public bufferization::DstBufferizableOpInterfaceExternalModel<
          LaunchBufferization, LaunchOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const bufferization::AnalysisState &) const {
    // What the kernel leaves of an output does not depend on what was there,
    // unless it leaves a part as it was.
    auto launch = cast<LaunchOp>(op);
    return launch.getPartial() || !launch.isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const bufferization::BufferizationOptions &options,
                          bufferization::BufferizationState &state) const {
    auto launch = cast<LaunchOp>(op);
    if (launch.getResults().empty())
      return success();
    Location loc = op->getLoc();
    rewriter.setInsertionPoint(op);
    auto getBuffers = [&](ValueRange values, SmallVector<Value> &buffers) {
      for (Value value : values) {
        if (!isa<TensorType>(value.getType())) {
          buffers.push_back(value);
          continue;
        }
        FailureOr<Value> buffer =
            bufferization::getBuffer(rewriter, value, options, state);
        if (failed(buffer))
          return failure();
        buffers.push_back(*buffer);
      }
      return success();
    };
    SmallVector<Value> inputs, outputs;
    if (failed(getBuffers(launch.getInputs(), inputs)) ||
        failed(getBuffers(launch.getOutputs(), outputs)))
      return failure();
    SmallVector<Value> whole = outputs;
    auto replace = [&](SmallVector<Value> &values, bool copy) {
      for (Value &value : values) {
        if (!isa<BaseMemRefType>(value.getType()))
          continue;
        FailureOr<Value> result = getContiguous(rewriter, loc, value, copy);
        if (failed(result))
          return failure();
        value = *result;
      }
      return success();
    };
    if (failed(replace(inputs, /*copy=*/true)) ||
        failed(replace(whole, /*copy=*/launch.getPartial())))
      return failure();
    auto onBuffers = LaunchOp::create(
        rewriter, loc, TypeRange(), launch.getKernelAttr(), launch.getGridX(),
        launch.getGridY(), launch.getGridZ(), launch.getFlop(),
        launch.getBytes(), inputs, whole);
    onBuffers.setPartial(launch.getPartial());
    onBuffers->setDiscardableAttrs(launch->getDiscardableAttrDictionary());
    SmallVector<Value> results;
    for (auto [output, buffer, tensor] :
         llvm::zip(outputs, whole, launch.getOutputs())) {
      if (output != buffer)
        memref::CopyOp::create(rewriter, loc, buffer, output);
      if (isa<TensorType>(tensor.getType()))
        results.push_back(output);
    }
    bufferization::replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};
} // namespace

void transmamba::tile::registerBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, TileDialect *) {
    LaunchOp::attachInterface<LaunchBufferization>(*context);
  });
}
