//===- KernelPlan.cpp - Where things lie in a kernel ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include <numeric>

using namespace mlir;

namespace transmamba::tile {

int64_t getPanelRows(Value tile) {
  while (auto slice = tile.getDefiningOp<RowSliceOp>())
    tile = slice.getSource();
  return cast<SharedType>(tile.getType()).getRows();
}

/// Tiles come from operations, so that their layout is known: a tile that a
/// loop carries could be a slice of any other.
static LogicalResult checkTileOperands(KernelOp kernel, const Target &target) {
  WalkResult result = kernel.walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (isa<SharedType>(operand.getType()) && isa<BlockArgument>(operand)) {
        op->emitOpError("takes a tile that a loop carries, which ")
            << target.chip << " cannot address";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Only matrix units read the tiles of the ring: what clears rows ends with a
/// barrier.
static bool isReadByMultiplications(RingOp ring) {
  SmallVector<Value> tiles;
  for (Operation *user : ring->getUsers())
    if (auto wait = dyn_cast<ConsumerWaitOp>(user))
      tiles.push_back(wait.getTile());
  while (!tiles.empty()) {
    Value tile = tiles.pop_back_val();
    for (Operation *user : tile.getUsers()) {
      if (auto slice = dyn_cast<RowSliceOp>(user))
        tiles.push_back(slice.getResult());
      else if (!isa<MmaOp, ClearRowsOp>(user))
        return false;
    }
  }
  return true;
}

static LogicalResult planSharedMemory(KernelOp kernel, KernelPlan &plan) {
  int64_t offset = 0;
  auto take = [&](int64_t bytes) {
    int64_t start = offset;
    offset += llvm::alignTo(bytes, kTileAlignment);
    return start;
  };
  bool hasTickets = !kernel.getBody().getOps<TicketsOp>().empty();
  SmallVector<RingOp> rings;
  for (Operation &op : kernel.getBody().front()) {
    if (auto alloc = dyn_cast<AllocOp>(op)) {
      plan.tiles[&op] = take(alloc.getType().getSizeInBytes());
    } else if (auto ring = dyn_cast<RingOp>(op)) {
      RingPlan &entry = plan.rings[&op];
      entry.tileBytes = llvm::alignTo(ring.getType().getTile().getSizeInBytes(),
                                      kTileAlignment);
      entry.tiles = take(entry.tileBytes * ring.getType().getStages());
      entry.releasedByWarps =
          !plan.target.multipliesTiles || !isReadByMultiplications(ring);
      entry.packed = hasTickets;
      rings.push_back(ring);
    }
  }
  for (RingOp ring : rings) {
    plan.rings[ring].barriers = offset;
    offset += kBarrierBytes * ring.getType().getStages();
  }
  if (TicketsOp tickets = kernel.getTickets()) {
    if (!plan.target.hasTickets)
      return tickets.emitOpError("is lowered for chips with a copy engine, not "
                                 "for ")
             << plan.target.chip;
    plan.tickets[tickets] = offset;
    offset += kTicketBytes;
  }
  plan.sharedBytes[kernel] = offset;
  if (offset > plan.target.sharedBytes)
    return kernel.emitOpError("asks for ")
           << offset << " bytes of shared memory; a block of "
           << plan.target.chip << " has " << plan.target.sharedBytes;
  return success();
}

/// The box of a copy: its columns are one panel.
static SharedType getBox(SharedType tile) {
  return SharedType::get(tile.getContext(),
                         {tile.getRows(), tile.getPanelColumns()},
                         tile.getElementType());
}

/// One of the boxes of a load, as a tile.
static SharedType getBoxOfLoad(LoadOp load) {
  SharedType tile = load.getRing().getType().getTile();
  return SharedType::get(tile.getContext(),
                         {load.getBoxRows(), tile.getColumns()},
                         tile.getElementType());
}

static void planParameters(KernelOp kernel, KernelPlan &plan) {
  SmallVector<Parameter> &parameters = plan.parameters[kernel];
  for (auto [number, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    int64_t argument = number;
    if (auto memref = dyn_cast<MemRefType>(type)) {
      parameters.push_back({Parameter::Pointer, argument, 0, {}});
      for (int64_t dim = 0; dim < memref.getRank(); ++dim)
        if (memref.isDynamicDim(dim))
          parameters.push_back({Parameter::Size, argument, dim, {}});
    } else {
      parameters.push_back({Parameter::Scalar, argument, 0, {}});
    }
  }
}

/// Adds a parameter for each tensor and box that is copied.
static LogicalResult planMaps(KernelOp kernel, KernelPlan &plan) {
  SmallVector<Parameter> &parameters = plan.parameters[kernel];
  auto addMap = [&](Operation *op, Value tensor,
                    SharedType tile) -> LogicalResult {
    auto argument = dyn_cast<BlockArgument>(tensor);
    if (!argument || argument.getOwner() != &kernel.getBody().front())
      return op->emitOpError("copies a tensor that is no argument");
    SharedType box = getBox(tile);
    if (box.getRows() > 256 || box.getColumns() > 256)
      return op->emitOpError("copies a box of ")
             << box.getRows() << " x " << box.getColumns()
             << "; a copy has 256 rows and columns at most";
    int64_t number = argument.getArgNumber();
    auto *same = llvm::find_if(parameters, [&](const Parameter &parameter) {
      return parameter.kind == Parameter::Map && parameter.argument == number &&
             parameter.tile == box;
    });
    plan.maps[op] = same - parameters.begin();
    if (same == parameters.end())
      parameters.push_back({Parameter::Map, number, 0, box});
    return success();
  };
  WalkResult result = kernel.walk([&](Operation *op) {
    LogicalResult result = success();
    if (auto load = dyn_cast<LoadOp>(op))
      result = addMap(op, load.getSource(), getBoxOfLoad(load));
    else if (auto store = dyn_cast<StoreOp>(op))
      result = addMap(op, store.getDestination(), store.getTile().getType());
    return failed(result) ? WalkResult::interrupt() : WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// A number of 1, 2, 4, 8 and 16 that divides the value.
static int64_t getDivisor(Value value) {
  constexpr int64_t most = 16;
  if (IntegerAttr constant; matchPattern(value, m_Constant(&constant)))
    return std::gcd(constant.getValue().getSExtValue(), most);
  if (auto loop = scf::getForInductionVarOwner(value))
    return std::gcd(getDivisor(loop.getLowerBound()),
                    getDivisor(loop.getStep()));
  Operation *op = value.getDefiningOp();
  if (!op)
    return 1;
  if (isa<arith::MulIOp>(op))
    return std::gcd(
        getDivisor(op->getOperand(0)) * getDivisor(op->getOperand(1)), most);
  if (isa<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp,
          arith::MinUIOp, arith::MaxUIOp>(op))
    return std::gcd(getDivisor(op->getOperand(0)),
                    getDivisor(op->getOperand(1)));
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return std::gcd(getDivisor(select.getTrueValue()),
                    getDivisor(select.getFalseValue()));
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op))
    return getDivisor(op->getOperand(0));
  return 1;
}

static bool isAligned(ValueRange indices, Type element) {
  return getDivisor(indices.back()) * element.getIntOrFloatBitWidth() % 128 ==
         0;
}

/// Multiplications end in order, so those that started after this one may go
/// on. Where it started in another block, none may.
static int64_t countLaterMultiplications(AwaitOp await) {
  auto mma = await.getPending().getDefiningOp<MmaOp>();
  if (!mma || mma->getBlock() != await->getBlock())
    return 0;
  int64_t count = 0;
  for (Operation *op = mma->getNextNode(); op != await; op = op->getNextNode())
    count += isa<MmaOp>(op);
  return count;
}

LogicalResult planKernel(KernelOp kernel, KernelPlan &plan) {
  planParameters(kernel, plan);
  if (failed(checkTileOperands(kernel, plan.target)) ||
      failed(planSharedMemory(kernel, plan)))
    return failure();
  if (plan.target.hasTensorMaps && failed(planMaps(kernel, plan)))
    return failure();
  Warpgroups warpgroups{bool(kernel.getProducer()),
                        int64_t(kernel.getConsumers().getCount())};
  kernel.walk([&](Operation *op) {
    if (isa<BarrierOp, TurnWaitOp, TurnPassOp, TicketsOp, PublishOp>(op))
      plan.warpgroups[op] = warpgroups;
    if (isa<WorkLoopOp, LookBackOp>(op) && op->getParentOfType<ProducerOp>())
      plan.loads.insert(op);
  });
  kernel.walk([&](LoadOp load) {
    bool aligned = true;
    for (int64_t i = 0; i < load.getNumBoxes(); ++i)
      aligned &=
          isAligned(load.getBox(i), load.getRing().getType().getElementType());
    if (aligned)
      plan.alignedCopies.insert(load);
  });
  kernel.walk([&](StoreOp store) {
    if (isAligned(store.getIndices(),
                  store.getTile().getType().getElementType()))
      plan.alignedCopies.insert(store);
  });
  kernel.walk([&](AwaitOp await) {
    plan.keep[await] = countLaterMultiplications(await);
  });
  return success();
}

} // namespace transmamba::tile
