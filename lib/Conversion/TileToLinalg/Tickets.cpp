//===- Tickets.cpp - Items of work that blocks draw -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

using namespace mlir;

namespace transmamba::tile {

/// Blocks run one after the other: each draws its share of what is left.
void KernelEmitter::emitDraw(TicketsOp op) {
  work.control = block.get(op.getControl());
  auto word = [&](int64_t number) -> Value {
    Value value = load(work.control, constant(number));
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                      value);
  };
  int64_t arguments = kernel.getNumArguments();
  Value blocks = function.getArgument(arguments + 3);
  Value items = block.get(op.getCount());
  work.first = word(kControlTicket);
  Value share = builder.createOrFold<arith::CeilDivSIOp>(
      loc, sub(items, work.first), sub(blocks, word(kControlBlocksDone)));
  work.end = add(work.first, share);
  work.launch = add(word(kControlLaunches), constant(1));
}

/// What is left for the blocks that follow, or, after the last one, for the
/// next launch.
void KernelEmitter::emitSignOut() {
  loc = kernel.getTickets().getLoc();
  auto set = [&](int64_t number, Value value) {
    value =
        arith::IndexCastOp::create(builder, loc, builder.getI32Type(), value);
    store(value, work.control, constant(number));
  };
  Value done = arith::IndexCastOp::create(
      builder, loc, builder.getIndexType(),
      load(work.control, constant(kControlBlocksDone)));
  done = add(done, constant(1));
  Value more =
      differs(done, function.getArgument(kernel.getNumArguments() + 3));
  set(kControlTicket, select(more, work.end, constant(0)));
  set(kControlBlocksDone, select(more, done, constant(0)));
  set(kControlLaunches,
      select(more, sub(work.launch, constant(1)), work.launch));
}

// tile.work_loop -> scf.for { a of 0, a of 1 }
LogicalResult KernelEmitter::emitWorkLoop(WorkLoopOp loop,
                                          ArrayRef<Role *> group) {
  loc = loop.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  auto together =
      scf::ForOp::create(builder, loc, work.first, work.end, constant(1));
  builder.setInsertionPointToStart(together.getBody());
  for (Role *role : group)
    role->map(loop.getItem(), together.getInductionVar());
  if (failed(emitBlock(loop.getBody().front(), group)))
    return failure();
  loc = loop.getLoc();
  if (group.size() > 1)
    emitMeetingChecks(group);
  return success();
}

/// Warpgroups meet here. What the later ones write, they have written when the
/// next item begins.
void KernelEmitter::emitPublish(PublishOp op, Role &role) {
  Value launch = arith::IndexCastOp::create(builder, loc, builder.getI32Type(),
                                            work.launch);
  store(launch, work.control,
        add(role.get(op.getItem()), constant(kControlItems)));
}

void KernelEmitter::emitLookBack(LookBackOp op, Role &role) {
  Value count = role.get(op.getCount());
  OpBuilder::InsertionGuard guard(builder);
  auto loop = scf::ForOp::create(builder, loc, constant(0), count, constant(1));
  builder.setInsertionPointToStart(loop.getBody());
  Value distance = arith::MulIOp::create(builder, loc, loop.getInductionVar(),
                                         role.get(op.getStride()));
  Value item = add(role.get(op.getFirst()), distance);
  if (role.kind != Role::Warpgroup) {
    // The producer has gone before the items are worked on.
    Value own = role.get(op->getParentOfType<WorkLoopOp>().getItem());
    Value earlier = less(item, own);
    emitFaultIf(
        arith::XOrIOp::create(builder, loc, earlier,
                              arith::ConstantIntOp::create(builder, loc, 1, 1)),
        TileFault::NotPublished);
    return;
  }
  Value said = arith::IndexCastOp::create(
      builder, loc, builder.getIndexType(),
      load(work.control, add(item, constant(kControlItems))));
  emitFaultIf(differs(said, work.launch), TileFault::NotPublished);
}

} // namespace transmamba::tile
