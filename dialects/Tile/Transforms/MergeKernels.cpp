//===- MergeKernels.cpp - Several kernels as one --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// tile.kernel @a { rings; producer { A }; consumers { B } }
// tile.kernel @b { rings; producer { C }; consumers { D } }
// ->
// tile.kernel @a_b {
//   rings of both
//   %work = tile.tickets ...
//   producer { work_loop %i { if %i < items of a { A } else { C } } }
//   consumers { work_loop %i { if %i < items of a { B } else { D } } }
// }
//
// An item waits for items of parts before its own only, which have smaller
// numbers: nobody waits for ever. The items of a part may come in several
// pieces, with others between them; which number is which item is said by
// arguments, so that the host may choose.
//
// Where a kernel has one consumer warpgroup and another one has two, an item is
// two neighbours of the former, one for each warpgroup: their tiles stand one
// below the other in tiles of twice the rows, which may then be shared.
//
//===----------------------------------------------------------------------===//

#include "MergeKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace transmamba::tile;

//===----------------------------------------------------------------------===//
// The merged kernel
//===----------------------------------------------------------------------===//

namespace {
class KernelMerger {
public:
  KernelMerger(OpBuilder &builder, Location loc, ArrayRef<KernelPart> parts,
               ArrayRef<Piece> pieces)
      : builder(builder), loc(loc), parts(parts), pieces(pieces),
        warpgroups(getMostWarpgroups(parts)) {}

  KernelOp build(StringRef name, TypeRange arguments);

private:
  /// The items of a part.
  struct Items {
    std::array<Value, 3> grid;
    /// Items along x, and how many blocks one is.
    Value columns;
    int64_t blocks;
  };

  template <typename Op, typename... Args> Op create(Args &&...args) {
    return Op::create(builder, loc, std::forward<Args>(args)...);
  }
  Value index(int64_t value) { return create<arith::ConstantIndexOp>(value); }
  template <typename Op> Value fold(Value a, Value b) {
    return builder.createOrFold<Op>(loc, a, b);
  }
  Value mul(Value a, Value b) { return fold<arith::MulIOp>(a, b); }
  Value add(Value a, Value b) { return fold<arith::AddIOp>(a, b); }

  void shareMemory();
  template <typename Op> void share(SmallVectorImpl<Op> &shared);
  void countItems();
  const Piece &getPiece(size_t part) {
    return *llvm::find_if(pieces,
                          [&](Piece piece) { return piece.part == part; });
  }
  bool isWhole() const { return pieces.size() == parts.size(); }
  Value get(const Extent &extent) {
    return extent.constant ? index(*extent.constant)
                           : Value(merged.getArgument(extent.argument));
  }
  Value isBefore(Value item, const Extent &end) {
    return create<arith::CmpIOp>(arith::CmpIPredicate::ult, item, get(end));
  }
  /// The work loop of a role, with what each part does in it.
  void emitRole(bool producer);
  /// Which part an item is of, and its number in it.
  struct Place {
    Value part, number;
  };
  Place emitPlace(Value item);
  void emitCases(Value item, Place place, bool producer, size_t number);
  void emitPart(Value item, Value rest, bool producer, size_t part);
  void addBoxes(ArrayRef<Operation *> clones, ArrayRef<Value> x);
  Value recompute(Value value, Value x);
  void takeOwnRows(ArrayRef<Operation *> clones, int64_t blocks);
  Value getOwnRows(Value tile, int64_t rows);
  void replaceGrid(ArrayRef<Operation *> clones, ArrayRef<Value> block,
                   ArrayRef<Value> grid);
  void emitLookBack(AfterOp op);
  /// The next item of a warpgroup may overwrite what a slower one still reads.
  bool sharesTiles(KernelOp kernel);

  OpBuilder &builder;
  Location loc;
  ArrayRef<KernelPart> parts;
  ArrayRef<Piece> pieces;
  uint32_t warpgroups;
  KernelOp merged;
  SmallVector<IRMapping> mappings;
  SmallVector<Items> items;
  Value tickets;
};
} // namespace

// The type of a tile for all blocks of an item.
static RingType widen(RingType type, int64_t blocks) {
  return RingType::get(type.getContext(),
                       {blocks * type.getRows(), type.getColumns()},
                       type.getElementType(), type.getStages());
}
static SharedType widen(SharedType type, int64_t blocks) {
  return SharedType::get(type.getContext(),
                         {blocks * type.getRows(), type.getColumns()},
                         type.getElementType());
}

static bool isShapedAs(RingType shared, RingType own) {
  return shared.getTile() == own.getTile();
}
static bool isShapedAs(SharedType shared, SharedType own) {
  return shared == own;
}
static void makeFit(RingOp shared, RingType own) {
  if (shared.getType().getStages() < own.getStages())
    shared.getResult().setType(own);
}
static void makeFit(AllocOp, SharedType) {}

