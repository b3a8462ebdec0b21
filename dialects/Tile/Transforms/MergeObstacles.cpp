//===- MergeObstacles.cpp - What kernels can be one -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "MergeKernels.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace transmamba::tile;

/// How many tiles of the ring the consumers still have at their end; nothing
/// where that depends on what happens inside of them (G2).
std::optional<int64_t> transmamba::tile::countHeldTiles(RingOp ring) {
  llvm::MapVector<Block *, int64_t> held;
  for (Operation *user : ring->getUsers())
    if (isa<ConsumerWaitOp>(user))
      ++held[user->getBlock()];
    else if (isa<ConsumerReleaseOp>(user))
      --held[user->getBlock()];
  int64_t atEnd = 0;
  for (auto [block, count] : held)
    if (count > 0 && isa<ConsumersOp>(block->getParentOp()))
      atEnd = count;
    else if (count != 0)
      return std::nullopt;
  return atEnd;
}

bool transmamba::tile::waitsFor(KernelOp kernel, KernelOp other) {
  return kernel
      .walk([&](AfterOp op) {
        return op.getKernelAttr().getAttr() == other.getSymNameAttr()
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

static uint32_t getWarpgroups(KernelPart part) {
  return part.kernel.getConsumers().getCount();
}

/// Whether the value is computed from the block's place along x.
bool transmamba::tile::dependsOnX(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (auto id = dyn_cast<BlockIdOp>(op))
    return id.getDimension() == Dimension::x;
  // Of a loop, what happens in it counts as well.
  WalkResult result = op->walk([](Operation *inner) {
    return llvm::any_of(inner->getOperands(), dependsOnX)
               ? WalkResult::interrupt()
               : WalkResult::advance();
  });
  return result.wasInterrupted();
}

/// (G1) Whether neighbours along x do the same in the same order, so that they
/// can be one item.
static bool hasEqualNeighbours(KernelOp kernel) {
  auto decides = [](Operation *op) -> SmallVector<Value> {
    if (auto loop = dyn_cast<scf::ForOp>(op))
      if (op->getParentOfType<ConsumersOp>())
        // What a warpgroup carries is its own.
        return {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()};
    if (auto condition = dyn_cast<scf::IfOp>(op))
      return {condition.getCondition()};
    bool loads = op->getParentOfType<ProducerOp>();
    if (isa<scf::WhileOp, scf::ConditionOp>(op) ||
        (loads && isa<scf::ForOp, scf::YieldOp>(op)))
      return SmallVector<Value>(op->getOperands());
    return {};
  };
  WalkResult result = kernel.walk([&](Operation *op) {
    if (isa<TurnWaitOp, TurnPassOp>(op) ||
        llvm::any_of(decides(op), dependsOnX))
      return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return !result.wasInterrupted();
}

/// Blocks that are one item.
int64_t transmamba::tile::getBlocksOfItem(const KernelPart &part,
                                          uint32_t warpgroups) {
  return warpgroups / getWarpgroups(part);
}

uint32_t transmamba::tile::getMostWarpgroups(ArrayRef<KernelPart> parts) {
  uint32_t most = 1;
  for (const KernelPart &part : parts)
    most = std::max(most, getWarpgroups(part));
  return most;
}

std::optional<std::string>
transmamba::tile::findMergeObstacle(ArrayRef<KernelPart> parts) {
  auto say = [](KernelOp kernel, StringRef what) {
    return ("@" + kernel.getName() + " " + what).str();
  };
  uint32_t warpgroups = getMostWarpgroups(parts);
  for (const KernelPart &part : parts) {
    KernelOp kernel = part.kernel;
    int64_t blocks = getBlocksOfItem(part, warpgroups);
    if (getWarpgroups(part) != warpgroups &&
        (getWarpgroups(part) != 1 ||
         part.grid[0].constant.value_or(1) % blocks ||
         !hasEqualNeighbours(kernel)))
      return say(kernel, "has another number of consumers (G1)");
    if (kernel.getTickets())
      return say(kernel, "draws items already");
    for (auto ring : kernel.getBody().front().getOps<RingOp>())
      if (!countHeldTiles(ring))
        return say(kernel, "does not release all tiles that it waits for (G2)");
  }
  return std::nullopt;
}
