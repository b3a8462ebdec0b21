//===- TransMambaOps.cpp - Operations: syntax and shapes ------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace transmamba;

// A float attribute without its type: `eps 1.0e-05`.
static ParseResult parseFloat(OpAsmParser &parser, FloatAttr &attribute) {
  double value;
  if (parser.parseFloat(value))
    return failure();
  attribute = parser.getBuilder().getF64FloatAttr(value);
  return success();
}

static void printFloat(OpAsmPrinter &printer, Operation *,
                       FloatAttr attribute) {
  printer.printFloat(attribute.getValue());
}

#define GET_OP_CLASSES
#include "TransMamba/IR/TransMambaOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Shapes of results
//===----------------------------------------------------------------------===//

/// Reifies the shape of `result`: static sizes from its type, dynamic ones
/// from the same dimension of `source`.
static SmallVector<OpFoldResult> shapeLike(OpBuilder &builder, Location loc,
                                           Value result, Value source) {
  auto type = cast<RankedTensorType>(result.getType());
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    sizes.push_back(
        type.isDynamicDim(dim)
            ? tensor::getMixedSize(builder, loc, source, dim)
            : OpFoldResult(builder.getIndexAttr(type.getDimSize(dim))));
  return sizes;
}

/// The common case: one tensor result; further results are states, which have
/// no tensor shape, and `reifiedReturnShapes` has an empty entry for each.
static LogicalResult reifyLike(Operation *op, OpBuilder &builder, Value source,
                               ReifiedRankedShapedTypeDims &shapes) {
  shapes.assign(op->getNumResults(), {});
  shapes[0] = shapeLike(builder, op->getLoc(), op->getResult(0), source);
  return success();
}

LogicalResult
EmbeddingOp::reifyResultShapes(OpBuilder &builder,
                               ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(builder, getLoc(), getTokens());
  sizes.push_back(tensor::getMixedSize(builder, getLoc(), getTable(), 1));
  shapes.push_back(sizes);
  return success();
}

LogicalResult
LastTokenOp::reifyResultShapes(OpBuilder &builder,
                               ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back({tensor::getMixedSize(builder, getLoc(), getInput(), 0),
                    tensor::getMixedSize(builder, getLoc(), getInput(), 2)});
  return success();
}

#define REIFY_LIKE(OP, SOURCE)                                                 \
  LogicalResult OP::reifyResultShapes(OpBuilder &builder,                      \
                                      ReifiedRankedShapedTypeDims &shapes) {   \
    return reifyLike(*this, builder, SOURCE, shapes);                          \
  }
REIFY_LIKE(ActivateOp, getInput())
REIFY_LIKE(RMSNormOp, getInput())
REIFY_LIKE(GatedRMSNormOp, getInput())
REIFY_LIKE(CausalConv1DOp, getInput())
REIFY_LIKE(RopeOp, getInput())
// Heads and head dimensions are static wherever batch and tokens are not, or
// equal to q's: the verifiers see to it.
REIFY_LIKE(CachedAttentionOp, getQ())
REIFY_LIKE(SSDScanOp, getQ())
REIFY_LIKE(SwitchOp, getQ())
REIFY_LIKE(SelectiveScanOp, getU())
REIFY_LIKE(SelectReadingOp, getAttention())
#undef REIFY_LIKE

LogicalResult
AttentionOp::reifyResultShapes(OpBuilder &builder,
                               ReifiedRankedShapedTypeDims &shapes) {
  for (Value result : getOperation()->getResults())
    shapes.push_back(shapeLike(builder, getLoc(), result, getQ()));
  return success();
}

//===----------------------------------------------------------------------===//
// Symbol users
//===----------------------------------------------------------------------===//

LogicalResult GetParameterOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto parameter =
      symbols.lookupNearestSymbolFrom<ParameterOp>(*this, getNameAttr());
  if (!parameter)
    return emitOpError("(C1) there is no transmamba.parameter @") << getName();
  if (parameter.getType() != getType())
    return emitOpError("(C1) parameter @")
           << getName() << " has type " << parameter.getType() << ", not "
           << getType();
  return success();
}

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(
      *this, getKernelAttr());
  if (!kernel || !kernel->hasAttr(TransMambaDialect::kKernelAttr))
    return emitOpError("(C1) there is no kernel @") << getKernel();
  ArrayRef<Type> types = kernel.getArgumentTypes();
  if (types.size() != 3 + getArguments().size())
    return emitOpError("(C1) kernel @")
           << getKernel() << " has " << types.size() << " arguments, not 3 + "
           << getArguments().size();
  for (auto [value, type] : llvm::zip(getArguments(), types.drop_front(3))) {
    Type expected = value.getType();
    if (auto memref = dyn_cast<MemRefType>(expected))
      expected = MemRefType::get({}, memref.getElementType());
    if (type != expected)
      return emitOpError("(C2) kernel @")
             << getKernel() << " takes " << type << " where " << expected
             << " is passed";
  }
  return success();
}