/// Items of different parts use the same memory, one after the other.
template <typename Op> void KernelMerger::share(SmallVectorImpl<Op> &shared) {
  for (auto [number, part] : llvm::enumerate(parts)) {
    llvm::SmallPtrSet<Operation *, 8> taken;
    KernelOp kernel = part.kernel;
    int64_t blocks = getBlocksOfItem(part, warpgroups);
    for (auto own : kernel.getBody().front().template getOps<Op>()) {
      auto type = widen(own.getType(), blocks);
      auto *same = llvm::find_if(shared, [&](Op op) {
        return !taken.contains(op) && isShapedAs(op.getType(), type);
      });
      if (same == shared.end()) {
        shared.push_back(create<Op>(Type(type)));
        same = std::prev(shared.end());
      }
      makeFit(*same, type);
      taken.insert(*same);
      mappings[number].map(own.getResult(), same->getResult());
    }
  }
}

void KernelMerger::shareMemory() {
  SmallVector<RingOp> rings;
  SmallVector<AllocOp> tiles;
  share(rings);
  share(tiles);
}

void KernelMerger::countItems() {
  for (const KernelPart &part : parts) {
    Items entry;
    for (auto [extent, size] : llvm::zip(part.grid, entry.grid))
      size = get(extent);
    entry.blocks = getBlocksOfItem(part, warpgroups);
    entry.columns = fold<arith::DivUIOp>(entry.grid[0], index(entry.blocks));
    items.push_back(entry);
  }
}

bool KernelMerger::sharesTiles(KernelOp kernel) {
  auto hasTiles = [](KernelOp kernel) {
    return !kernel.getBody().front().getOps<AllocOp>().empty();
  };
  // Rows that are always those of the same warpgroup are nobody else's.
  return hasTiles(kernel) && llvm::any_of(parts, [&](const KernelPart &part) {
           return hasTiles(part.kernel) &&
                  getBlocksOfItem(part, warpgroups) != warpgroups;
         });
}

// tile.after @k[x, y, z] count n along y
//   -> tile.look_back (item x, y, z of @k) count n stride (blocks along x)
void KernelMerger::emitLookBack(AfterOp op) {
  auto *part = llvm::find_if(parts, [&](KernelPart part) {
    return part.kernel.getSymNameAttr() == op.getKernelAttr().getAttr();
  });
  if (part == parts.end())
    return;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op);
  const Items &other = items[part - parts.begin()];
  Value strides[] = {index(1), other.columns,
                     mul(other.columns, other.grid[1])};
  Value blocks = index(other.blocks), count = op.getCount();
  Value place = fold<arith::DivUIOp>(op.getX(), blocks);
  if (op.getDimension() == Dimension::x && other.blocks > 1) {
    // Items from that of the first block to that of the last one.
    Value last = add(fold<arith::RemUIOp>(op.getX(), blocks),
                     add(count, index(other.blocks - 1)));
    Value none =
        create<arith::CmpIOp>(arith::CmpIPredicate::eq, count, index(0));
    count = builder.createOrFold<arith::SelectOp>(
        loc, none, count, fold<arith::DivUIOp>(last, blocks));
  }
  place =
      add(place, add(mul(op.getY(), strides[1]), mul(op.getZ(), strides[2])));
  Value first = add(get(getPiece(part - parts.begin()).shift), place);
  create<LookBackOp>(first, count, strides[int(op.getDimension())], tickets);
  op.erase();
}

/// The value as it is for the block at `x`.
Value KernelMerger::recompute(Value value, Value x) {
  if (!dependsOnX(value))
    return value;
  Operation *op = value.getDefiningOp();
  if (isa<BlockIdOp>(op))
    return x;
  IRMapping mapping;
  for (Value operand : op->getOperands())
    mapping.map(operand, recompute(operand, x));
  return builder.clone(*op, mapping)
      ->getResult(cast<OpResult>(value).getResultNumber());
}

// tile.load %a[%i] to %ring, for a block at x
//   -> tile.load %a[%i], [%j] to %ring, for those at x and x + 1
void KernelMerger::addBoxes(ArrayRef<Operation *> clones, ArrayRef<Value> x) {
  SmallVector<LoadOp> loads;
  for (Operation *clone : clones)
    clone->walk([&](LoadOp load) { loads.push_back(load); });
  OpBuilder::InsertionGuard guard(builder);
  for (LoadOp load : loads) {
    builder.setInsertionPoint(load);
    SmallVector<Value> indices;
    for (Value block : x)
      for (Value index : load.getIndices())
        indices.push_back(recompute(index, block));
    load.getIndicesMutable().assign(indices);
  }
}

