//===- RowChain.cpp - Ops that work row by row ----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "RowChain.h"

#include "SharedMemory.h"
#include "VectorAccess.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace transmamba {

/// Bytes of a row of one buffer that one thread keeps in registers.
static constexpr int64_t kMaxRowBytes = 256;

int64_t RowChain::getSlots() const {
  return llvm::divideCeil(columns, vector * lanes);
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// The size of a dimension as what made the buffer says it; null if it does
/// not.
static OpFoldResult getSize(Value memref, unsigned dim) {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(dim))
    return Builder(memref.getContext()).getIndexAttr(type.getDimSize(dim));
  if (auto cast = memref.getDefiningOp<memref::ReinterpretCastOp>())
    return cast.getMixedSizes()[dim];
  if (auto subview = memref.getDefiningOp<memref::SubViewOp>()) {
    llvm::SmallBitVector dropped = subview.getDroppedDims();
    unsigned kept = 0;
    for (auto [source, size] : llvm::enumerate(subview.getMixedSizes()))
      if (!dropped.test(source) && kept++ == dim)
        return size;
  }
  return {};
}

/// The size of a loop dimension, from an operand that it indexes.
static OpFoldResult getLoopSize(linalg::GenericOp op, unsigned dim) {
  for (OpOperand &operand : op->getOpOperands())
    for (auto [index, result] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (result == getAffineDimExpr(dim, op.getContext()))
        return getSize(operand.get(), index);
  return {};
}

/// An upper bound of a size that is cut off at a tile's.
static std::optional<int64_t> getUpperBound(OpFoldResult size) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return constant;
  Operation *op = cast<Value>(size).getDefiningOp();
  if (!isa_and_nonnull<arith::MinSIOp, arith::MinUIOp>(op))
    return std::nullopt;
  std::optional<int64_t> bound;
  for (Value operand : op->getOperands())
    if (std::optional<int64_t> other = getUpperBound(operand))
      bound = bound ? std::min(*bound, *other) : *other;
  return bound;
}

//===----------------------------------------------------------------------===//
// Which ops belong together
//===----------------------------------------------------------------------===//

namespace {
/// Grows a chain from an op that reduces rows.
class ChainFinder {
public:
  explicit ChainFinder(linalg::GenericOp reduction) : reduction(reduction) {}

  std::optional<RowChain> find();

private:
  bool fits(linalg::GenericOp op) const;
  void extend(bool forwards);
  bool isPrivate(Value memref) const;
  bool hasConflict() const;
  bool chooseTeam();

  linalg::GenericOp reduction;
  SmallVector<OpFoldResult> rowSizes;
  RowChain chain;
};
} // namespace

/// Whether an op reduces its last dimension to one value a row, in a way that
/// lanes can share.
static bool reducesRows(linalg::GenericOp op) {
  if (op.getNumLoops() < 2 || op.getNumReductionLoops() != 1)
    return false;
  ThreadMapping mapping = planThreadMapping(op, kWarpSize);
  return mapping.lanes > 1 &&
         mapping.sequentialDims.front() == op.getNumLoops() - 1;
}

/// Whether `op` walks the rows of the chain, in the same order, and their
/// columns or none; and each output is indexed by just that.
bool ChainFinder::fits(linalg::GenericOp op) const {
  unsigned rows = chain.numRowDims;
  if (op.getNumLoops() < rows || op.getNumLoops() > rows + 1)
    return false;
  for (auto [dim, size] : llvm::enumerate(rowSizes)) {
    OpFoldResult other = getLoopSize(op, dim);
    if (!other || !isEqualConstantIntOrValue(other, size))
      return false;
  }
  bool reduces = reducesRows(op);
  if (op.getNumReductionLoops() != 0 && !reduces)
    return false;
  if (op.getNumLoops() > rows &&
      op.getStaticLoopRanges()[rows] != chain.columns)
    return false;
  unsigned dims = reduces ? rows : op.getNumLoops();
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(op.getNumLoops(), op.getContext());
  for (OpOperand &output : op.getDpsInitsMutable())
    if (op.getMatchingIndexingMap(&output) != identity.getMajorSubMap(dims))
      return false;
  // A body that loads for itself may look at any row.
  return llvm::none_of(*op.getBody(), [](Operation &inner) {
    return isa<memref::LoadOp>(inner);
  });
}

/// Takes neighbours that fit, over pure ops.
void ChainFinder::extend(bool forwards) {
  Operation *op = reduction;
  while ((op = forwards ? op->getNextNode() : op->getPrevNode())) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic) {
      if (op->getNumRegions() == 0 && isMemoryEffectFree(op))
        continue;
      return;
    }
    if (!fits(generic))
      return;
    chain.ops.insert(forwards ? chain.ops.end() : chain.ops.begin(), generic);
  }
}

/// Whether an op reads elements of `memref`.
static bool reads(linalg::GenericOp op, Value memref) {
  return llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) {
    return operand.get() == memref &&
           (op.isDpsInput(&operand) ||
            op.payloadUsesValueFromOperand(&operand));
  });
}

/// The operand's indexing map over the dimensions of the chain.
static AffineMap getChainMap(OpOperand &operand, unsigned numDims) {
  auto op = cast<linalg::GenericOp>(operand.getOwner());
  AffineMap map = op.getMatchingIndexingMap(&operand);
  return AffineMap::get(numDims, 0, map.getResults(), map.getContext());
}

