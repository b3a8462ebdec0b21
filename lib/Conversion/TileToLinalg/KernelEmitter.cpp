//===- KernelEmitter.cpp - The operations of a kernel ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace transmamba::tile {

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

LogicalResult KernelEmitter::emitOperation(Operation *op, Role &role) {
  loc = op->getLoc();
  if (isa<TileDialect>(op->getDialect()))
    return emitTileOperation(op, role);
  return emitOther(op, role);
}

LogicalResult KernelEmitter::emitTileOperation(Operation *op, Role &role) {
  int64_t arguments = kernel.getNumArguments();
  auto done = [](auto) { return success(); };
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](BlockIdOp id) {
        role.map(id, function.getArgument(arguments + int(id.getDimension())));
        return success();
      })
      .Case([&](GridDimOp dim) {
        role.map(dim,
                 function.getArgument(arguments + 3 + int(dim.getDimension())));
        return success();
      })
      .Case([&](LoadOp load) {
        if (role.kind == Role::CountingProducer)
          emitCount(load, role);
        else
          emitRecord(load, role);
        return success();
      })
      .Case([&](BarrierOp) {
        if (role.writes)
          linalg::FillOp::create(builder, loc, constant(0), role.writes);
        return success();
      })
      .Case([&](StoreWaitOp) {
        if (role.stores)
          linalg::FillOp::create(builder, loc, constant(0), role.stores);
        return success();
      })
      .Case<TurnWaitOp, TurnPassOp>([&](auto turn) {
        if (role.counters) {
          auto counter =
              isa<TurnWaitOp>(op) ? Role::TurnsBegun : Role::TurnsEnded;
          setCounter(role, counter,
                     add(getCounter(role, counter), constant(1)));
        }
        return success();
      })
      .Case([&](MapOp map) { return emitMap(map, role); })
      .Case([&](SpreadOp spread) {
        role.map(spread, role.get(spread.getSource()));
        return success();
      })
      .Case([&](TicketsOp tickets) {
        emitDraw(tickets);
        return success();
      })
      .Case([&](WorkLoopOp loop) { return emitWorkLoop(loop, &role); })
      // Launches run one after the other.
      .Case<RingOp, EndOp, AfterOp>(done)
#define CASE(OP, EMIT)                                                         \
  .Case([&](OP typed) {                                                        \
    EMIT(typed, role);                                                         \
    return success();                                                          \
  })
      // clang-format off
      CASE(ConsumerWaitOp, emitWait)
      CASE(ConsumerReleaseOp, emitRelease)
      CASE(PublishOp, emitPublish)
      CASE(LookBackOp, emitLookBack)
      CASE(FillOp, emitFill)
      CASE(RowReduceOp, emitRowReduce)
      CASE(CompleteOp, emitComplete)
      CASE(CastOp, emitCast)
      CASE(ScaleColumnsOp, emitScaleColumns)
      CASE(PrefixSumOp, emitPrefixSum)
      CASE(ElementOp, emitElement)
      CASE(MmaOp, emitMma)
      CASE(AwaitOp, emitAwait)
      CASE(DrainOp, emitDrain)
      CASE(AllocOp, emitAlloc)
      CASE(RowSliceOp, emitSlice)
      CASE(ClearRowsOp, emitClearRows)
      CASE(RotateOp, emitRotate)
      CASE(LoadFragmentOp, emitLoadFragment)
      CASE(StoreFragmentOp, emitStoreFragment)
      CASE(StoreOp, emitStore)
      CASE(ReadOp, emitRead)
      CASE(WriteOp, emitWrite)
  // clang-format on
#undef CASE
      .Default([](Operation *other) {
        return other->emitOpError("does not stand in a kernel");
      });
}

/// scf, arith and the like: the same operation on the values of the function.
LogicalResult KernelEmitter::emitOther(Operation *op, Role &role) {
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(role.flatten(op->getOperands()));
  SmallVector<size_t> counts;
  for (Type type : op->getResultTypes()) {
    size_t before = state.types.size();
    if (failed(convertType(type, state.types)))
      return op->emitOpError("makes a ring");
    counts.push_back(state.types.size() - before);
  }
  state.addAttributes(op->getAttrs());
  for (size_t i = 0; i < op->getNumRegions(); ++i)
    state.addRegion();
  Operation *made = builder.create(state);
  // NaN stands for what must not be read: nothing may assume that there is
  // none.
  if (auto fast = dyn_cast<arith::ArithFastMathInterface>(made))
    made->setAttr(fast.getFastMathAttrName(),
                  arith::FastMathFlagsAttr::get(builder.getContext(),
                                                arith::FastMathFlags::none));
  for (auto [from, to] : llvm::zip(op->getRegions(), made->getRegions()))
    if (failed(emitRegion(from, to, role)))
      return failure();
  ValueRange results = made->getResults();
  for (auto [result, count] : llvm::zip(op->getResults(), counts)) {
    role.map(result, results.take_front(count));
    results = results.drop_front(count);
  }
  return success();
}

LogicalResult KernelEmitter::emitRegion(Region &from, Region &to, Role &role) {
  if (from.empty())
    return success();
  if (!from.hasOneBlock())
    return from.getParentOp()->emitOpError(
        "has a region of several blocks, which a kernel has not");
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&to);
  for (BlockArgument argument : from.getArguments()) {
    SmallVector<Type> types;
    if (failed(convertType(argument.getType(), types)))
      return from.getParentOp()->emitOpError("carries a ring");
    SmallVector<Value> values;
    for (Type type : types)
      values.push_back(body->addArgument(type, argument.getLoc()));
    role.map(argument, values);
  }
  if (failed(emitBlock(from.front(), &role)))
    return failure();
  Operation *terminator = from.front().getTerminator();
  loc = terminator->getLoc();
  return emitOther(terminator, role);
}

} // namespace transmamba::tile
