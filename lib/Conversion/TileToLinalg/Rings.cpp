//===- Rings.cpp - Rings that are checked ---------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;

namespace transmamba::tile {

/// Of the boxes that are loaded to it.
int64_t KernelEmitter::Ring::getNumIndices() const {
  int64_t count = 0;
  for (LoadOp load : loads)
    count = std::max<int64_t>(count, load.getIndices().size());
  return count;
}

//===----------------------------------------------------------------------===//
// The producer: loads are counted, then recorded
//===----------------------------------------------------------------------===//

void KernelEmitter::emitQueues(ProducerOp producer) {
  for (auto &[op, ring] : rings) {
    int64_t width = 1 + ring.getNumIndices() + rings.size();
    auto type =
        MemRefType::get({ShapedType::kDynamic, width}, builder.getIndexType());
    Value count = load(loaded, constant(ring.number));
    ring.records = memref::AllocOp::create(builder, loc, type, count);
  }
  linalg::FillOp::create(builder, loc, constant(0), loaded);
}

void KernelEmitter::emitCount(LoadOp op, Role &role) {
  Value number =
      constant(rings.find(op.getRing().getDefiningOp())->second.number);
  store(add(load(loaded, number), constant(1)), loaded, number);
}

void KernelEmitter::emitRecord(LoadOp op, Role &role) {
  Ring &ring = rings.find(op.getRing().getDefiningOp())->second;
  Value number = constant(ring.number);
  Value row = load(loaded, number);
  store(add(row, constant(1)), loaded, number);
  auto set = [&](int64_t column, Value value) {
    store(value, ring.records, {row, constant(column)});
  };
  set(0, constant(llvm::find(ring.loads, op) - ring.loads.begin()));
  for (auto [dim, index] : llvm::enumerate(op.getIndices()))
    set(1 + dim, role.get(index));
  for (int64_t other = 0; other < int64_t(rings.size()); ++other)
    set(1 + ring.getNumIndices() + other, load(loaded, constant(other)));
}

//===----------------------------------------------------------------------===//
// Consumers
//===----------------------------------------------------------------------===//

/// Whether the producer comes to the load before this warpgroup goes on: all
/// tiles that it fills until then are free. What the others must have released
/// for that is checked when they meet.
Value KernelEmitter::canBeLoaded(const Ring &ring, Value number, Role &role) {
  Value cannot;
  for (auto &[op, other] : rings) {
    Value ringNumber = constant(other.number);
    Value column = constant(1 + ring.getNumIndices() + other.number);
    Value filled = load(ring.records, {number, column});
    Value needed = sub(filled, constant(other.type.getStages()));
    Value most = max(load(role.needed, ringNumber), needed);
    store(most, role.needed, ringNumber);
    Value lacks = less(load(role.released, ringNumber), needed);
    cannot = cannot ? either(cannot, lacks) : lacks;
  }
  emitFaultIf(cannot, TileFault::Deadlock);
  return arith::XOrIOp::create(
      builder, loc, cannot, arith::ConstantIntOp::create(builder, loc, 1, 1));
}

/// Warpgroups stand at the same barrier, or at the end: none can have waited
/// for what another one has not made room for.
void KernelEmitter::emitMeetingChecks(ArrayRef<Role *> group) {
  for (Role *waits : group)
    for (Role *releases : group) {
      if (waits == releases)
        continue;
      for (int64_t ring = 0; ring < int64_t(rings.size()); ++ring)
        emitFaultIf(less(load(releases->released, constant(ring)),
                         load(waits->needed, constant(ring))),
                    TileFault::Deadlock);
    }
}

/// Tile `slot` of a ring.
static Value getTileOfRing(OpBuilder &builder, Location loc, RingType type,
                           Value memory, Value slot) {
  SmallVector<Type> types;
  (void)convertType(type.getTile(), types);
  SmallVector<OpFoldResult> offsets{slot, builder.getIndexAttr(0),
                                    builder.getIndexAttr(0)};
  SmallVector<OpFoldResult> sizes{builder.getIndexAttr(1),
                                  builder.getIndexAttr(type.getRows()),
                                  builder.getIndexAttr(type.getColumns())};
  SmallVector<OpFoldResult> strides(3, builder.getIndexAttr(1));
  return memref::SubViewOp::create(builder, loc, cast<MemRefType>(types[0]),
                                   memory, offsets, sizes, strides);
}

// consumer_wait ->
//   fill the next tile with poison
//   if it was loaded, and the producer came so far:
//     fill it with zeros; copy the box of the record
void KernelEmitter::emitWait(ConsumerWaitOp op, Role &role) {
  Ring &ring = rings.find(op.getRing().getDefiningOp())->second;
  Type element = ring.type.getElementType();
  Value ringNumber = constant(ring.number);
  Value number = load(role.waited, ringNumber);
  Value wait = add(number, constant(1));
  store(wait, role.waited, ringNumber);
  Value slot = arith::RemUIOp::create(builder, loc, number,
                                      constant(ring.type.getStages()));
  Value tile =
      getTileOfRing(builder, loc, ring.type, role.ringTiles[ring.number], slot);
  linalg::FillOp::create(builder, loc, getPoison(element), tile);
  Value tileNumber = add(slot, constant(ring.firstTile));
  store(wait, role.holders, tileNumber);
  role.map(op.getTile(), {tile, tileNumber, wait});

  Value count = memref::DimOp::create(builder, loc, ring.records, 0);
  Value exists = less(number, count);
  auto ifExists = scf::IfOp::create(builder, loc, exists, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifExists.elseBlock());
  Value always = arith::ConstantIntOp::create(builder, loc, 1, 1);
  emitFaultIf(always, TileFault::WaitWithoutLoad);
  if (ring.loads.empty())
    return;

  builder.setInsertionPointToStart(ifExists.thenBlock());
  Value can = canBeLoaded(ring, number, role);
  auto ifCan = scf::IfOp::create(builder, loc, can);
  builder.setInsertionPointToStart(ifCan.thenBlock());
  linalg::FillOp::create(builder, loc, zero(element), tile);
  Value load = this->load(ring.records, {number, constant(0)});
  for (auto [position, from] : llvm::enumerate(ring.loads)) {
    OpBuilder::InsertionGuard guard(builder);
    if (ring.loads.size() > 1) {
      Value is = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                       load, constant(position));
      auto ifIs = scf::IfOp::create(builder, loc, is);
      builder.setInsertionPointToStart(ifIs.thenBlock());
    }
    Value source = block.get(from.getSource());
    SmallVector<Value> start;
    for (size_t dim = 0; dim < from.getIndices().size(); ++dim)
      start.push_back(this->load(ring.records, {number, constant(1 + dim)}));
    size_t rank = from.getSource().getType().getRank();
    for (int64_t i = 0; i < from.getNumBoxes(); ++i) {
      Box box = emitBox(source, ArrayRef(start).slice(i * rank, rank),
                        from.getBoxRows(), ring.type.getColumns());
      Value above = constant(i * from.getBoxRows());
      emitLoops(box, [&](Value row, Value column, ValueRange indices) {
        store(this->load(source, indices), tile, {add(row, above), column});
      });
    }
  }
}