/// Whether `memref` is scratch that the chain alone uses, through this one view
/// and always in the same way, and writes before it reads.
bool ChainFinder::isPrivate(Value memref) const {
  auto mayUse = [&](Operation *user) {
    return isa<memref::DimOp>(user) ||
           llvm::is_contained(chain.ops, dyn_cast<linalg::GenericOp>(user));
  };
  if (!llvm::all_of(memref.getUsers(), mayUse))
    return false;
  AffineMap map;
  for (linalg::GenericOp op : chain.ops)
    for (OpOperand &operand : op->getOpOperands()) {
      if (operand.get() != memref)
        continue;
      AffineMap other = getChainMap(operand, chain.numRowDims + 1);
      if (map ? other != map : reads(op, memref))
        return false;
      map = other;
    }
  // From the view up to the storage nothing else looks at it.
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>()) {
    if (isa<memref::ViewOp>(view.getOperation()))
      return true;
    memref = view.getViewSource();
    if (!llvm::all_of(memref.getUsers(), [&](Operation *user) {
          return user == view.getOperation() || isa<memref::DimOp>(user);
        }))
      return false;
  }
  return false;
}

/// Whether a team may meet what another team, or another of its threads, has
/// written. Each element that is written belongs to one thread; so all that
/// look at the same memory have to look at it in the same way. Different
/// arguments are different buffers, or the same elements in the same places:
/// anything else would be a race between workgroups.
bool ChainFinder::hasConflict() const {
  auto isShared = [&](OpOperand &a, OpOperand &b) {
    MemoryPlace first = getMemoryPlace(a.get());
    MemoryPlace second = getMemoryPlace(b.get());
    return first.argument || second.argument ? first.argument == second.argument
                                             : first.mayOverlap(second);
  };
  unsigned dims = chain.numRowDims + 1;
  for (linalg::GenericOp writer : chain.ops)
    for (OpOperand &output : writer.getDpsInitsMutable()) {
      if (chain.registers.contains(output.get()))
        continue;
      for (linalg::GenericOp op : chain.ops)
        for (OpOperand &other : op->getOpOperands()) {
          if (&other == &output || !isa<MemRefType>(other.get().getType()) ||
              !isShared(output, other))
            continue;
          if (other.get() != output.get() ||
              getChainMap(other, dims) != getChainMap(output, dims))
            return true;
          // One value a row is written by one thread and read by all.
          if (!getChainMap(output, dims).isFunctionOfDim(dims - 1))
            return true;
        }
    }
  return false;
}

/// The vectors that all ops can move, and the most lanes of which at most a
/// quarter have nothing to do at the end of a row.
bool ChainFinder::chooseTeam() {
  int64_t width = kMaxAccessBytes, bytes = 1;
  for (linalg::GenericOp op : chain.ops) {
    if (!chain.hasColumn(op))
      continue;
    width =
        std::min(width, getVectorWidth(op, chain.numRowDims, chain.columns));
    for (Value operand : op->getOperands())
      if (isa<MemRefType>(operand.getType()) &&
          !chain.registers.contains(operand))
        bytes = std::max(bytes, getElementBytes(getElementTypeOrSelf(operand)));
  }
  chain.vector = width;
  chain.lanes = kWarpSize;
  while (chain.getSlots() * chain.lanes * width * 3 > chain.columns * 4)
    chain.lanes /= 2;
  return chain.getSlots() * width * bytes <= kMaxRowBytes;
}

std::optional<RowChain> ChainFinder::find() {
  chain.numRowDims = reduction.getNumLoops() - 1;
  chain.columns = reduction.getStaticLoopRanges().back();
  if (ShapedType::isDynamic(chain.columns) || chain.columns == 0)
    return std::nullopt;
  for (unsigned dim = 0; dim < chain.numRowDims; ++dim) {
    rowSizes.push_back(getLoopSize(reduction, dim));
    if (!rowSizes.back())
      return std::nullopt;
  }
  if (!fits(reduction))
    return std::nullopt;
  chain.ops.push_back(reduction);
  extend(/*forwards=*/false);
  extend(/*forwards=*/true);
  for (linalg::GenericOp op : chain.ops)
    for (Value output : op.getOutputs())
      if (isPrivate(output))
        chain.registers.insert(output);
  if (hasConflict() || !chooseTeam())
    return std::nullopt;
  chain.maxRows = 1;
  for (OpFoldResult size : rowSizes) {
    std::optional<int64_t> bound = getUpperBound(size);
    chain.maxRows = chain.maxRows && bound
                        ? std::optional(*chain.maxRows * *bound)
                        : std::nullopt;
  }
  return chain;
}

SmallVector<RowChain> findRowChains(gpu::GPUFuncOp kernel) {
  SmallVector<RowChain> chains;
  DenseSet<Operation *> taken;
  kernel.walk([&](linalg::GenericOp op) {
    if (taken.contains(op) || !reducesRows(op))
      return;
    std::optional<RowChain> chain = ChainFinder(op).find();
    if (!chain)
      return;
    if (llvm::any_of(chain->ops, [&](linalg::GenericOp member) {
          return taken.contains(member);
        }))
      return;
    for (linalg::GenericOp member : chain->ops)
      taken.insert(member);
    chains.push_back(std::move(*chain));
  });
  return chains;
}

} // namespace transmamba
