//===- Rings.cpp - Shared memory, and rings of it -------------------------===//
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

#include "Ring.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace transmamba::tile {

// Dynamic shared memory, see Structure.cpp.
Value getShared(Emitter &emit, int64_t offset) {
  auto pointer = LLVM::LLVMPointerType::get(emit.builder.getContext(), 3);
  Value address =
      LLVM::AddressOfOp::create(emit.builder, emit.loc, pointer, "tile_shared");
  Value base =
      LLVM::PtrToIntOp::create(emit.builder, emit.loc, emit.i32, address);
  return emit.add(base, offset);
}

Ring::Ring(Emitter &emit, Value original, ValueRange values,
           const KernelPlan &plan)
    : emit(emit), values(values), target(plan.target),
      plan(plan.rings.at(original.getDefiningOp())),
      stages(cast<RingType>(original.getType()).getStages()) {}

Value Ring::getAddress(Value tile) {
  return emit.add(values[0], emit.mul(tile, plan.tileBytes));
}

Value Ring::getFull(Value tile) {
  return emit.add(emit.add(values[0], emit.mul(tile, kBarrierBytes)),
                  plan.barriers - plan.tiles);
}

Value Ring::getEmpty(Value tile) { return emit.add(getFull(tile), 8); }

// Packed: the tile, 256 times the phase, 65536 times the held tile.
Value Ring::getTile() {
  Value cursor = emit.load(values[1]);
  return plan.packed ? emit.mask(cursor, 0xFF) : cursor;
}

Value Ring::getPhase() {
  if (plan.packed)
    return emit.mask(emit.shiftRight(emit.load(values[1]), 8), 1);
  return emit.load(values[2]);
}

Value Ring::getHeld() {
  if (plan.packed)
    return emit.shiftRight(emit.load(values[1]), 16);
  return emit.load(values[3]);
}

void Ring::advance(Value tile, Value phase) {
  if (plan.packed) {
    Value cursor = emit.load(values[1]);
    Value start =
        emit.add(emit.exclusiveOr(cursor, emit.constant(0x100)), 1 - stages);
    Value isLast = emit.equal(tile, stages - 1);
    emit.store(emit.select(isLast, start, emit.add(cursor, 1)), values[1]);
    return;
  }
  Value next = emit.add(tile, 1);
  Value wraps = emit.equal(next, stages);
  emit.store(emit.select(wraps, emit.constant(0), next), values[1]);
  Value flipped = emit.exclusiveOr(phase, emit.constant(1));
  emit.store(emit.select(wraps, flipped, phase), values[2]);
}

void Ring::advanceHeld(Value tile) {
  if (plan.packed) {
    Value cursor = emit.load(values[1]);
    Value step = emit.select(emit.equal(tile, stages - 1),
                             emit.constant((1 - stages) * 0x10000),
                             emit.constant(0x10000));
    emit.store(emit.add(cursor, step), values[1]);
    return;
  }
  Value next = emit.add(tile, 1);
  emit.store(emit.select(emit.equal(next, stages), emit.constant(0), next),
             values[3]);
}

void Ring::waitUntilFull(Value tile, Value phase) {
  waitForBarrier(emit, target, getFull(tile), phase, /*ahead=*/false);
}

// The first round meets free tiles: the phase before the first is over.
void Ring::waitUntilEmpty(Value tile, Value phase) {
  waitForBarrier(emit, target, getEmpty(tile),
                 emit.exclusiveOr(phase, emit.constant(1)), /*ahead=*/true);
}

void waitForBarrier(Emitter &emit, const Target &target, Value barrier,
                    Value phase, bool ahead) {
  if (target.hasSuspendedWait) {
    // Tries for a while, and again: a time limit of the hardware's choice.
    Value ticks = emit.constant(10000000);
    NVVM::MBarrierTryWaitParityOp::create(
        emit.builder, emit.loc, emit.sharedPointer(barrier), phase, ticks);
    return;
  }
  // A test does not wait. Who is ahead sleeps between two, and leaves the issue
  // slots to those who compute.
  std::string text =
      "{ .reg .pred p; again: "
      "mbarrier.test_wait.parity.shared.b64 p, [$0], $1; @p bra done; ";
  text += ahead ? "nanosleep.u32 32; " : "";
  text += "bra again; done: }";
  emit.assembly(text, "r,r", {barrier, phase});
}

namespace {

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

class ConsumerWaitPattern final : public TilePattern<ConsumerWaitOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ConsumerWaitOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    Ring ring(emit, op.getRing(), adaptor.getRing(), plan);
    Value tile = ring.getTile(), phase = ring.getPhase();
    ring.waitUntilFull(tile, phase);
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
    if (ring.isReleasedByWarps()) {
      // All lanes have read.
      NVVM::SyncWarpOp::create(rewriter, op.getLoc(), emit.constant(-1));
      one = emit.isFirstOfWarp();
    } else {
      one = emit.isFirstOfWarpgroup();
    }
    Value predicate =
        arith::ExtUIOp::create(rewriter, op.getLoc(), emit.i32, one);
    emit.assembly("{ .reg .pred p; setp.ne.b32 p, $1, 0; "
                  "@p mbarrier.arrive.shared.b64 _, [$0]; }",
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

} // namespace

void populateRingPatterns(TypeConverter &converter, const KernelPlan &plan,
                          RewritePatternSet &patterns) {
  patterns.add<AllocPattern, RingPattern, ConsumerWaitPattern,
               ConsumerReleasePattern, RowSlicePattern>(
      converter, patterns.getContext(), plan);
}

} // namespace transmamba::tile
