//===- Distribution.cpp - Kernel ops over threads -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Distribution.h"
#include "ShiftedRows.h"
#include "ThreadCode.h"
#include "ThreadMapping.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace transmamba {
namespace {

/// Writes the loops of one linalg.generic for one thread.
///
/// A *point* is one of the outputs that the thread holds in registers at once;
/// all but register-blocked contractions have a single point. Along a blocked
/// dimension of size n with t points, point p of a thread is at base + p * n/t,
/// so that neighbouring threads stay at neighbouring elements for every p.
/// Where t does not divide n, the points past the end read the last element
/// instead and are not stored.
class GenericDistributor : ThreadCode {
public:
  GenericDistributor(RewriterBase &rewriter, linalg::GenericOp op,
                     const ThreadPosition &thread, ThreadMapping mapping)
      : ThreadCode(rewriter, op.getLoc()), op(op), thread(thread),
        mapping(std::move(mapping)) {}

  void run();

private:
  /// Values of the loop dimensions, and the offsets of a point in its tile.
  struct Iteration {
    SmallVector<Value> dims;
    SmallVector<int64_t> offsets;
    /// False where the point lies past the end; null where none can.
    Value isInside;
  };
  /// By row, operand and column.
  using VectorElements = SmallVector<SmallVector<SmallVector<Value>>>;
  using LoadCache = DenseMap<std::pair<OpOperand *, ArrayAttr>, Value>;

  void computeSizes();
  void distributeIndependently();
  void distributeCooperatively();

  SmallVector<Iteration> enumeratePoints(Value linear);
  Iteration movePoint(const Iteration &point, unsigned dim, int64_t offset,
                      Value index);
  void emitPoints(ArrayRef<Iteration> points);
  void emitVectors(Value linear);
  VectorElements loadVectors(ArrayRef<SmallVector<Value>> dims, unsigned row);
  void emitVectorBodies(ArrayRef<SmallVector<Value>> dims,
                        const VectorElements &elements);
  SmallVector<Value> walkSequentialDims(ArrayRef<unsigned> dims,
                                        MutableArrayRef<Iteration> points,
                                        ValueRange accumulators);
  SmallVector<Value> emitBodies(ArrayRef<Iteration> points,
                                ValueRange accumulators);

  SmallVector<Value> reduceOverLane(Iteration &iteration, Value lane);
  Value combine(unsigned output, Value left, Value right);
  Value combineLanes(unsigned output, Value value);

  /// Stands for the value of an operand that is not looked at.
  Value getAnything(OpOperand &operand) {
    return arith::ConstantOp::create(
        b, loc, b.getZeroAttr(getElementTypeOrSelf(operand.get())));
  }
  Value loadOutput(OpOperand &output, const Iteration &iteration);
  void storeOutput(OpOperand &output, const Iteration &iteration, Value value);

  linalg::GenericOp op;
  ThreadPosition thread;
  ThreadMapping mapping;
  /// Size of each loop dimension, and for a spread one the number of its tiles.
  SmallVector<Value> sizes, tileCounts;
  /// Outputs that stay in a register while the sequential dimensions are
  /// walked.
  SmallVector<OpOperand *> accumulated;
};

} // namespace

void GenericDistributor::run() {
  computeSizes();
  for (OpOperand &output : op.getDpsInitsMutable())
    if (mapping.isAccumulated(op.getMatchingIndexingMap(&output)))
      accumulated.push_back(&output);
  if (mapping.lanes > 1)
    distributeCooperatively();
  else
    distributeIndependently();
}

void GenericDistributor::computeSizes() {
  sizes = getSizes(op);
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    int64_t step = mapping.tile[dim];
    if (mapping.vector > 1 && dim == mapping.parallelDims.back())
      step = mapping.vector;
    tileCounts.push_back(
        b.createOrFold<arith::CeilDivUIOp>(loc, size, constant(step)));
  }
}

//===----------------------------------------------------------------------===//
// One thread an output
//===----------------------------------------------------------------------===//