/// The rows of a tile that are this warpgroup's.
Value KernelMerger::getOwnRows(Value tile, int64_t rows) {
  auto type = cast<SharedType>(tile.getType());
  Value first = mul(merged.getConsumers().getWarpgroup(), index(rows));
  return create<RowSliceOp>(
      Type(SharedType::get(builder.getContext(), {rows, type.getColumns()},
                           type.getElementType())),
      tile, first);
}

// %t = tile.consumer_wait %ring -> its rows of the warpgroup
void KernelMerger::takeOwnRows(ArrayRef<Operation *> clones, int64_t blocks) {
  SmallVector<Operation *> found;
  for (Operation *clone : clones)
    clone->walk([&](Operation *op) {
      if (isa<ConsumerWaitOp, BarrierOp>(op))
        found.push_back(op);
    });
  OpBuilder::InsertionGuard guard(builder);
  for (Operation *op : found) {
    builder.setInsertionPointAfter(op);
    if (auto barrier = dyn_cast<BarrierOp>(op)) {
      barrier.setConsumers(false);
      continue;
    }
    auto wait = cast<ConsumerWaitOp>(op);
    auto all = create<ConsumerWaitOp>(wait.getRing());
    wait.replaceAllUsesWith(
        getOwnRows(all, all.getTile().getType().getRows() / blocks));
    wait.erase();
  }
}

/// What stands for the grid in the clones of a part, and for other launches.
void KernelMerger::replaceGrid(ArrayRef<Operation *> clones,
                               ArrayRef<Value> block, ArrayRef<Value> grid) {
  SmallVector<Operation *> found;
  for (Operation *clone : clones)
    clone->walk([&](Operation *op) {
      if (isa<BlockIdOp, GridDimOp, AfterOp>(op))
        found.push_back(op);
    });
  for (Operation *op : found) {
    if (auto after = dyn_cast<AfterOp>(op)) {
      emitLookBack(after);
      continue;
    }
    auto id = dyn_cast<BlockIdOp>(op);
    Value value = id ? block[int(id.getDimension())]
                     : grid[int(cast<GridDimOp>(op).getDimension())];
    op->getResult(0).replaceAllUsesWith(value);
    op->erase();
  }
}

void KernelMerger::emitPart(Value item, Value rest, bool producer,
                            size_t number) {
  KernelOp kernel = parts[number].kernel;
  if (producer && !kernel.getProducer())
    return;
  IRMapping mapping = mappings[number];
  const Items &own = items[number];
  Value block[3];
  block[0] = mul(fold<arith::RemUIOp>(rest, own.columns), index(own.blocks));
  rest = fold<arith::DivUIOp>(rest, own.columns);
  block[1] = fold<arith::RemUIOp>(rest, own.grid[1]);
  block[2] = fold<arith::DivUIOp>(rest, own.grid[1]);
  Value warpgroup = producer ? Value() : merged.getConsumers().getWarpgroup();
  SmallVector<Value> x = {block[0]};
  if (own.blocks > 1 && producer) {
    for (int64_t i = 1; i < own.blocks; ++i)
      x.push_back(add(block[0], index(i)));
  } else if (own.blocks > 1) {
    block[0] = add(block[0], warpgroup);
    for (auto tile : kernel.getBody().front().getOps<AllocOp>())
      mapping.map(tile.getResult(), getOwnRows(mapping.lookup(tile.getResult()),
                                               tile.getType().getRows()));
  }

  SmallVector<Operation *> clones;
  for (Operation &op : kernel.getBody().front())
    if (!isa<RingOp, AllocOp, ProducerOp, ConsumersOp, EndOp>(op))
      clones.push_back(builder.clone(op, mapping));
  Operation *role = producer ? kernel.getProducer().getOperation()
                             : kernel.getConsumers().getOperation();
  if (!producer)
    mapping.map(kernel.getConsumers().getWarpgroup(),
                own.blocks > 1 ? index(0) : warpgroup);
  for (Operation &op : role->getRegion(0).front().without_terminator())
    clones.push_back(builder.clone(op, mapping));
  if (own.blocks > 1 && producer)
    addBoxes(clones, x);
  else if (own.blocks > 1)
    takeOwnRows(clones, own.blocks);
  replaceGrid(clones, block, own.grid);
  if (producer)
    return;
  for (auto ring : kernel.getBody().front().getOps<RingOp>())
    for (int64_t i = 0, count = *countHeldTiles(ring); i < count; ++i)
      create<ConsumerReleaseOp>(mapping.lookup(ring.getResult()));
  if (llvm::any_of(parts, [&](const KernelPart &part) {
        return waitsFor(part.kernel, kernel);
      }))
    create<PublishOp>(item, tickets);
  else if (sharesTiles(kernel))
    create<BarrierOp>(/*consumers=*/true);
}

