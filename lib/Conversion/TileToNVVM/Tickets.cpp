//===- Tickets.cpp - Items of work that blocks draw -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

//
// The producer draws from a counter: an item that waits for others has been
// drawn after them, by a block that runs, however many blocks run at once. Two
// words in shared memory hand items to the consumers, with
// a full and an empty barrier each; such a word is free when all warps are done
// with the item, so a block holds one item that it does not work on yet.
//
// Items say that they are done with the number of the launch, so nothing has to
// be cleared before the next one. The last block that leaves sets the counters
// back (PTX ISA, "Memory Consistency Model", for what release and acquire say).
//
//===----------------------------------------------------------------------===//

#include "Ring.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace transmamba::tile {

namespace {

/// The values that tickets were converted to, and where they are.
class Tickets {
public:
  Tickets(Emitter &emit, ValueRange values) : emit(emit), values(values) {}

  Value getCount() { return values[0]; }
  Value getControl(int64_t word) { return emit.offset(values[1], 4 * word); }
  /// The word of an item.
  Value getControlOf(Value item) {
    auto at = LLVM::GEPOp::create(emit.builder, emit.loc, values[1].getType(),
                                  emit.i32, values[1], emit.extend(item));
    return emit.offset(at, 4 * kControlItems);
  }

  /// Of shared memory: the number of the launch, from 1.
  Value getLaunch() { return values[2]; }
  Value getItem(Value stage) {
    return emit.add(values[2], emit.add(emit.mul(stage, 4), 8));
  }
  Value getFull(Value stage) {
    return emit.add(values[2], emit.add(emit.mul(stage, kBarrierBytes), 16));
  }
  Value getEmpty(Value stage) { return emit.add(getFull(stage), 8); }

  Value readLaunch() { return readShared(getLaunch()); }
  Value readShared(Value address) {
    return emit
        .assembly("ld.shared.b32 $0, [$1];", "=r,r", address, emit.i32,
                  /*sideEffects=*/true)
        .front();
  }

private:
  Emitter &emit;
  ValueRange values;
};

class TicketsPattern final : public TilePattern<TicketsOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(TicketsOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    SmallVector<Value> values{single(adaptor.getCount()),
                              adaptor.getControl().front(),
                              getShared(emit, plan.tickets.at(op))};
    Tickets tickets(emit, values);
    auto only = scf::IfOp::create(rewriter, op.getLoc(),
                                  emit.equal(emit.threadId(), 0));
    {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(only.thenBlock());
      // Nobody writes this word before all blocks are done.
      emit.assembly(
          "{ .reg .b32 x; ld.relaxed.gpu.global.b32 x, [$0]; "
          "add.u32 x, x, 1; st.shared.b32 [$1], x; }",
          "l,r", {tickets.getControl(kControlLaunches), tickets.getLaunch()});
      int64_t warps = 4 * plan.warpgroups.at(op).consumers;
      for (int64_t i = 0; i < kTicketStages; ++i) {
        Value stage = emit.constant(i);
        for (auto [barrier, count] :
             {std::pair(tickets.getFull(stage), int64_t(1)),
              std::pair(tickets.getEmpty(stage), warps)})
          NVVM::MBarrierInitOp::create(rewriter, op.getLoc(),
                                       emit.sharedPointer(barrier),
                                       emit.constant(count), Value());
      }
      NVVM::FenceMbarrierInitOp::create(rewriter, op.getLoc());
    }
    NVVM::Barrier0Op::create(rewriter, op.getLoc());
    rewriter.replaceOpWithMultiple(op, {values});
    return success();
  }
};

class WorkLoopPattern final : public TilePattern<WorkLoopOp> {
public:
  using TilePattern::TilePattern;