/// for (i = thread; i < tiles; i += blockSize) outputs of tile i
void GenericDistributor::distributeIndependently() {
  SmallVector<Value> counts;
  for (unsigned dim : mapping.parallelDims)
    counts.push_back(tileCounts[dim]);
  auto loop = scf::ForOp::create(b, loc, thread.id, getProduct(counts),
                                 constant(thread.blockSize));
  b.setInsertionPointToStart(loop.getBody());
  if (mapping.vector > 1)
    emitVectors(loop.getInductionVar());
  else
    emitPoints(enumeratePoints(loop.getInductionVar()));
}

/// A vector of neighbours in each of some adjacent rows. All that they read is
/// loaded first, so that it is on its way together; what the rows share, once.
void GenericDistributor::emitVectors(Value linear) {
  unsigned inner = mapping.parallelDims.back();
  SmallVector<Value> first(op.getNumLoops());
  delinearize(linear, mapping.parallelDims, tileCounts, first);
  first[inner] = mul(first[inner], constant(mapping.vector));
  unsigned row = inner;
  for (unsigned dim : mapping.parallelDims)
    if (mapping.tile[dim] > 1)
      row = dim;
  int64_t rows = mapping.tile[row];
  first[row] = mul(first[row], constant(rows));

  SmallVector<SmallVector<Value>> dims;
  for (int64_t i = 0; i < rows; ++i)
    dims.push_back(moved(first, row, i));
  emitVectorBodies(dims, loadVectors(dims, row));
}

/// What the operands have in the vectors of adjacent rows. An element that
/// several rows read, or several views of one buffer, is loaded once.
GenericDistributor::VectorElements
GenericDistributor::loadVectors(ArrayRef<SmallVector<Value>> dims,
                                unsigned row) {
  SmallVector<ShiftedRows> shifts = getShiftedRows(op, row);
  DenseMap<std::pair<unsigned, int64_t>, SmallVector<Value>> loaded;
  VectorElements elements(dims.size());
  for (auto [i, rowDims] : llvm::enumerate(dims))
    for (auto [operand, shift] : llvm::zip(op->getOpOperands(), shifts)) {
      if (op.isDpsInit(&operand) && !op.payloadUsesValueFromOperand(&operand)) {
        elements[i].emplace_back(mapping.vector, getAnything(operand));
        continue;
      }
      bool moves = op.getMatchingIndexingMap(&operand).isFunctionOfDim(row);
      int64_t place = moves ? static_cast<int64_t>(i) + shift.rows : 0;
      SmallVector<Value> &vector = loaded[{shift.base, place}];
      if (vector.empty())
        vector = loadVector(operand, rowDims, mapping.parallelDims.back(),
                            mapping.vector);
      elements[i].push_back(vector);
    }
  return elements;
}

/// The bodies of vectors in adjacent rows, and the stores of what they yield.
/// Column by column, so that few elements of what the rows share are at hand at
/// once in the type that they are computed in.
void GenericDistributor::emitVectorBodies(ArrayRef<SmallVector<Value>> dims,
                                          const VectorElements &elements) {
  unsigned inner = mapping.parallelDims.back();
  VectorElements results(dims.size(),
                         SmallVector<SmallVector<Value>>(op.getNumDpsInits()));
  for (int64_t i = 0; i < mapping.vector; ++i)
    for (auto [rowDims, rowElements, rowResults] :
         llvm::zip(dims, elements, results)) {
      SmallVector<Value> arguments;
      for (const SmallVector<Value> &operand : rowElements)
        arguments.push_back(operand[i]);
      for (auto [index, value] :
           llvm::enumerate(inlineBody(op, arguments, moved(rowDims, inner, i))))
        rowResults[index].push_back(value);
    }
  for (auto [rowDims, rowResults] : llvm::zip(dims, results))
    for (auto [output, values] : llvm::zip(op.getDpsInitsMutable(), rowResults))
      storeVector(output, rowDims, values);
}

