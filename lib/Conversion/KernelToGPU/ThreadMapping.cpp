//===- ThreadMapping.cpp - Iterations of an op to threads -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ThreadMapping.h"

#include "ShiftedRows.h"
#include "VectorAccess.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace transmamba {

/// A dynamic size is most often what is left of a tile of this size.
static constexpr int64_t kTypicalTileSize = 64;

/// Instruction slots that one load from shared memory costs against one fma.
static constexpr int64_t kLoadCost = 4;

bool ThreadMapping::isSequential(unsigned dim) const {
  return llvm::is_contained(sequentialDims, dim);
}

bool ThreadMapping::isAccumulated(AffineMap outputMap) const {
  return llvm::none_of(sequentialDims, [&](unsigned dim) {
    return outputMap.isFunctionOfDim(dim);
  });
}

int64_t ThreadMapping::getNumPoints() const {
  int64_t points = 1;
  for (int64_t size : tile)
    points *= size;
  return points;
}

/// Product of the sizes of `dims`; kDynamic if one is unknown.
static int64_t getCount(ArrayRef<unsigned> dims, ArrayRef<int64_t> sizes) {
  int64_t count = 1;
  for (unsigned dim : dims) {
    if (ShapedType::isDynamic(sizes[dim]))
      return ShapedType::kDynamic;
    count *= sizes[dim];
  }
  return count;
}

/// The dimension along which neighbouring elements of an operand are adjacent
/// in memory, if it is a plain loop dimension.
static std::optional<unsigned> getInnermostDim(AffineMap map) {
  if (map.getNumResults() == 0)
    return std::nullopt;
  auto dim = dyn_cast<AffineDimExpr>(map.getResults().back());
  return dim ? std::optional<unsigned>(dim.getPosition()) : std::nullopt;
}

/// Splits the loop dimensions. A parallel dimension that does not index every
/// output directly is walked by one thread: two threads would otherwise write
/// the same element.
static void classifyDims(linalg::GenericOp op, ThreadMapping &mapping) {
  SmallVector<AffineMap> outputMaps;
  for (OpOperand &output : op.getDpsInitsMutable())
    outputMaps.push_back(op.getMatchingIndexingMap(&output));
  bool injective = llvm::all_of(outputMaps, [](AffineMap map) {
    return map.isProjectedPermutation(/*allowZeroInResults=*/true);
  });

  auto types = op.getIteratorTypesArray();
  for (unsigned dim = 0; dim < op.getNumLoops(); ++dim) {
    bool spread = injective && types[dim] == utils::IteratorType::parallel &&
                  llvm::all_of(outputMaps, [&](AffineMap map) {
                    return map.isFunctionOfDim(dim);
                  });
    if (!spread)
      mapping.sequentialDims.push_back(dim);
  }
  // Neighbouring threads store to neighbouring elements of the first output.
  if (!outputMaps.empty())
    for (AffineExpr result : outputMaps.front().getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(result))
        if (!mapping.isSequential(dim.getPosition()))
          mapping.parallelDims.push_back(dim.getPosition());

  // Walk memory in order: the reduced dimension that is contiguous in an input
  // goes innermost.
  for (OpOperand *input : op.getDpsInputOperands()) {
    auto inner = getInnermostDim(op.getMatchingIndexingMap(input));
    auto *it = inner ? llvm::find(mapping.sequentialDims, *inner)
                     : mapping.sequentialDims.end();
    if (it == mapping.sequentialDims.end())
      continue;
    std::rotate(it, it + 1, mapping.sequentialDims.end());
    return;
  }
}

/// The operation that combines two partial results of output `index`, where the
/// body is `out = combine(out, f(inputs))` with a neutral element.
static Operation *matchCombiner(linalg::GenericOp op, unsigned index) {
  SmallVector<Operation *> combiners;
  if (!matchReduction(op.getRegionOutputArgs(), index, combiners) ||
      combiners.size() != 1)
    return nullptr;
  Operation *combiner = combiners.front();
  Type type = combiner->getResult(0).getType();
  // What gpu.shuffle moves in one instruction.
  if (!type.isF32() && !type.isInteger(32))
    return nullptr;
  if (!arith::getNeutralElement(combiner))
    return nullptr;
  return combiner;
}