  // producer:  for i = 0, 1, ...: wait(empty); draw; hand over; load it
  //            sign out
  // consumers: for i = 0, 1, ...: wait(full); compute it; free
  LogicalResult
  matchAndRewrite(WorkLoopOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    Location loc = op.getLoc();
    Tickets tickets(emit, adaptor.getTickets());
    bool loads = plan.loads.contains(op);
    TypeConverter::SignatureConversion signature(1);
    signature.addInputs(0, emit.i32);
    Block *body = rewriter.applySignatureConversion(
        &op.getBody().front(), signature, getTypeConverter());

    Type types[] = {emit.i32, emit.i32};
    Value zero = emit.constant(0);
    auto loop = scf::WhileOp::create(rewriter, loc, types, zero);
    Block *before = rewriter.createBlock(&loop.getBefore(), {}, emit.i32, loc);
    Value number = before->getArgument(0);
    Value item = loads ? emitDraw(emit, tickets, number)
                       : emitTake(emit, tickets, number);
    Value exists = arith::CmpIOp::create(
        rewriter, loc, arith::CmpIPredicate::ult, item, tickets.getCount());
    scf::ConditionOp::create(rewriter, loc, exists, ValueRange{number, item});

    Block *after =
        rewriter.createBlock(&loop.getAfter(), {}, types, {loc, loc});
    number = after->getArgument(0);
    if (!loads) {
      // All lanes have read what they were to read of this item.
      NVVM::SyncWarpOp::create(rewriter, loc, emit.constant(-1));
      Value stage = emit.mask(number, kTicketStages - 1);
      emitArrive(emit, tickets.getEmpty(stage));
    }
    auto yield = scf::YieldOp::create(rewriter, loc, emit.add(number, 1));
    Operation *first = &after->front();
    moveBody(*body, after->getArgument(1), first, rewriter);
    (void)yield;

    rewriter.setInsertionPointAfter(loop);
    if (loads)
      emitSignOut(emit, tickets, loop.getResult(0));
    rewriter.eraseOp(op);
    return success();
  }

private:
  static Value getPhase(Emitter &emit, Value number) {
    return emit.mask(emit.shiftRight(number, llvm::Log2_64(kTicketStages)), 1);
  }
  static void emitArrive(Emitter &emit, Value barrier) {
    Value one = arith::ExtUIOp::create(emit.builder, emit.loc, emit.i32,
                                       emit.isFirstOfWarp());
    emit.assembly("{ .reg .pred p; setp.ne.b32 p, $1, 0; "
                  "@p mbarrier.arrive.shared.b64 _, [$0]; }",
                  "r,r", {barrier, one});
  }
  Value emitDraw(Emitter &emit, Tickets &tickets, Value number) const;
  Value emitTake(Emitter &emit, Tickets &tickets, Value number) const;
  void emitSignOut(Emitter &emit, Tickets &tickets, Value number) const;
};

class PublishPattern final : public TilePattern<PublishOp> {
public:
  using TilePattern::TilePattern;

  // One thread speaks for all: the barrier orders what they wrote before it.
  LogicalResult
  matchAndRewrite(PublishOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    Tickets tickets(emit, adaptor.getTickets());
    const Warpgroups &warpgroups = plan.warpgroups.at(op);
    emit.assembly("cp.async.bulk.wait_group 0; fence.proxy.async; "
                  "bar.sync $0, $1;",
                  "r,r,~{memory}",
                  {emit.constant(kConsumersBarrier),
                   emit.constant(kWarpgroupThreads * warpgroups.consumers)});
    Value speaks =
        arith::ExtUIOp::create(rewriter, op.getLoc(), emit.i32,
                               emit.equal(emit.threadId(), kWarpgroupThreads));
    emit.assembly("{ .reg .pred p; setp.ne.b32 p, $2, 0; "
                  "@p st.release.gpu.global.b32 [$0], $1; }",
                  "l,r,r,~{memory}",
                  {tickets.getControlOf(single(adaptor.getItem())),
                   tickets.readLaunch(), speaks});
    rewriter.eraseOp(op);
    return success();
  }
};

class LookBackPattern final : public TilePattern<LookBackOp> {
public:
  using TilePattern::TilePattern;