/// All points of the tile with this linear index.
SmallVector<GenericDistributor::Iteration>
GenericDistributor::enumeratePoints(Value linear) {
  Iteration first;
  first.dims.resize(op.getNumLoops());
  first.offsets.assign(op.getNumLoops(), 0);
  delinearize(linear, mapping.parallelDims, tileCounts, first.dims);

  SmallVector<Iteration> points = {first};
  for (unsigned dim : mapping.parallelDims) {
    SmallVector<Iteration> extended;
    for (const Iteration &point : points) {
      extended.push_back(point);
      Value index = point.dims[dim];
      for (int64_t offset = 1; offset < mapping.tile[dim]; ++offset) {
        index = b.createOrFold<arith::AddIOp>(loc, index, tileCounts[dim]);
        extended.push_back(movePoint(point, dim, offset, index));
      }
    }
    points = std::move(extended);
  }
  return points;
}

/// `point` at `index` of `dim`, held inside where the size is dynamic.
GenericDistributor::Iteration
GenericDistributor::movePoint(const Iteration &point, unsigned dim,
                              int64_t offset, Value index) {
  Iteration moved = point;
  moved.offsets[dim] = offset;
  moved.dims[dim] = index;
  if (getConstantIntValue(sizes[dim]))
    return moved;
  Value last = b.createOrFold<arith::SubIOp>(loc, sizes[dim], constant(1));
  moved.dims[dim] = b.createOrFold<arith::MinUIOp>(loc, index, last);
  Value isInside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                         index, sizes[dim]);
  moved.isInside =
      point.isInside
          ? arith::AndIOp::create(b, loc, point.isInside, isInside).getResult()
          : isInside;
  return moved;
}

/// Loads the accumulated outputs, walks the sequential dimensions, stores them.
void GenericDistributor::emitPoints(ArrayRef<Iteration> points) {
  SmallVector<Iteration> moving(points);
  SmallVector<Value> initial;
  for (const Iteration &point : points)
    for (OpOperand *output : accumulated)
      initial.push_back(loadOutput(*output, point));

  SmallVector<Value> results =
      walkSequentialDims(mapping.sequentialDims, moving, initial);
  for (auto [index, point] : llvm::enumerate(points))
    for (auto [place, output] : llvm::enumerate(accumulated))
      storeOutput(*output, point, results[index * accumulated.size() + place]);
}

