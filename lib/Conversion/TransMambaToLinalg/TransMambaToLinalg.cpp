//===- TransMambaToLinalg.cpp - The model on tensors ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/TransMambaToLinalg/TransMambaToLinalg.h"
#include "Patterns.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace transmamba {
#define GEN_PASS_DEF_CONVERTTRANSMAMBATOLINALG
#include "transmamba/Conversion/TransMambaToLinalg/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// States of functions
//===----------------------------------------------------------------------===//

namespace {
/// A state that comes into a function, and where the same state goes out.
struct CarriedState {
  unsigned argument;
  std::optional<unsigned> result;
};
} // namespace

/// The states that a function takes. A result belongs to the argument of its
/// type, for a type names its layer.
static SmallVector<CarriedState> findStates(func::FuncOp function) {
  SmallVector<CarriedState> states;
  for (auto [argument, type] : llvm::enumerate(function.getArgumentTypes())) {
    if (!isa<StateTypeInterface>(type))
      continue;
    std::optional<unsigned> result;
    for (auto [index, resultType] : llvm::enumerate(function.getResultTypes()))
      if (resultType == type)
        result = index;
    states.push_back({static_cast<unsigned>(argument), result});
  }
  return states;
}

/// The tensor.empty that `value` is computed into, if any: the chain of
/// destinations of linalg ops, insertions and scf.foralls.
static tensor::EmptyOp findDestination(Value value) {
  while (auto result = dyn_cast_or_null<OpResult>(value)) {
    Operation *op = result.getOwner();
    if (auto empty = dyn_cast<tensor::EmptyOp>(op))
      return empty;
    if (auto forall = dyn_cast<scf::ForallOp>(op))
      value = forall.getTiedOpOperand(result)->get();
    else if (auto style = dyn_cast<DestinationStyleOpInterface>(op))
      value = style.getTiedOpOperand(result)->get();
    else
      break;
  }
  return {};
}

// A state that is made anew is made in the argument that it replaces:
//
//   func @f(%old) { %0 = tensor.empty  %1 = ... outs(%0)  return %1 }
// -> func @f(%old) { %1 = ... outs(%old)  return %1 }
//
// where %old is read by nothing.
static void reuseArguments(func::FuncOp function,
                           ArrayRef<CarriedState> states) {
  if (!function.getBody().hasOneBlock())
    return;
  auto ret = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  for (const CarriedState &state : states) {
    BlockArgument argument = function.getArgument(state.argument);
    if (!state.result || !argument.use_empty())
      continue;
    tensor::EmptyOp empty = findDestination(ret.getOperand(*state.result));
    if (!empty || empty.getType() != argument.getType())
      continue;
    empty.getResult().replaceAllUsesWith(argument);
    empty.erase();
  }
}

//===----------------------------------------------------------------------===//
// What cannot be lowered
//===----------------------------------------------------------------------===//

/// Errors for what the patterns would only refuse.
static LogicalResult checkOperation(Operation *op, const StateLayout &layout) {
  auto needsSchedule = [&](std::optional<uint64_t> point, int64_t layer) {
    if (point || layout.getTransPoint(layer))
      return success();
    return LogicalResult(op->emitOpError("has no TransPoint: run "
                                         "transmamba-schedule, or give the "
                                         "module a ")
                         << TransMambaDialect::kScheduleAttr);
  };
  auto needsStatic = [&](Value value, ArrayRef<int64_t> dims) {
    for (int64_t dim : dims)
      if (shapeOf(value)[dim] <= 0)
        return LogicalResult(op->emitOpError("needs a static, positive "
                                             "dimension ")
                             << dim << ", not " << value.getType());
    return success();
  };
  auto checkTypes = [&](TypeRange types) {
    for (Type type : types)
      if (auto cache = dyn_cast<KVCacheType>(type))
        if (!layout.getCapacity(cache.getLayer()))
          return LogicalResult(
              op->emitOpError("has a cache without a capacity: give the "
                              "module a ")
              << TransMambaDialect::kScheduleAttr << " or a "
              << TransMambaDialect::kMaxSequenceAttr);
    return success();
  };
  if (failed(checkTypes(op->getOperandTypes())) ||
      failed(checkTypes(op->getResultTypes())))
    return failure();
  if (auto transpoint = dyn_cast<TransPointOp>(op))
    return needsSchedule(transpoint.getPoint(), transpoint.getLayer());
  if (auto select = dyn_cast<SelectReadingOp>(op))
    return needsSchedule(select.getPoint(), select.getLayer());
  if (auto embedding = dyn_cast<EmbeddingOp>(op))
    return needsStatic(embedding.getTable(), {0, 1});
  if (auto last = dyn_cast<LastTokenOp>(op))
    return needsStatic(last.getInput(), 2);
  if (auto norm = dyn_cast<RMSNormOp>(op))
    return needsStatic(norm.getInput(), shapeOf(norm.getInput()).size() - 1);
  if (auto rope = dyn_cast<RopeOp>(op))
    return needsStatic(rope.getInput(), {2, 3});
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
/// A state that a kernel reads as a tensor is that tensor.
struct ForwardState final : OpConversionPattern<UnrealizedConversionCastOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(UnrealizedConversionCastOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (adaptor.getInputs().getTypes() != op.getResultTypes())
      return rewriter.notifyMatchFailure(op, "is another tensor");
    rewriter.replaceOp(op, adaptor.getInputs());
    return success();
  }
};

