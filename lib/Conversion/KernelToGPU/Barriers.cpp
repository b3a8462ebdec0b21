//===- Barriers.cpp - Barriers between dependent ops ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A forward data-flow over the structured control flow of a kernel. The state
// is the set of accesses since the last barrier; control flow is uniform, so
// one state describes all threads.
//
//===----------------------------------------------------------------------===//

#include "Barriers.h"
#include "SharedMemory.h"
#include "ThreadMapping.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace transmamba {
namespace {

/// One op touching one memref.
struct Access {
  Value memref;
  bool isWrite;
  /// Each thread touches elements of its own, named by this key
  /// (getOwnershipKey); a unit attribute where only thread 0 touches anything.
  /// Null: any thread may touch any element.
  Attribute owner;

  bool operator==(const Access &other) const {
    return memref == other.memref && isWrite == other.isWrite &&
           owner == other.owner;
  }
};

using AccessSet = SmallVector<Access>;

/// Walks a kernel; `commit` decides whether barriers are really inserted, or
/// the state is only computed.
class BarrierInsertion {
public:
  BarrierInsertion(int64_t blockSize, ArrayRef<RowChain> chains)
      : blockSize(blockSize) {
    for (const RowChain &chain : chains)
      for (linalg::GenericOp op : chain.ops)
        chainOf[op] = &chain;
  }

  AccessSet visitBlock(Block &block, AccessSet pending, bool commit);
  unsigned getNumBarriers() const { return numBarriers; }

private:
  AccessSet visitLoop(scf::ForOp loop, AccessSet pending, bool commit);
  AccessSet visitBranch(scf::IfOp branch, const AccessSet &pending,
                        bool commit);

  AccessSet getAccesses(Operation *op) const;

  int64_t blockSize;
  DenseMap<Operation *, const RowChain *> chainOf;
  unsigned numBarriers = 0;
};

} // namespace

/// Adds `access` unless it is there; returns whether it was added.
static bool addAccess(AccessSet &set, const Access &access) {
  if (llvm::is_contained(set, access))
    return false;
  set.push_back(access);
  return true;
}

static bool addAll(AccessSet &set, const AccessSet &other) {
  bool changed = false;
  for (const Access &access : other)
    changed |= addAccess(set, access);
  return changed;
}

static AccessSet getAccesses(linalg::GenericOp op, int64_t blockSize) {
  AccessSet accesses;
  ThreadMapping mapping = planThreadMapping(op, blockSize);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    Attribute owner = getOwnershipKey(operand, mapping);
    if (op.isDpsInit(&operand))
      addAccess(accesses, {operand.get(), true, owner});
    if (op.isDpsInput(&operand) || op.payloadUsesValueFromOperand(&operand))
      addAccess(accesses, {operand.get(), false, owner});
  }
  // Gathers: the body loads from wherever it likes.
  op.getRegion().walk([&](memref::LoadOp load) {
    addAccess(accesses, {load.getMemRef(), false, Attribute()});
  });
  return accesses;
}

/// What an op without control flow of its own touches.
static AccessSet getAccesses(Operation *op, int64_t blockSize) {
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return getAccesses(generic, blockSize);
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return {{load.getMemRef(), false, Attribute()}};
  // A store of the uniform program is done by thread 0.
  if (auto store = dyn_cast<memref::StoreOp>(op))
    return {{store.getMemRef(), true, UnitAttr::get(op->getContext())}};
  return {};
}

/// What a chain touches in memory: any thread any element.
static AccessSet getAccesses(const RowChain &chain) {
  AccessSet accesses;
  for (linalg::GenericOp op : chain.ops)
    for (OpOperand &operand : op->getOpOperands()) {
      Value memref = operand.get();
      if (!isa<MemRefType>(memref.getType()) ||
          chain.registers.contains(memref))
        continue;
      addAccess(accesses, {memref, op.isDpsInit(&operand), Attribute()});
    }
  return accesses;
}

AccessSet BarrierInsertion::getAccesses(Operation *op) const {
  const RowChain *chain = chainOf.lookup(op);
  if (!chain)
    return transmamba::getAccesses(op, blockSize);
  return op == chain->ops.back() ? transmamba::getAccesses(*chain)
                                 : AccessSet();
}

/// Whether two threads may touch the same byte, one of them writing.
static bool isHazard(const Access &first, const Access &second) {
  if (!first.isWrite && !second.isWrite)
    return false;
  if (!getMemoryPlace(first.memref).mayOverlap(getMemoryPlace(second.memref)))
    return false;
  if (!first.owner || first.owner != second.owner)
    return true;
  return !isa<UnitAttr>(first.owner) && first.memref != second.memref;
}

static bool hasHazard(const AccessSet &first, const AccessSet &second) {
  return llvm::any_of(first, [&](const Access &a) {
    return llvm::any_of(second,
                        [&](const Access &b) { return isHazard(a, b); });
  });
}

/// What is left of the accesses of a loop body for the ops after it and for its
/// next iteration: a view made in the body is a different view then, so its
/// elements belong to other threads.
static AccessSet leaveLoop(AccessSet accesses, scf::ForOp loop) {
  for (Access &access : accesses)
    if (access.owner && !isa<UnitAttr>(access.owner) &&
        loop.getRegion().isAncestor(access.memref.getParentRegion()))
      access.owner = Attribute();
  return accesses;
}

AccessSet BarrierInsertion::visitLoop(scf::ForOp loop, AccessSet pending,
                                      bool commit) {
  // The state at the loop's head: before it, and after any iteration.
  while (addAll(pending, leaveLoop(visitBlock(*loop.getBody(), pending,
                                              /*commit=*/false),
                                   loop)))
    ;
  // The body may not run, so what was pending before the loop still is.
  AccessSet after =
      leaveLoop(visitBlock(*loop.getBody(), pending, commit), loop);
  addAll(pending, after);
  return pending;
}

AccessSet BarrierInsertion::visitBranch(scf::IfOp branch,
                                        const AccessSet &pending, bool commit) {
  AccessSet after;
  for (Region *region : {&branch.getThenRegion(), &branch.getElseRegion()})
    addAll(after, region->empty()
                      ? pending
                      : visitBlock(region->front(), pending, commit));
  return after;
}

AccessSet BarrierInsertion::visitBlock(Block &block, AccessSet pending,
                                       bool commit) {
  for (Operation &op : block) {
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      pending = visitLoop(loop, std::move(pending), commit);
      continue;
    }
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      pending = visitBranch(branch, pending, commit);
      continue;
    }
    AccessSet accesses = getAccesses(&op);
    if (hasHazard(pending, accesses)) {
      pending.clear();
      if (commit) {
        OpBuilder builder(&op);
        gpu::BarrierOp::create(builder, op.getLoc());
        ++numBarriers;
      }
    }
    addAll(pending, accesses);
  }
  return pending;
}

unsigned insertBarriers(gpu::GPUFuncOp kernel, int64_t blockSize,
                        ArrayRef<RowChain> chains) {
  BarrierInsertion insertion(blockSize, chains);
  insertion.visitBlock(kernel.getBody().front(), {}, /*commit=*/true);
  return insertion.getNumBarriers();
}

} // namespace transmamba