/// Whether lanes may each take a part of the reduction; finds the combiners.
static bool matchCooperativeReduction(linalg::GenericOp op,
                                      ThreadMapping &mapping) {
  if (mapping.sequentialDims.empty())
    return false;
  auto types = op.getIteratorTypesArray();
  for (unsigned dim : mapping.sequentialDims)
    if (types[dim] != utils::IteratorType::reduction)
      return false;
  for (auto [index, output] : llvm::enumerate(op.getDpsInitsMutable())) {
    if (!mapping.isAccumulated(op.getMatchingIndexingMap(&output)))
      return false;
    Operation *combiner = matchCombiner(op, index);
    if (!combiner)
      return false;
    mapping.combiners.push_back(combiner);
  }
  return true;
}

/// Whether `op` has one input that is reused along dimension `row` and another
/// that is reused along `column`, as a contraction does.
static bool hasOperandReuse(linalg::GenericOp op, unsigned row,
                            unsigned column) {
  bool reusedAlongRow = false, reusedAlongColumn = false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    bool usesRow = map.isFunctionOfDim(row);
    bool usesColumn = map.isFunctionOfDim(column);
    reusedAlongRow |= usesColumn && !usesRow;
    reusedAlongColumn |= usesRow && !usesColumn;
  }
  return reusedAlongRow && reusedAlongColumn;
}

/// Picks the rows and columns of outputs that one thread holds: the fewest
/// instruction slots over all rounds of the block. More outputs a thread save
/// loads, but may leave threads idle. A dynamic size takes any tile.
static void chooseRegisterTile(ArrayRef<int64_t> sizes, int64_t outputs,
                               int64_t blockSize, unsigned row, unsigned column,
                               ThreadMapping &mapping) {
  constexpr int64_t kTileSizes[] = {1, 2, 3, 4, 6, 8};
  constexpr int64_t kMaxAccumulators = 32;
  auto divides = [&](int64_t tile, unsigned dim) {
    return ShapedType::isDynamic(sizes[dim]) || sizes[dim] % tile == 0;
  };
  int64_t bestCost = std::numeric_limits<int64_t>::max();
  for (int64_t rows : kTileSizes) {
    for (int64_t columns : kTileSizes) {
      if (rows * columns > kMaxAccumulators || !divides(rows, row) ||
          !divides(columns, column))
        continue;
      int64_t rounds = llvm::divideCeil(outputs / (rows * columns), blockSize);
      int64_t cost = rounds * (rows * columns + kLoadCost * (rows + columns));
      if (cost < bestCost) {
        bestCost = cost;
        mapping.tile[row] = rows;
        mapping.tile[column] = columns;
      }
    }
  }
}

/// Lanes for a reduction: a whole warp where the reduced elements are adjacent
/// in memory (the loads coalesce), else as many as would idle otherwise.
static int64_t chooseLanes(linalg::GenericOp op, int64_t outputs,
                           int64_t blockSize, const ThreadMapping &mapping) {
  int64_t reduced = getCount(mapping.sequentialDims, op.getStaticLoopRanges());
  int64_t limit = kWarpSize;
  if (!ShapedType::isDynamic(reduced))
    limit = std::min<int64_t>(limit, llvm::bit_floor<uint64_t>(reduced));
  if (limit < 4)
    return 1;

  bool contiguous = true;
  for (OpOperand *input : op.getDpsInputOperands()) {
    auto inner = getInnermostDim(op.getMatchingIndexingMap(input));
    contiguous &= !inner || mapping.isSequential(*inner);
  }
  if (contiguous)
    return limit;
  if (outputs == 0 || outputs >= blockSize)
    return 1;
  return std::min<int64_t>(limit,
                           llvm::bit_floor<uint64_t>(blockSize / outputs));
}

/// Whether all outputs stay in registers while a reduction is walked, as
/// holding several at once needs.
static bool isPlainReduction(linalg::GenericOp op,
                             const ThreadMapping &mapping) {
  return !mapping.sequentialDims.empty() &&
         llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &output) {
           return mapping.isAccumulated(op.getMatchingIndexingMap(&output));
         });
}

