//===- HoistParameters.cpp - Parameters become arguments ------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "transmamba/Conversion/LinalgToDispatch/LinalgToDispatch.h"
#include "llvm/ADT/MapVector.h"

namespace transmamba {
#define GEN_PASS_DEF_HOISTPARAMETERS
#include "transmamba/Conversion/LinalgToDispatch/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

static LogicalResult hoistParameters(func::FuncOp entry) {
  llvm::MapVector<StringAttr, SmallVector<GetParameterOp>> uses;
  entry.walk([&](GetParameterOp op) {
    uses[op.getNameAttr().getAttr()].push_back(op);
  });
  Builder builder(entry.getContext());
  for (auto &[name, ops] : uses) {
    unsigned index = entry.getNumArguments();
    NamedAttribute attribute(
        builder.getStringAttr(TransMambaDialect::kParameterAttr), name);
    if (failed(entry.insertArgument(index, ops.front().getType(),
                                    builder.getDictionaryAttr(attribute),
                                    ops.front().getLoc())))
      return failure();
    for (GetParameterOp op : ops) {
      op.replaceAllUsesWith(Value(entry.getArgument(index)));
      op.erase();
    }
  }
  return success();
}

namespace {
struct HoistParametersPass
    : public transmamba::impl::HoistParametersBase<HoistParametersPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(TransMambaDialect::kEntryAttr) &&
          failed(hoistParameters(function)))
        return signalPassFailure();
  }
};
} // namespace
