//===- KernelEmitter.cpp - The body of a kernel, role by role -------------===//
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
// Values
//===----------------------------------------------------------------------===//

/// Threads that share a row, and hold a partial sum each.
static constexpr int64_t kThreadsOfRow = 4;

LogicalResult convertType(Type type, SmallVectorImpl<Type> &types) {
  Type index = IndexType::get(type.getContext());
  return TypeSwitch<Type, LogicalResult>(type)
      .Case([&](FragmentType fragment) {
        types.push_back(RankedTensorType::get(fragment.getShape(),
                                              fragment.getElementType()));
        return success();
      })
      .Case([&](PendingType pending) {
        types.push_back(RankedTensorType::get(pending.getShape(),
                                              pending.getElementType()));
        types.push_back(index);
        return success();
      })
      .Case([&](RowsType rows) {
        SmallVector<int64_t> shape{rows.getSize()};
        if (rows.getPartial())
          shape.push_back(kThreadsOfRow);
        types.push_back(RankedTensorType::get(shape, rows.getElementType()));
        return success();
      })
      .Case([&](ColumnsType columns) {
        types.push_back(RankedTensorType::get({columns.getSize()},
                                              columns.getElementType()));
        return success();
      })
      .Case([&](VecType vec) {
        types.push_back(
            RankedTensorType::get({vec.getSize()}, vec.getElementType()));
        return success();
      })
      .Case([&](SharedType tile) {
        auto layout = StridedLayoutAttr::get(
            type.getContext(), ShapedType::kDynamic, {tile.getColumns(), 1});
        types.push_back(
            MemRefType::get(tile.getShape(), tile.getElementType(), layout));
        types.append(2, index);
        return success();
      })
      .Case([&](RingType) { return failure(); })
      .Default([&](Type other) {
        types.push_back(other);
        return success();
      });
}

SmallVector<Value, 2> Role::lookup(Value value) const {
  for (const Role *role = this; role; role = role->around) {
    auto entry = role->values.find(value);
    if (entry != role->values.end())
      return entry->second;
  }
  return {};
}

SmallVector<Value> Role::flatten(ValueRange range) const {
  SmallVector<Value> flat;
  for (Value value : range)
    llvm::append_range(flat, lookup(value));
  return flat;
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value KernelEmitter::constant(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}
Value KernelEmitter::zero(Type element) {
  return arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
}
Value KernelEmitter::add(Value x, Value y) {
  return builder.createOrFold<arith::AddIOp>(loc, x, y);
}
Value KernelEmitter::sub(Value x, Value y) {
  return builder.createOrFold<arith::SubIOp>(loc, x, y);
}
Value KernelEmitter::min(Value x, Value y) {
  return builder.createOrFold<arith::MinSIOp>(loc, x, y);
}
Value KernelEmitter::max(Value x, Value y) {
  return builder.createOrFold<arith::MaxSIOp>(loc, x, y);
}
Value KernelEmitter::both(Value x, Value y) {
  return builder.createOrFold<arith::AndIOp>(loc, x, y);
}
Value KernelEmitter::either(Value x, Value y) {
  return builder.createOrFold<arith::OrIOp>(loc, x, y);
}
Value KernelEmitter::less(Value x, Value y) {
  return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, x,
                                             y);
}
Value KernelEmitter::differs(Value x, Value y) {
  return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, x,
                                             y);
}
Value KernelEmitter::select(Value condition, Value x, Value y) {
  return builder.createOrFold<arith::SelectOp>(loc, condition, x, y);
}

/// Rounds to nearest even where `type` is narrower.
Value KernelEmitter::convertFloat(Value x, Type type) {
  unsigned from = x.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (x.getType() == type)
    return x;
  if (from == to)
    return convertFloat(convertFloat(x, builder.getF32Type()), type);
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, x);
  return arith::TruncFOp::create(builder, loc, type, x);
}

Value KernelEmitter::load(Value memory, ValueRange indices) {
  return memref::LoadOp::create(builder, loc, memory, indices);
}
void KernelEmitter::store(Value value, Value memory, ValueRange indices) {
  memref::StoreOp::create(builder, loc, value, memory, indices);
}
Value KernelEmitter::getCounter(Role &role, Role::Counter counter) {
  return load(role.counters, constant(counter));
}
void KernelEmitter::setCounter(Role &role, Role::Counter counter, Value value) {
  store(value, role.counters, constant(counter));
}

Value KernelEmitter::allocIndices(int64_t count) {
  Value memory = memref::AllocOp::create(
      builder, loc, MemRefType::get({count}, builder.getIndexType()));
  linalg::FillOp::create(builder, loc, constant(0), memory);
  return memory;
}

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
  func::ReturnOp::create(builder, kernel.getLoc());
  return success();
}

//===----------------------------------------------------------------------===//
// Warpgroups that meet
//===----------------------------------------------------------------------===//

/// Whether the operation is a barrier of all consumers, or holds one.
static bool meets(Operation *op) {
  return op
      ->walk([](BarrierOp barrier) {
        return barrier.getConsumers() ? WalkResult::interrupt()
                                      : WalkResult::advance();
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
    auto loop = dyn_cast<scf::ForOp>(op);
    if (loop) {
      segment.pop_back();
    } else if (!isa<BarrierOp>(op)) {
      op.emitOpError(
          "holds a barrier of all consumers, which stands in scf.for "
          "alone");
      return failure();
    }
    if (failed(flush()) || (loop && failed(emitMeetingLoop(loop, group))))
      return failure();
  }
  return flush();
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
      .Case<RingOp, EndOp>(done)
#define CASE(OP, EMIT)                                                         \
  .Case([&](OP typed) {                                                        \
    EMIT(typed, role);                                                         \
    return success();                                                          \
  })
      // clang-format off
      CASE(ConsumerWaitOp, emitWait)
      CASE(ConsumerReleaseOp, emitRelease)
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