/// A loop a dimension with the accumulators of all points as its values.
SmallVector<Value>
GenericDistributor::walkSequentialDims(ArrayRef<unsigned> dims,
                                       MutableArrayRef<Iteration> points,
                                       ValueRange accumulators) {
  if (dims.empty())
    return emitBodies(points, accumulators);
  auto loop = scf::ForOp::create(b, loc, constant(0), sizes[dims.front()],
                                 constant(1), accumulators);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  for (Iteration &point : points)
    point.dims[dims.front()] = loop.getInductionVar();
  SmallVector<Value> next =
      walkSequentialDims(dims.drop_front(), points, loop.getRegionIterArgs());
  // A loop without values already has its terminator.
  if (!next.empty())
    scf::YieldOp::create(b, loc, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

/// The body for every point; an element that several points read is loaded
/// once. Returns the new accumulators.
SmallVector<Value> GenericDistributor::emitBodies(ArrayRef<Iteration> points,
                                                  ValueRange accumulators) {
  LoadCache cache;
  auto load = [&](OpOperand &operand, const Iteration &point) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<int64_t> key;
    for (auto [dim, offset] : llvm::enumerate(point.offsets))
      key.push_back(map.isFunctionOfDim(dim) ? offset : 0);
    Value &value = cache[{&operand, b.getI64ArrayAttr(key)}];
    if (!value)
      value = ThreadCode::load(operand, point.dims);
    return value;
  };

  SmallVector<Value> next;
  for (auto [index, point] : llvm::enumerate(points)) {
    SmallVector<Value> arguments;
    for (OpOperand *input : op.getDpsInputOperands())
      arguments.push_back(load(*input, point));
    size_t place = index * accumulated.size();
    for (OpOperand &output : op.getDpsInitsMutable()) {
      if (llvm::is_contained(accumulated, &output))
        arguments.push_back(accumulators[place++]);
      else
        arguments.push_back(loadOutput(output, point));
    }
    SmallVector<Value> results = inlineBody(op, arguments, point.dims);
    for (auto [result, output] : llvm::zip(results, op.getDpsInitsMutable())) {
      if (llvm::is_contained(accumulated, &output))
        next.push_back(result);
      else
        storeOutput(output, point, result);
    }
  }
  return next;
}

//===----------------------------------------------------------------------===//
// Several lanes an output
//===----------------------------------------------------------------------===//

/// Every group of `lanes` threads reduces one output:
///   for (round = 0; round < ceil(outputs / groups); ++round)
///     partial = reduce over the elements lane, lane + lanes, ...
///     total = butterfly of shuffles
///     lane 0: output = combine(output, total)
/// All threads make the same number of rounds, because a shuffle needs the
/// whole warp; a group without an output repeats the last one.
void GenericDistributor::distributeCooperatively() {
  int64_t groups = thread.blockSize / mapping.lanes;
  Value lanes = constant(mapping.lanes);
  Value lane = b.createOrFold<arith::RemUIOp>(loc, thread.id, lanes);
  Value group = b.createOrFold<arith::DivUIOp>(loc, thread.id, lanes);

  SmallVector<Value> counts;
  for (unsigned dim : mapping.parallelDims)
    counts.push_back(sizes[dim]);
  Value outputs = getProduct(counts);
  auto loop =
      scf::ForOp::create(b, loc, constant(0), outputs, constant(groups));
  b.setInsertionPointToStart(loop.getBody());
  Value index =
      b.createOrFold<arith::AddIOp>(loc, loop.getInductionVar(), group);
  Value last = b.createOrFold<arith::SubIOp>(loc, outputs, constant(1));
  Value clamped = b.createOrFold<arith::MinUIOp>(loc, index, last);

  Iteration iteration;
  iteration.dims.resize(op.getNumLoops());
  iteration.offsets.assign(op.getNumLoops(), 0);
  delinearize(clamped, mapping.parallelDims, sizes, iteration.dims);
  SmallVector<Value> totals = reduceOverLane(iteration, lane);
  for (size_t output = 0; output < totals.size(); ++output)
    totals[output] = combineLanes(output, totals[output]);

  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane,
                                        constant(0));
  Value isValid =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, index, outputs);
  Value stores = arith::AndIOp::create(b, loc, isFirst, isValid);
  auto guard = scf::IfOp::create(b, loc, stores, /*withElseRegion=*/false);
  b.setInsertionPointToStart(guard.thenBlock());
  for (auto [index, output] : llvm::enumerate(op.getDpsInitsMutable())) {
    Value before = load(output, iteration.dims);
    storeOutput(output, iteration, combine(index, before, totals[index]));
  }
}

/// Reduces the elements lane, lane + lanes, ... of the reduction, starting from
/// the neutral elements.
SmallVector<Value> GenericDistributor::reduceOverLane(Iteration &iteration,
                                                      Value lane) {
  SmallVector<Value> neutral, counts;
  for (Operation *combiner : mapping.combiners)
    neutral.push_back(
        arith::ConstantOp::create(b, loc, *arith::getNeutralElement(combiner)));
  for (unsigned dim : mapping.sequentialDims)
    counts.push_back(sizes[dim]);
  auto loop = scf::ForOp::create(b, loc, lane, getProduct(counts),
                                 constant(mapping.lanes), neutral);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  delinearize(loop.getInductionVar(), mapping.sequentialDims, sizes,
              iteration.dims);
  SmallVector<Value> arguments;
  for (OpOperand *input : op.getDpsInputOperands())
    arguments.push_back(load(*input, iteration.dims));
  llvm::append_range(arguments, loop.getRegionIterArgs());
  scf::YieldOp::create(b, loc, inlineBody(op, arguments, iteration.dims));
  return llvm::to_vector_of<Value>(loop.getResults());
}

Value GenericDistributor::combine(unsigned output, Value left, Value right) {
  Operation *combined = mapping.combiners[output]->clone();
  combined->setOperands({left, right});
  return b.insert(combined)->getResult(0);
}

