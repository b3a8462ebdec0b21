//===- Rings.cpp - Shared memory, rings and bulk copies -------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

//
// A tile of a ring has two barriers: `full`, which a copy completes, and
// `empty`, on which its readers arrive. A cursor (number of the tile, phase)
// goes round the ring; cursors are local variables, which LLVM makes registers.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace transmamba::tile {

/// Start of dynamic shared memory, see Structure.cpp.
static Value getShared(Emitter &emit, int64_t offset) {
  auto pointer = LLVM::LLVMPointerType::get(emit.builder.getContext(), 3);
  Value address =
      LLVM::AddressOfOp::create(emit.builder, emit.loc, pointer, "tile_shared");
  Value base =
      LLVM::PtrToIntOp::create(emit.builder, emit.loc, emit.i32, address);
  return emit.add(base, offset);
}

namespace {

/// A ring in a thread: the values that it was converted to, and its plan.
class Ring {
public:
  Ring(Emitter &emit, Value original, ValueRange values, const KernelPlan &plan)
      : emit(emit), values(values),
        plan(plan.rings.at(original.getDefiningOp())),
        stages(cast<RingType>(original.getType()).getStages()) {}

  Value getTile() { return emit.load(values[1]); }
  Value getPhase() { return emit.load(values[2]); }
  Value getHeld() { return emit.load(values[3]); }

  Value getAddress(Value tile) {
    return emit.add(values[0], emit.mul(tile, plan.tileBytes));
  }
  /// Barriers follow the tiles of all rings, at a constant distance.
  Value getFull(Value tile) {
    return emit.add(emit.add(values[0], emit.mul(tile, kBarrierBytes)),
                    plan.barriers - plan.tiles);
  }
  Value getEmpty(Value tile) { return emit.add(getFull(tile), 8); }

  void advance(Value tile, Value phase) {
    Value next = emit.add(tile, 1);
    Value wraps = emit.equal(next, stages);
    emit.store(emit.select(wraps, emit.constant(0), next), values[1]);
    Value flipped = emit.exclusiveOr(phase, emit.constant(1));
    emit.store(emit.select(wraps, flipped, phase), values[2]);
  }
  void advanceHeld(Value tile) {
    Value next = emit.add(tile, 1);
    emit.store(emit.select(emit.equal(next, stages), emit.constant(0), next),
               values[3]);
  }

  void wait(Value barrier, Value phase) {
    // Tries for a while, and again: a time limit of the hardware's choice.
    Value ticks = emit.constant(10000000);
    NVVM::MBarrierTryWaitParityOp::create(
        emit.builder, emit.loc, emit.sharedPointer(barrier), phase, ticks);
  }

  Emitter &emit;
  ValueRange values;
  const RingPlan &plan;
  int64_t stages;
};

class AllocPattern final : public TilePattern<AllocOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(AllocOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    rewriter.replaceOp(op, getShared(emit, plan.tiles.at(op)));
    return success();
  }
};

class RingPattern final : public TilePattern<RingOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(RingOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    SmallVector<Value> values{getShared(emit, plan.rings.at(op).tiles)};
    // LLVM promotes the variables of the entry block only.
    auto function = op->getParentOfType<LLVM::LLVMFuncOp>();
    rewriter.setInsertionPointToStart(&function.getBody().front());
    auto pointer = LLVM::LLVMPointerType::get(rewriter.getContext());
    Value one = emit.constant(1), zero = emit.constant(0);
    for (int i = 0; i < 3; ++i) {
      values.push_back(LLVM::AllocaOp::create(rewriter, op.getLoc(), pointer,
                                              emit.i32, one));
      emit.store(zero, values.back());
    }
    rewriter.replaceOpWithMultiple(op, {values});
    return success();
  }
};

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
    // The first round meets free tiles: the phase before the first is over.
    ring.wait(ring.getEmpty(tile), emit.exclusiveOr(phase, emit.constant(1)));
    Value full = emit.sharedPointer(ring.getFull(tile));
    NVVM::MBarrierArriveExpectTxOp::create(rewriter, op.getLoc(), Type(), full,
                                           emit.constant(type.getSizeInBytes()),
                                           NVVM::MemScopeKind::CTA,
                                           /*relaxed=*/false, Value());
    emitCopies(op, adaptor, emit, type, ring.getAddress(tile), full);
    ring.advance(tile, phase);
    rewriter.eraseOp(op);
    return success();
  }

private:
  void emitCopies(LoadOp op, Adaptor adaptor, Emitter &emit, SharedType type,
                  Value address, Value full) const {
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
      for (ValueRange index : llvm::reverse(adaptor.getIndices()))
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

class ConsumerWaitPattern final : public TilePattern<ConsumerWaitOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ConsumerWaitOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    Ring ring(emit, op.getRing(), adaptor.getRing(), plan);
    Value tile = ring.getTile(), phase = ring.getPhase();
    ring.wait(ring.getFull(tile), phase);
    ring.advance(tile, phase);
    rewriter.replaceOp(op, ring.getAddress(tile));
    return success();
  }
};

// A branch would make the warps diverge, which costs more than a predicate.
class ConsumerReleasePattern final : public TilePattern<ConsumerReleaseOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ConsumerReleaseOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    Ring ring(emit, op.getRing(), adaptor.getRing(), plan);
    Value tile = ring.getHeld();
    Value one;
    if (ring.plan.releasedByWarps) {
      // All lanes have read.
      NVVM::SyncWarpOp::create(rewriter, op.getLoc(), emit.constant(-1));
      one = emit.isFirstOfWarp();
    } else {
      one = emit.isFirstOfWarpgroup();
    }
    Value predicate =
        arith::ExtUIOp::create(rewriter, op.getLoc(), emit.i32, one);
    emit.assembly("{ .reg .pred p; setp.ne.b32 p, $1, 0; "
                  "@p mbarrier.arrive.shared::cta.b64 _, [$0]; }",
                  "r,r", {ring.getEmpty(tile), predicate});
    ring.advanceHeld(tile);
    rewriter.eraseOp(op);
    return success();
  }
};

class RowSlicePattern final : public TilePattern<RowSliceOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(RowSliceOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    Value bytes = emit.mul(single(adaptor.getOffset()),
                           op.getSource().getType().getPanelRowBytes());
    rewriter.replaceOp(op, emit.add(single(adaptor.getSource()), bytes));
    return success();
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
    emit.assembly("fence.proxy.async.shared::cta;", "", {});
    // One barrier of the hardware for each warpgroup of the block.
    Value id = emit.add(emit.shiftRight(emit.warp(), 2), 8);
    emit.assembly("bar.sync $0, $1;", "r,r",
                  {id, emit.constant(kWarpgroupThreads)});
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
    Value id = emit.add(emit.shiftRight(emit.warp(), 2), 8);
    emit.assembly("bar.sync $0, $1;", "r,r",
                  {id, emit.constant(kWarpgroupThreads)});
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void populateRingPatterns(TypeConverter &converter, const KernelPlan &plan,
                          RewritePatternSet &patterns) {
  patterns.add<AllocPattern, RingPattern, LoadPattern, ConsumerWaitPattern,
               ConsumerReleasePattern, RowSlicePattern, StorePattern,
               StoreWaitPattern>(converter, patterns.getContext(), plan);
}

} // namespace transmamba::tile
