//===- Roles.cpp - The roles of a kernel in program order -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace transmamba::tile {

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

KernelEmitter::KernelEmitter(KernelOp kernel, func::FuncOp function)
    : kernel(kernel), function(function), builder(function.getContext()),
      loc(kernel.getLoc()), block(Role::Block) {
  for (BlockArgument argument : kernel.getBody().getArguments())
    block.map(argument, function.getArgument(argument.getArgNumber()));
  faults = function.getArguments().back();
}

/// Counting the loads runs the producer once more, and the copies are made when
/// consumers wait for them.
LogicalResult KernelEmitter::checkProducer(ProducerOp producer) {
  WalkResult result = producer.walk([&](Operation *op) {
    if (auto load = dyn_cast<LoadOp>(op)) {
      if (producer->isAncestor(
              load.getSource().getParentBlock()->getParentOp())) {
        load.emitOpError("loads a tensor that the producer makes");
        return WalkResult::interrupt();
      }
      rings.find(load.getRing().getDefiningOp())->second.loads.push_back(load);
      return WalkResult::advance();
    }
    if (op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
        isa<TileDialect>(op->getDialect()))
      return WalkResult::advance();
    auto effects = dyn_cast<MemoryEffectOpInterface>(op);
    if (!effects || effects.hasEffect<MemoryEffects::Write>()) {
      op->emitOpError(
          "changes memory, but on processors a producer runs twice");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

void KernelEmitter::collectTiles() {
  for (Operation &op : kernel.getBody().front()) {
    if (isa<AllocOp>(op)) {
      allocs[&op] = tiles++;
    } else if (auto ring = dyn_cast<RingOp>(op)) {
      int64_t number = rings.size();
      rings.insert({&op, Ring{number, tiles, ring.getType(), {}, {}}});
      tiles += ring.getType().getStages();
    }
  }
}

void KernelEmitter::emitWarpgroupState(Role &role) {
  role.waited = allocIndices(rings.size());
  role.released = allocIndices(rings.size());
  role.needed = allocIndices(rings.size());
  role.readers = allocIndices(tiles);
  role.stores = allocIndices(tiles);
  role.writes = allocIndices(tiles);
  role.holders = allocIndices(tiles);
  role.counters = allocIndices(4);
  for (auto &[op, ring] : rings) {
    RingType type = ring.type;
    Value memory = memref::AllocOp::create(
        builder, loc,
        MemRefType::get({type.getStages(), type.getRows(), type.getColumns()},
                        type.getElementType()));
    linalg::FillOp::create(builder, loc, getPoison(type.getElementType()),
                           memory);
    role.ringTiles.push_back(memory);
  }
}

/// The producer, twice, then every warpgroup.
LogicalResult KernelEmitter::emitRoles() {
  if (ProducerOp producer = kernel.getProducer()) {
    loc = producer.getLoc();
    loaded = allocIndices(rings.size());
    Role counting(Role::CountingProducer, &block);
    if (failed(emitBlock(producer.getBody().front(), &counting)))
      return failure();
    loc = producer.getLoc();
    emitQueues(producer);
    Role recording(Role::RecordingProducer, &block);
    if (failed(emitBlock(producer.getBody().front(), &recording)))
      return failure();
  } else {
    loaded = allocIndices(rings.size());
    emitQueues(producer);
  }

  ConsumersOp consumers = kernel.getConsumers();
  loc = consumers.getLoc();
  SmallVector<Role, 3> warpgroups;
  SmallVector<Role *> group;
  for (uint32_t number = 0; number < consumers.getCount(); ++number) {
    Role &role = warpgroups.emplace_back(Role::Warpgroup, &block);
    role.map(consumers.getWarpgroup(), constant(number));
    emitWarpgroupState(role);
  }
  for (Role &role : warpgroups)
    group.push_back(&role);
  if (failed(emitBlock(consumers.getBody().front(), group)))
    return failure();
  loc = consumers.getLoc();
  emitMeetingChecks(group);
  emitEndChecks(warpgroups);
  return success();
}

LogicalResult KernelEmitter::emit() {
  collectTiles();
  ProducerOp producer = kernel.getProducer();
  if (producer && failed(checkProducer(producer)))
    return failure();
  builder.setInsertionPointToStart(&function.getBody().front());
  // The roles stand together, at the later one.
  int64_t roles = producer ? 2 : 1;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (!isa<ProducerOp, ConsumersOp>(op)) {
      if (failed(emitOperation(&op, block)))
        return failure();
    } else if (--roles == 0 && failed(emitRoles())) {
      return failure();
    }
  }
  if (kernel.getTickets())
    emitSignOut();
  func::ReturnOp::create(builder, kernel.getLoc());
  return success();
}

//===----------------------------------------------------------------------===//
// Warpgroups that meet
//===----------------------------------------------------------------------===//

/// Whether all consumers meet at the operation, or inside of it. The next item
/// begins for all of them at once.
static bool meets(Operation *op) {
  return op
      ->walk([](Operation *inner) {
        auto barrier = dyn_cast<BarrierOp>(inner);
        bool meeting = isa<WorkLoopOp, PublishOp>(inner) ||
                       (barrier && barrier.getConsumers());
        return meeting ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

/// All but the terminator: one role after the other, up to each barrier where
/// they meet.
LogicalResult KernelEmitter::emitBlock(Block &from, ArrayRef<Role *> group) {
  SmallVector<Operation *> segment;
  auto flush = [&]() -> LogicalResult {
    for (Role *role : group)
      for (Operation *op : segment)
        if (failed(emitOperation(op, *role)))
          return failure();
    segment.clear();
    return success();
  };
  for (Operation &op : from.without_terminator()) {
    segment.push_back(&op);
    if (group.size() == 1 || !meets(&op))
      continue;
    if (isa<BarrierOp, PublishOp>(op)) {
      if (failed(flush()))
        return failure();
      emitMeetingChecks(group);
      continue;
    }
    segment.pop_back();
    if (failed(flush()))
      return failure();
    LogicalResult emitted =
        llvm::TypeSwitch<Operation *, LogicalResult>(&op)
            .Case([&](scf::ForOp loop) { return emitMeetingLoop(loop, group); })
            .Case([&](scf::IfOp condition) {
              return emitMeetingCondition(condition, group);
            })
            .Case([&](WorkLoopOp loop) { return emitWorkLoop(loop, group); })
            .Default([](Operation *other) {
              return other->emitOpError("holds a barrier of all consumers, "
                                        "which stands in scf.for, and in "
                                        "scf.if without results");
            });
    if (failed(emitted))
      return failure();
  }
  return flush();
}

// scf.if { a  barrier consumers  b } ->
// scf.if { a of 0, a of 1, b of 0, b of 1 }
LogicalResult KernelEmitter::emitMeetingCondition(scf::IfOp condition,
                                                  ArrayRef<Role *> group) {
  loc = condition.getLoc();
  if (condition.getNumResults() != 0)
    return condition.emitOpError("holds a barrier of all consumers, which "
                                 "stands in scf.for, and in scf.if without "
                                 "results");
  OpBuilder::InsertionGuard guard(builder);
  Value first = group.front()->get(condition.getCondition());
  for (Role *role : group) {
    Value own = role->get(condition.getCondition());
    if (own != first)
      emitFaultIf(differs(own, first), TileFault::UnevenTurns);
  }
  Block *otherwise = condition.elseBlock();
  auto together =
      scf::IfOp::create(builder, loc, first, /*withElse=*/bool(otherwise));
  for (auto [from, to] :
       {std::pair(condition.thenBlock(), together.thenBlock()),
        std::pair(otherwise, together.elseBlock())}) {
    if (!from)
      continue;
    builder.setInsertionPointToStart(to);
    if (failed(emitBlock(*from, group)))
      return failure();
  }
  return success();
}

// scf.for { a  barrier consumers  b } ->
// scf.for { a of 0, a of 1, b of 0, b of 1 }
LogicalResult KernelEmitter::emitMeetingLoop(scf::ForOp loop,
                                             ArrayRef<Role *> group) {
  loc = loop.getLoc();
  OpBuilder::InsertionGuard guard(builder);
  Value bounds[] = {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()};
  SmallVector<Value> first = group.front()->flatten(bounds), inits;
  for (Role *role : group) {
    for (auto [bound, expected] : llvm::zip(role->flatten(bounds), first))
      if (bound != expected)
        emitFaultIf(differs(bound, expected), TileFault::UnevenTurns);
    llvm::append_range(inits, role->flatten(loop.getInitArgs()));
  }
  auto together =
      scf::ForOp::create(builder, loc, first[0], first[1], first[2], inits);
  Block *body = together.getBody();
  if (inits.empty())
    body->getTerminator()->erase();
  ValueRange arguments = together.getRegionIterArgs();
  ValueRange results = together.getResults();
  for (Role *role : group) {
    role->map(loop.getInductionVar(), together.getInductionVar());
    for (auto [init, argument, result] : llvm::zip(
             loop.getInitArgs(), loop.getRegionIterArgs(), loop.getResults())) {
      size_t count = role->lookup(init).size();
      role->map(argument, arguments.take_front(count));
      role->map(result, results.take_front(count));
      arguments = arguments.drop_front(count);
      results = results.drop_front(count);
    }
  }
  builder.setInsertionPointToEnd(body);
  if (failed(emitBlock(*loop.getBody(), group)))
    return failure();
  SmallVector<Value> yielded;
  for (Role *role : group)
    llvm::append_range(
        yielded, role->flatten(loop.getBody()->getTerminator()->getOperands()));
  scf::YieldOp::create(builder, loop.getLoc(), yielded);
  return success();
}

} // namespace transmamba::tile