struct ConvertTransMambaToLinalg
    : transmamba::impl::ConvertTransMambaToLinalgBase<
          ConvertTransMambaToLinalg> {
  using ConvertTransMambaToLinalgBase::ConvertTransMambaToLinalgBase;

  void runOnOperation() override;

private:
  LogicalResult checkOptions();
  LogicalResult convert(LoweringContext &lowering);
};
} // namespace

LogicalResult ConvertTransMambaToLinalg::checkOptions() {
  for (int64_t size :
       {queryBlock.getValue(), keyBlock.getValue(), chunk.getValue(),
        tokenBlock.getValue(), channelBlock.getValue(),
        convChannelBlock.getValue(), scratchLimit.getValue()})
    if (size <= 0)
      return getOperation().emitError("convert-transmamba-to-linalg: block "
                                      "sizes must be positive, not ")
             << size;
  for (int64_t size : {valueBlock.getValue(), keySegment.getValue()})
    if (size < 0)
      return getOperation().emitError("convert-transmamba-to-linalg: the value "
                                      "block and the key segment must not be "
                                      "negative, as ")
             << size << " is";
  return success();
}

LogicalResult ConvertTransMambaToLinalg::convert(LoweringContext &lowering) {
  MLIRContext *context = &getContext();
  TypeConverter converter;
  converter.addConversion([](Type type) { return type; });
  converter.addConversion([&](StateTypeInterface state) -> Type {
    return lowering.layout.getTensorType(state);
  });

  RewritePatternSet patterns(context);
  populateAttentionPatterns(converter, lowering, patterns);
  populateCachePatterns(converter, lowering, patterns);
  populateConvPatterns(converter, lowering, patterns);
  populateNormPatterns(converter, lowering, patterns);
  populateRopePatterns(converter, lowering, patterns);
  populateRowPatterns(converter, lowering, patterns);
  populateScanPatterns(converter, lowering, patterns);
  populateSelectiveScanPatterns(converter, lowering, patterns);
  populateSwitchPatterns(converter, lowering, patterns);
  patterns.add<ForwardState>(converter, context);
  populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns,
                                                                 converter);
  populateCallOpTypeConversionPattern(patterns, converter);
  populateReturnOpTypeConversionPattern(patterns, converter);

  ConversionTarget target(*context);
  target.addLegalDialect<affine::AffineDialect, arith::ArithDialect,
                         bufferization::BufferizationDialect,
                         linalg::LinalgDialect, math::MathDialect,
                         tensor::TensorDialect>();
  target.addIllegalDialect<TransMambaDialect>();
  target.addLegalOp<ParameterOp, GetParameterOp, DispatchOp, WorkOp>();
  target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp op) {
    return converter.isSignatureLegal(op.getFunctionType()) &&
           converter.isLegal(&op.getBody());
  });
  target.addDynamicallyLegalOp<func::CallOp, func::ReturnOp>(
      [&](Operation *op) { return converter.isLegal(op); });
  target.addDynamicallyLegalOp<UnrealizedConversionCastOp>(
      [](UnrealizedConversionCastOp op) {
        return llvm::none_of(op.getInputs().getTypes(),
                             llvm::IsaPred<StateTypeInterface>);
      });
  scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                       target);
  target.addLegalOp<scf::ForallOp, scf::InParallelOp>();
  return applyPartialConversion(getOperation(), target, std::move(patterns));
}

void ConvertTransMambaToLinalg::runOnOperation() {
  ModuleOp module = getOperation();
  if (failed(checkOptions()))
    return signalPassFailure();
  LoweringContext lowering{StateLayout(module),
                           RopeTables(),
                           {queryBlock, keyBlock, keySegment, chunk, valueBlock,
                            tokenBlock, channelBlock, convChannelBlock,
                            scratchLimit}};
  WalkResult checked = module.walk([&](Operation *op) {
    return WalkResult(checkOperation(op, lowering.layout));
  });
  if (checked.wasInterrupted() ||
      failed(lowering.ropeTables.declare(module, lowering.layout)))
    return signalPassFailure();

  SmallVector<std::pair<func::FuncOp, SmallVector<CarriedState>>> functions;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isDeclaration())
      functions.emplace_back(function, findStates(function));

  if (failed(convert(lowering)))
    return signalPassFailure();

  for (auto &[function, states] : functions) {
    for (const CarriedState &state : states)
      function.setArgAttr(
          state.argument,
          bufferization::BufferizationDialect::kWritableAttrName,
          BoolAttr::get(&getContext(), true));
    reuseArguments(function, states);
  }

  // A concatenation is a copy of each part into its place.
  RewritePatternSet patterns(&getContext());
  tensor::populateDecomposeTensorConcatPatterns(patterns);
  if (failed(applyPatternsGreedily(module, std::move(patterns))))
    signalPassFailure();
}
