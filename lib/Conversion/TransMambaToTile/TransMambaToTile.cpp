//===- TransMambaToTile.cpp - Hot operations to tile kernels --------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/TransMambaToTile/TransMambaToTile.h"

#include "Launches.h"
#include "SplitSwitch.h"
#include "Tile/IR/TileDialect.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace transmamba {
#define GEN_PASS_DEF_CONVERTTRANSMAMBATOTILE
#include "transmamba/Conversion/TransMambaToTile/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

namespace {
struct ConvertTransMambaToTile final
    : transmamba::impl::ConvertTransMambaToTileBase<ConvertTransMambaToTile> {
  using ConvertTransMambaToTileBase::ConvertTransMambaToTileBase;
  void runOnOperation() override;
};
} // namespace

void ConvertTransMambaToTile::runOnOperation() {
  ModuleOp module = getOperation();
  FailureOr<const tile::Target *> target = tile::getTarget(module, chip);
  if (failed(target))
    return signalPassFailure();
  module->setAttr(tile::kTileChipAttrName,
                  StringAttr::get(&getContext(), (*target)->chip));
  // Blocks of one launch of several draw items of work.
  Launches launches(module, **target, batchInvariant,
                    groups && (*target)->hasTickets);
  SmallVector<SwitchOp> switches;
  module.walk([&](SwitchOp op) { switches.push_back(op); });
  for (SwitchOp op : switches)
    if (failed(convertSwitch(op, launches)))
      return signalPassFailure();

  SmallVector<Operation *> ops;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](Operation *op) {
      if (isa<linalg::MatmulOp, AttentionOp, SSDScanOp, ConvertMemoryOp>(op))
        ops.push_back(op);
    });
  for (Operation *op : ops) {
    if (launches.erased.contains(op))
      continue;
    LogicalResult converted = success();
    if (auto matmul = dyn_cast<linalg::MatmulOp>(op))
      converted = convertGemm(matmul, launches);
    else if (auto scan = dyn_cast<SSDScanOp>(op))
      converted = convertScan(scan, launches);
    else if (auto memory = dyn_cast<ConvertMemoryOp>(op))
      converted = convertMemory(memory, launches);
    else
      converted = convertAttention(cast<AttentionOp>(op), launches);
    if (failed(converted))
      return signalPassFailure();
  }
  numLaunches += launches.numLaunches;
  numKernels += launches.numKernels;
}