// Where pieces are parts, the comparisons with their ends are enough.
KernelMerger::Place KernelMerger::emitPlace(Value item) {
  if (isWhole())
    return {};
  Value part = index(pieces.back().part), shift = get(pieces.back().shift);
  for (const Piece &piece : llvm::reverse(pieces.drop_back())) {
    Value isOwn = isBefore(item, piece.end);
    part = create<arith::SelectOp>(isOwn, index(piece.part), part);
    shift = create<arith::SelectOp>(isOwn, get(piece.shift), shift);
  }
  return {part, fold<arith::SubIOp>(item, shift)};
}

// if item < end of the first part { first } else { if ... }
void KernelMerger::emitCases(Value item, Place place, bool producer,
                             size_t number) {
  size_t part = isWhole() ? pieces[number].part : number;
  auto emit = [&] {
    Value own = place.number
                    ? place.number
                    : fold<arith::SubIOp>(item, get(pieces[number].shift));
    emitPart(item, own, producer, part);
  };
  if (number + 1 == parts.size())
    return emit();
  Value isOwn = place.part ? create<arith::CmpIOp>(arith::CmpIPredicate::eq,
                                                   place.part, index(part))
                           : isBefore(item, pieces[number].end);
  auto condition = create<scf::IfOp>(isOwn, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(condition.thenBlock());
  emit();
  builder.setInsertionPointToStart(condition.elseBlock());
  emitCases(item, place, producer, number + 1);
}

void KernelMerger::emitRole(bool producer) {
  OpBuilder::InsertionGuard guard(builder);
  auto loop = create<WorkLoopOp>(tickets);
  Block &body = loop.getBody().emplaceBlock();
  body.addArgument(builder.getIndexType(), loc);
  builder.setInsertionPointToEnd(&body);
  builder.setInsertionPoint(create<EndOp>());
  emitCases(loop.getItem(), emitPlace(loop.getItem()), producer, 0);
}

KernelOp KernelMerger::build(StringRef name, TypeRange arguments) {
  OpBuilder::InsertionGuard guard(builder);
  merged = create<KernelOp>(name, builder.getFunctionType(arguments, {}),
                            /*arg_attrs=*/nullptr, /*res_attrs=*/nullptr);
  Block &entry = merged.getBody().emplaceBlock();
  entry.addArguments(arguments, SmallVector<Location>(arguments.size(), loc));
  builder.setInsertionPointToEnd(&entry);
  builder.setInsertionPoint(create<EndOp>());

  uint32_t loads = 0, computes = 0, occupancy = 8;
  for (KernelPart part : parts) {
    IRMapping &mapping = mappings.emplace_back();
    for (auto [argument, number] :
         llvm::zip_equal(part.kernel.getBody().getArguments(), part.arguments))
      mapping.map(argument, merged.getArgument(number));
    if (ProducerOp producer = part.kernel.getProducer())
      loads = std::max(loads, producer.getRegisters());
    computes = std::max(computes, part.kernel.getConsumers().getRegisters());
    occupancy = std::min(occupancy, part.kernel.getOccupancy());
  }
  shareMemory();
  countItems();
  tickets =
      create<TicketsOp>(get(pieces.back().end), entry.getArguments().back());

  auto emitBody = [&](Region &region, bool producer) {
    OpBuilder::InsertionGuard guard(builder);
    Block &block = region.emplaceBlock();
    if (!producer)
      block.addArgument(builder.getIndexType(), loc);
    builder.setInsertionPointToEnd(&block);
    builder.setInsertionPoint(create<EndOp>());
    emitRole(producer);
  };
  // Who loads for all parts needs more than for one, and consumers get what is
  // left.
  uint32_t all =
      getRegistersOfBlock((warpgroups + 1) * kWarpgroupThreads, occupancy) /
      kWarpgroupThreads;
  loads = std::max<uint32_t>(loads, 40);
  computes = std::min(computes, (all - loads) / warpgroups / 8 * 8);
  emitBody(create<ProducerOp>(loads).getBody(), /*producer=*/true);
  emitBody(create<ConsumersOp>(warpgroups, computes).getBody(),
           /*producer=*/false);
  merged.setOccupancy(occupancy);
  return merged;
}

KernelOp transmamba::tile::mergeKernels(OpBuilder &builder, Location loc,
                                        StringRef name,
                                        ArrayRef<KernelPart> parts,
                                        ArrayRef<Piece> pieces,
                                        TypeRange arguments) {
  return KernelMerger(builder, loc, parts, pieces).build(name, arguments);
}