/// Vectors of neighbours where enough threads have one, and several rows of
/// them where an operand is the same for all rows. Views of one buffer that are
/// rows apart share most of what they load: then more rows, of fewer columns.
static void chooseVectors(linalg::GenericOp op, ArrayRef<int64_t> sizes,
                          int64_t outputs, int64_t blockSize,
                          ThreadMapping &mapping) {
  constexpr int64_t kMaxRows = 4, kMaxShiftedRows = 16;
  constexpr int64_t kShiftedColumns = 2;
  constexpr int64_t kMinThreads = 128;
  unsigned inner = mapping.parallelDims.back();
  size_t rank = mapping.parallelDims.size();
  std::optional<unsigned> row;
  if (rank >= 2)
    row = mapping.parallelDims[rank - 2];
  bool isShifted =
      row && !ShapedType::isDynamic(sizes[*row]) && hasShiftedRows(op, *row);
  int64_t width = getVectorWidth(op, inner, sizes[inner]);
  if (isShifted)
    width = std::min(width, kShiftedColumns);
  int64_t minThreads = std::min(blockSize, kMinThreads);
  while (width > 1 && outputs / width < minThreads)
    width /= 2;
  mapping.vector = width;
  if (width == 1 || !row)
    return;
  bool isShared = llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *in) {
    AffineMap map = op.getMatchingIndexingMap(in);
    return map.isFunctionOfDim(inner) && !map.isFunctionOfDim(*row);
  });
  if ((!isShared && !isShifted) || ShapedType::isDynamic(sizes[*row]))
    return;
  int64_t rows = isShifted ? kMaxShiftedRows : kMaxRows;
  while (rows > 1 &&
         (sizes[*row] % rows != 0 || outputs / (width * rows) < minThreads))
    rows /= 2;
  mapping.tile[*row] = rows;
}

ThreadMapping planThreadMapping(linalg::GenericOp op, int64_t blockSize,
                                DynamicSizes dynamicSizes) {
  ThreadMapping mapping;
  mapping.tile.assign(op.getNumLoops(), 1);
  classifyDims(op, mapping);

  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  SmallVector<int64_t> estimates = sizes;
  llvm::replace(estimates, ShapedType::kDynamic,
                dynamicSizes == DynamicSizes::Tile ? kTypicalTileSize : 1);
  int64_t outputs = getCount(mapping.parallelDims, estimates);

  size_t rank = mapping.parallelDims.size();
  if (rank >= 2 && outputs >= blockSize && isPlainReduction(op, mapping)) {
    unsigned row = mapping.parallelDims[rank - 2];
    unsigned column = mapping.parallelDims[rank - 1];
    if (hasOperandReuse(op, row, column)) {
      chooseRegisterTile(sizes, outputs, blockSize, row, column, mapping);
      return mapping;
    }
  }
  if (matchCooperativeReduction(op, mapping))
    mapping.lanes = chooseLanes(op, outputs, blockSize, mapping);
  if (mapping.lanes == 1)
    mapping.combiners.clear();
  if (mapping.sequentialDims.empty() && !mapping.parallelDims.empty())
    chooseVectors(op, sizes, outputs, blockSize, mapping);
  return mapping;
}

Attribute getOwnershipKey(OpOperand &operand, const ThreadMapping &mapping) {
  auto op = cast<linalg::GenericOp>(operand.getOwner());
  // Lanes that share an iteration all read its inputs; one stores the output.
  if (mapping.lanes > 1 && op.isDpsInput(&operand))
    return {};
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!map.isProjectedPermutation() ||
      map.getNumResults() != mapping.parallelDims.size())
    return {};

  // The loop dimensions of two ops are numbered differently; their places in
  // the order of the threads are comparable.
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  SmallVector<int64_t> key = {mapping.lanes, mapping.vector};
  for (unsigned dim : mapping.parallelDims) {
    if (ShapedType::isDynamic(sizes[dim]))
      return {};
    key.append({sizes[dim], mapping.tile[dim]});
  }
  for (AffineExpr result : map.getResults()) {
    unsigned dim = cast<AffineDimExpr>(result).getPosition();
    auto *it = llvm::find(mapping.parallelDims, dim);
    if (it == mapping.parallelDims.end())
      return {};
    key.push_back(it - mapping.parallelDims.begin());
  }
  return DenseI64ArrayAttr::get(op.getContext(), key);
}

int64_t getUsefulThreads(linalg::GenericOp op, int64_t maxBlockSize) {
  ThreadMapping mapping = planThreadMapping(op, maxBlockSize);
  int64_t outputs = getCount(mapping.parallelDims, op.getStaticLoopRanges());
  if (ShapedType::isDynamic(outputs))
    return maxBlockSize;
  return std::min(maxBlockSize, outputs * mapping.lanes /
                                    (mapping.getNumPoints() * mapping.vector));
}

} // namespace transmamba
