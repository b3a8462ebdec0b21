//===- BulkCopies.cpp - Copies of tiles by the copy engine ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

//
// TMA (PTX ISA, "cp.async.bulk.tensor"). One thread starts a copy of a box,
// one panel of the tile, and the engine completes the barrier of the tile or,
// on the way out, a group of copies of that thread.
//
//===----------------------------------------------------------------------===//

#include "Ring.h"

using namespace mlir;

namespace transmamba::tile {

namespace {

// tile.load -> wait(empty); expect bytes; one copy a panel; next tile
class LoadPattern final : public TilePattern<LoadOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    Ring ring(emit, op.getRing(), adaptor.getRing(), plan);
    SharedType type = op.getRing().getType().getTile();
    Value tile = ring.getTile(), phase = ring.getPhase();
    ring.waitUntilEmpty(tile, phase);
    Value full = emit.sharedPointer(ring.getFull(tile));
    NVVM::MBarrierArriveExpectTxOp::create(rewriter, op.getLoc(), Type(), full,
                                           emit.constant(type.getSizeInBytes()),
                                           NVVM::MemScopeKind::CTA,
                                           /*relaxed=*/false, Value());
    size_t rank = op.getSource().getType().getRank();
    for (int64_t box = 0; box < op.getNumBoxes(); ++box)
      emitCopies(op, ArrayRef(adaptor.getIndices()).slice(box * rank, rank),
                 emit, type,
                 emit.add(ring.getAddress(tile),
                          box * op.getBoxRows() * type.getPanelRowBytes()),
                 full);
    ring.advance(tile, phase);
    rewriter.eraseOp(op);
    return success();
  }

private:
  /// One box, whose panels are as far apart as those of the tile.
  void emitCopies(LoadOp op, ArrayRef<ValueRange> indices, Emitter &emit,
                  SharedType type, Value address, Value full) const {
    OpBuilder &builder = emit.builder;
    Value map =
        op->getParentOfType<LLVM::LLVMFuncOp>().getArgument(plan.maps.at(op));
    Value hint;
    if (std::optional<Cache> cache = op.getCache())
      hint = emit.constant64(*cache == Cache::Keep ? 0x14F0000000000000
                                                   : 0x12F0000000000000);
    int64_t panel = type.getPanelColumns();
    for (int64_t i = 0; i < type.getColumns() / panel; ++i) {
      // Innermost dimension first.
      SmallVector<Value> coordinates;
      for (ValueRange index : llvm::reverse(indices))
        coordinates.push_back(single(index));
      coordinates[0] = emit.add(coordinates[0], i * panel);
      Value target = emit.sharedPointer(
          emit.add(address, i * type.getRows() * type.getPanelRowBytes()));
      auto cluster = LLVM::LLVMPointerType::get(builder.getContext(), 7);
      target =
          LLVM::AddrSpaceCastOp::create(builder, emit.loc, cluster, target);
      NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
          builder, emit.loc, target, map, coordinates, full, ValueRange(),
          Value(), hint, NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false,
          NVVM::CTAGroupKindAttr(), Value());
    }
  }
};

// tile.store -> fence; barrier of the warpgroup; one thread copies the panels
class StorePattern final : public TilePattern<StoreOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    emit.publishShared(/*hasAsyncProxy=*/true);
    Value map =
        op->getParentOfType<LLVM::LLVMFuncOp>().getArgument(plan.maps.at(op));
    SharedType type = op.getTile().getType();
    int64_t panelBytes = getPanelRows(op.getTile()) * type.getPanelRowBytes();
    int64_t panel = type.getPanelColumns();
    Value first = emit.isFirstOfWarpgroup();
    for (int64_t i = 0; i < type.getColumns() / panel; ++i) {
      SmallVector<Value> coordinates;
      for (ValueRange index : llvm::reverse(adaptor.getIndices()))
        coordinates.push_back(single(index));
      coordinates[0] = emit.add(coordinates[0], i * panel);
      Value source = emit.sharedPointer(
          emit.add(single(adaptor.getTile()), i * panelBytes));
      NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
          rewriter, op.getLoc(), map, source, coordinates, Value(),
          NVVM::TMAStoreMode::TILE, first);
    }
    NVVM::CpAsyncBulkCommitGroupOp::create(rewriter, op.getLoc());
    rewriter.eraseOp(op);
    return success();
  }
};

class StoreWaitPattern final : public TilePattern<StoreWaitOp> {
public:
  using TilePattern::TilePattern;

  // Only the thread that copies has something to wait for; the others wait for
  // it.
  LogicalResult
  matchAndRewrite(StoreWaitOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    NVVM::CpAsyncBulkWaitGroupOp::create(rewriter, op.getLoc(), 0,
                                         rewriter.getUnitAttr());
    emit.warpgroupBarrier();
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void populateBulkCopyPatterns(TypeConverter &converter, const KernelPlan &plan,
                              RewritePatternSet &patterns) {
  patterns.add<LoadPattern, StorePattern, StoreWaitPattern>(
      converter, patterns.getContext(), plan);
}

} // namespace transmamba::tile