/// A butterfly: afterwards every lane of the group has the total, always added
/// up in the same order.
Value GenericDistributor::combineLanes(unsigned output, Value value) {
  for (int64_t distance = mapping.lanes / 2; distance > 0; distance /= 2) {
    auto shuffle = gpu::ShuffleOp::create(
        b, loc, value, static_cast<int32_t>(distance),
        static_cast<int32_t>(kWarpSize), gpu::ShuffleMode::XOR);
    value = combine(output, value, shuffle.getShuffleResult());
  }
  return value;
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

/// The old value of an output; any value where the body does not look at it,
/// for the memory may hold nothing yet, or where the point is past the end, for
/// the element there belongs to another thread.
Value GenericDistributor::loadOutput(OpOperand &output,
                                     const Iteration &iteration) {
  Value anything = getAnything(output);
  if (!op.payloadUsesValueFromOperand(&output))
    return anything;
  if (!iteration.isInside)
    return load(output, iteration.dims);
  auto guard = scf::IfOp::create(
      b, loc, iteration.isInside,
      [&](OpBuilder &, Location) {
        scf::YieldOp::create(b, loc, load(output, iteration.dims));
      },
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, loc, anything); });
  return guard.getResult(0);
}

void GenericDistributor::storeOutput(OpOperand &output,
                                     const Iteration &iteration, Value value) {
  OpBuilder::InsertionGuard guard(b);
  if (iteration.isInside) {
    auto inside = scf::IfOp::create(b, loc, iteration.isInside,
                                    /*withElseRegion=*/false);
    b.setInsertionPointToStart(inside.thenBlock());
  }
  store(output, iteration.dims, value);
}

/// The dynamic size that `mapping` cuts into register tiles, if there is one.
static std::optional<unsigned> getRaggedDim(linalg::GenericOp op,
                                            const ThreadMapping &mapping) {
  for (auto [dim, size] : llvm::enumerate(op.getStaticLoopRanges()))
    if (ShapedType::isDynamic(size) && mapping.tile[dim] > 1)
      return dim;
  return std::nullopt;
}

/// A contraction with a dynamic size gets two versions: register tiles are good
/// for what is left of a tile of a long sequence, but leave most threads idle
/// in a decoding step, where the size is the number of sequences.
///   scf.if (size >= 8) { tiles } else { one output a thread, or several lanes
///   }
void distributeGeneric(RewriterBase &rewriter, linalg::GenericOp op,
                       const ThreadPosition &thread) {
  constexpr int64_t kMinTiledSize = 8;
  rewriter.setInsertionPoint(op);
  ThreadMapping mapping = planThreadMapping(op, thread.blockSize);
  std::optional<unsigned> ragged = getRaggedDim(op, mapping);
  if (!ragged) {
    GenericDistributor(rewriter, op, thread, std::move(mapping)).run();
    rewriter.eraseOp(op);
    return;
  }

  Location loc = op.getLoc();
  SmallVector<Range> ranges =
      cast<linalg::LinalgOp>(op.getOperation()).createLoopRanges(rewriter, loc);
  Value size =
      getValueOrCreateConstantIndexOp(rewriter, loc, ranges[*ragged].size);
  Value limit = arith::ConstantIndexOp::create(rewriter, loc, kMinTiledSize);
  Value isLarge = arith::CmpIOp::create(rewriter, loc,
                                        arith::CmpIPredicate::uge, size, limit);
  auto branch = scf::IfOp::create(rewriter, loc, isLarge,
                                  /*withElseRegion=*/true);
  rewriter.setInsertionPointToStart(branch.thenBlock());
  GenericDistributor(rewriter, op, thread, std::move(mapping)).run();
  rewriter.setInsertionPointToStart(branch.elseBlock());
  GenericDistributor(rewriter, op, thread,
                     planThreadMapping(op, thread.blockSize, DynamicSizes::One))
      .run();
  rewriter.eraseOp(op);
}

void distributeStore(RewriterBase &rewriter, memref::StoreOp op,
                     const ThreadPosition &thread) {
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
  Value isFirst = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq,
                                        thread.id, zero);
  auto guard = scf::IfOp::create(rewriter, loc, isFirst,
                                 /*withElseRegion=*/false);
  rewriter.moveOpBefore(op, guard.thenBlock()->getTerminator());
}

} // namespace transmamba