  // A wait that does not end within seconds is an error of the launch.
  LogicalResult
  matchAndRewrite(LookBackOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    Location loc = op.getLoc();
    Tickets tickets(emit, adaptor.getTickets());
    Value launch = tickets.readLaunch(), count = single(adaptor.getCount());
    // Each lane of a warp of consumers waits for an item of its own; the
    // producer is one thread.
    bool loads = plan.loads.contains(op);
    int64_t lanes = loads ? 1 : 32;
    auto loop = scf::ForOp::create(rewriter, loc, emit.constant(0), count,
                                   emit.constant(lanes));
    rewriter.setInsertionPointToStart(loop.getBody());
    Value number = loop.getInductionVar();
    if (!loads)
      number = arith::MinSIOp::create(
          rewriter, loc, emit.add(number, emit.lane()), emit.add(count, -1));
    Value item = emit.add(single(adaptor.getFirst()),
                          arith::MulIOp::create(rewriter, loc, number,
                                                single(adaptor.getStride())));
    std::string text =
        "{ .reg .pred p; .reg .b32 x, n; mov.b32 n, 0; again: "
        "ld.acquire.gpu.global.b32 x, [$0]; add.u32 n, n, 1; "
        "setp.gt.u32 p, n, 20000000; @p trap; setp.eq.b32 p, x, $1; ";
    text += loads ? "" : "vote.sync.all.pred p, p, 0xffffffff; ";
    text += "@!p bra again; }";
    emit.assembly(text, "l,r,~{memory}", {tickets.getControlOf(item), launch});
    rewriter.setInsertionPointAfter(loop);
    if (loads)
      emit.assembly("fence.proxy.async;", "~{memory}", {});
    else
      emit.assembly("bar.warp.sync 0xffffffff;", "~{memory}", {});
    rewriter.eraseOp(op);
    return success();
  }
};

/// The launch that it speaks of is over.
class AfterPattern final : public TilePattern<AfterOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(AfterOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

Value WorkLoopPattern::emitDraw(Emitter &emit, Tickets &tickets,
                                Value number) const {
  Value stage = emit.mask(number, kTicketStages - 1);
  Value free = emit.exclusiveOr(getPhase(emit, number), emit.constant(1));
  waitForBarrier(emit, plan.target, tickets.getEmpty(stage), free,
                 /*ahead=*/true);
  Value item = emit.assembly("atom.relaxed.gpu.global.add.u32 $0, [$1], 1;",
                             "=r,l", tickets.getControl(kControlTicket),
                             emit.i32, /*sideEffects=*/true)
                   .front();
  emit.assembly("st.shared.b32 [$0], $1; mbarrier.arrive.shared.b64 _, [$2];",
                "r,r,r",
                {tickets.getItem(stage), item, tickets.getFull(stage)});
  return item;
}

Value WorkLoopPattern::emitTake(Emitter &emit, Tickets &tickets,
                                Value number) const {
  Value stage = emit.mask(number, kTicketStages - 1);
  waitForBarrier(emit, plan.target, tickets.getFull(stage),
                 getPhase(emit, number), /*ahead=*/false);
  // One register for all lanes: branches on it are uniform.
  return emit.shuffle(tickets.readShared(tickets.getItem(stage)),
                      emit.constant(0));
}

/// After the last draw of all blocks, the counters are the next launch's.
// Words of one pointer, which follows from the `number` of items: LLVM and
// ptxas would make pointers before the roles, and keep them in memory.
void WorkLoopPattern::emitSignOut(Emitter &emit, Tickets &tickets,
                                  Value number) const {
  Value blocks = NVVM::GridDimXOp::create(emit.builder, emit.loc, emit.i32);
  Value start = tickets.getControl(0);
  Value control =
      LLVM::GEPOp::create(emit.builder, emit.loc, start.getType(), emit.i32,
                          start, emit.extend(emit.shiftRight(number, 31)));
  static_assert(kControlTicket == 0 && kControlBlocksDone == 1 &&
                kControlLaunches == 2);
  emit.assembly(
      "{ .reg .pred p; .reg .b32 x; "
      "atom.acq_rel.gpu.global.add.u32 x, [$0+4], 1; setp.eq.u32 p, x, $1; "
      "@p st.relaxed.gpu.global.b32 [$0], 0; "
      "@p st.relaxed.gpu.global.b32 [$0+4], 0; "
      "@p st.relaxed.gpu.global.b32 [$0+8], $2; }",
      "l,r,r,~{memory}", {control, emit.add(blocks, -1), tickets.readLaunch()});
}

void populateTicketPatterns(TypeConverter &converter, const KernelPlan &plan,
                            RewritePatternSet &patterns) {
  patterns.add<TicketsPattern, WorkLoopPattern, PublishPattern, LookBackPattern,
               AfterPattern>(converter, patterns.getContext(), plan);
}

} // namespace transmamba::tile