// consumer_release -> fill the oldest tile that is held with poison
void KernelEmitter::emitRelease(ConsumerReleaseOp op, Role &role) {
  Ring &ring = rings.find(op.getRing().getDefiningOp())->second;
  Value ringNumber = constant(ring.number);
  Value number = load(role.released, ringNumber);
  Value held = less(number, load(role.waited, ringNumber));
  auto ifHeld = scf::IfOp::create(builder, loc, held, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifHeld.elseBlock());
  Value always = arith::ConstantIntOp::create(builder, loc, 1, 1);
  emitFaultIf(always, TileFault::ReleaseWithoutTile);

  builder.setInsertionPointToStart(ifHeld.thenBlock());
  store(add(number, constant(1)), role.released, ringNumber);
  Value slot = arith::RemUIOp::create(builder, loc, number,
                                      constant(ring.type.getStages()));
  Value tileNumber = add(slot, constant(ring.firstTile));
  emitInUseCheck(tileNumber, role);
  store(constant(0), role.holders, tileNumber);
  Value tile =
      getTileOfRing(builder, loc, ring.type, role.ringTiles[ring.number], slot);
  linalg::FillOp::create(builder, loc, getPoison(ring.type.getElementType()),
                         tile);
}

void KernelEmitter::emitEndChecks(MutableArrayRef<Role> warpgroups) {
  Value firstTurns;
  for (Role &role : warpgroups) {
    for (auto &[op, ring] : rings) {
      Value count = memref::DimOp::create(builder, loc, ring.records, 0);
      Value waited = load(role.waited, constant(ring.number));
      emitFaultIf(less(waited, count), TileFault::TileNotTaken);
    }
    for (int64_t tile = 0; tile < tiles; ++tile)
      emitFaultIf(differs(load(role.stores, constant(tile)), constant(0)),
                  TileFault::StoreNotAwaited);
    Value begun = getCounter(role, Role::TurnsBegun);
    Value ended = getCounter(role, Role::TurnsEnded);
    emitFaultIf(differs(begun, ended), TileFault::UnevenTurns);
    if (firstTurns)
      emitFaultIf(differs(begun, firstTurns), TileFault::UnevenTurns);
    firstTurns = begun;
  }
}

} // namespace transmamba::tile
