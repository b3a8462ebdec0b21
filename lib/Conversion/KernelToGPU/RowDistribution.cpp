//===- RowDistribution.cpp - Rows over teams of threads -------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Distribution.h"
#include "RowChain.h"
#include "ThreadCode.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace transmamba {
namespace {

/// Writes what one thread does for a chain:
///   for (round = 0; round < rows; round += teams)
///     load everything that the chain reads of this row
///     for each op: the bodies of its columns; the lanes of a team add up what
///       they have reduced in a butterfly of shuffles
///     store what others read
/// All threads make the same number of rounds, because a shuffle needs the
/// whole warp; a team without a row repeats the last one and stores nothing.
class RowDistributor : ThreadCode {
public:
  RowDistributor(RewriterBase &rewriter, const RowChain &chain,
                 const ThreadPosition &thread)
      : ThreadCode(rewriter, chain.ops.front()->getLoc()), chain(chain),
        thread(thread), slots(chain.getSlots()) {}

  void run();

private:
  /// What a thread has of a row of a buffer: one value, or `vector` values for
  /// each slot.
  using Elements = SmallVector<Value>;
  using Key = std::pair<Value, AffineMap>;

  Key getKey(OpOperand &operand) const;
  Elements loadRow(OpOperand &operand);
  Elements loadGuarded(OpOperand &operand, Value guard,
                       llvm::function_ref<Elements()> load);
  void loadInputs();
  Value getElement(OpOperand &operand, int64_t element);
  SmallVector<Value> getColumn(linalg::GenericOp op, int64_t slot,
                               int64_t element);
  SmallVector<Value> emitBody(linalg::GenericOp op, int64_t slot,
                              int64_t element, ValueRange accumulators);
  void emitOp(linalg::GenericOp op);
  void emitReduction(linalg::GenericOp op);
  Value combine(Operation *combiner, Value left, Value right);
  void storeRow(OpOperand &output);

  bool isColumn(OpOperand &operand) const {
    return getKey(operand).second.isFunctionOfDim(chain.numRowDims);
  }
  /// Lanes may have nothing to do in the last slot.
  bool isPartial(int64_t slot) const {
    return (slot + 1) * chain.lanes * chain.vector > chain.columns;
  }

  const RowChain &chain;
  ThreadPosition thread;
  int64_t slots;

  // Of the row at hand.
  SmallVector<Value> rowDims;
  /// The first column of each slot, held inside the row.
  SmallVector<Value> columns;
  Value lane, hasRow, hasLastSlot;
  DenseMap<Key, Elements> elements;
};

} // namespace

RowDistributor::Key RowDistributor::getKey(OpOperand &operand) const {
  auto op = cast<linalg::GenericOp>(operand.getOwner());
  AffineMap map = op.getMatchingIndexingMap(&operand);
  return {operand.get(), AffineMap::get(chain.numRowDims + 1, 0,
                                        map.getResults(), map.getContext())};
}

void RowDistributor::run() {
  Value lanes = constant(chain.lanes);
  lane = b.createOrFold<arith::RemUIOp>(loc, thread.id, lanes);
  SmallVector<Value> sizes = getSizes(chain.ops.front());
  sizes.resize(chain.numRowDims);
  int64_t teams = thread.blockSize / chain.lanes;
  Value rows = getProduct(sizes);
  auto loop = scf::ForOp::create(b, loc, constant(0), rows, constant(teams));
  b.setInsertionPointToStart(loop.getBody());

  Value team = b.createOrFold<arith::DivUIOp>(loc, thread.id, lanes);
  Value row = add(loop.getInductionVar(), team);
  Value last = b.createOrFold<arith::SubIOp>(loc, rows, constant(1));
  hasRow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, row, rows);
  rowDims.resize(chain.numRowDims);
  delinearize(b.createOrFold<arith::MinUIOp>(loc, row, last),
              llvm::to_vector(llvm::seq(chain.numRowDims)), sizes, rowDims);
  for (int64_t slot = 0; slot < slots; ++slot) {
    Value column =
        mul(add(lane, constant(slot * chain.lanes)), constant(chain.vector));
    if (isPartial(slot)) {
      hasLastSlot = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                          column, constant(chain.columns));
      column = b.createOrFold<arith::MinUIOp>(
          loc, column, constant(chain.columns - chain.vector));
    }
    columns.push_back(column);
  }

  loadInputs();
  for (linalg::GenericOp op : chain.ops)
    emitOp(op);
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

RowDistributor::Elements RowDistributor::loadRow(OpOperand &operand) {
  auto op = cast<linalg::GenericOp>(operand.getOwner());
  // Who has nothing to do reads what another thread has, too, and drops it.
  // That thread must not write it meanwhile.
  bool isUpdated = llvm::any_of(chain.ops, [&](linalg::GenericOp other) {
    return llvm::is_contained(other.getOutputs(), operand.get());
  });
  if (!isColumn(operand))
    return loadGuarded(
        operand, isUpdated ? hasRow : Value(),
        [&]() -> Elements { return {load(operand, getColumn(op, 0, 0))}; });
  Elements row;
  for (int64_t slot = 0; slot < slots; ++slot) {
    Value guard = isUpdated ? hasRow : Value();
    if (guard && isPartial(slot))
      guard = arith::AndIOp::create(b, loc, guard, hasLastSlot);
    llvm::append_range(row, loadGuarded(operand, guard, [&] {
                         return loadVector(operand, getColumn(op, slot, 0),
                                           chain.numRowDims, chain.vector);
                       }));
  }
  return row;
}

/// What `load` loads if `guard` is true (or null), anything else.
RowDistributor::Elements
RowDistributor::loadGuarded(OpOperand &operand, Value guard,
                            llvm::function_ref<Elements()> load) {
  if (!guard)
    return load();
  Elements loaded;
  auto branch = scf::IfOp::create(
      b, loc, guard,
      [&](OpBuilder &, Location) {
        loaded = load();
        scf::YieldOp::create(b, loc, loaded);
      },
      [&](OpBuilder &, Location) {
        Value anything = arith::ConstantOp::create(
            b, loc, b.getZeroAttr(getElementTypeOrSelf(operand.get())));
        scf::YieldOp::create(b, loc, Elements(loaded.size(), anything));
      });
  return llvm::to_vector_of<Value>(branch.getResults());
}

/// Loads what no op of the chain has written before, all of it at once: it is
/// on its way together.
void RowDistributor::loadInputs() {
  DenseSet<Value> written;
  for (linalg::GenericOp op : chain.ops) {
    for (OpOperand &operand : op->getOpOperands()) {
      bool isRead = op.isDpsInput(&operand)
                        ? isa<MemRefType>(operand.get().getType())
                        : op.payloadUsesValueFromOperand(&operand);
      if (isRead && !written.contains(operand.get()) &&
          !elements.contains(getKey(operand))) {
        Elements row = loadRow(operand);
        elements[getKey(operand)] = std::move(row);
      }
    }
    written.insert(op.getOutputs().begin(), op.getOutputs().end());
  }
}

/// The value of an operand for an element of the row: a number below slots *
/// vector.
Value RowDistributor::getElement(OpOperand &operand, int64_t element) {
  auto op = cast<linalg::GenericOp>(operand.getOwner());
  if (!isa<MemRefType>(operand.get().getType()))
    return operand.get();
  if (op.isDpsInit(&operand) && !op.payloadUsesValueFromOperand(&operand))
    return arith::ConstantOp::create(
        b, loc, b.getZeroAttr(getElementTypeOrSelf(operand.get())));
  const Elements &row = elements.find(getKey(operand))->second;
  return row.size() == 1 ? row.front() : row[element];
}

/// The loop dimensions of `op` at an element of a slot.
SmallVector<Value> RowDistributor::getColumn(linalg::GenericOp op, int64_t slot,
                                             int64_t element) {
  SmallVector<Value> dims = rowDims;
  if (chain.hasColumn(op))
    dims.push_back(add(columns[slot], constant(element)));
  return dims;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// The body at one element; `accumulators` stand for the outputs, if there are
/// any.
SmallVector<Value> RowDistributor::emitBody(linalg::GenericOp op, int64_t slot,
                                            int64_t element,
                                            ValueRange accumulators) {
  SmallVector<Value> arguments;
  for (OpOperand &operand : op->getOpOperands())
    if (op.isDpsInput(&operand) || accumulators.empty())
      arguments.push_back(getElement(operand, slot * chain.vector + element));
  llvm::append_range(arguments, accumulators);
  return inlineBody(op, arguments, getColumn(op, slot, element));
}

void RowDistributor::emitOp(linalg::GenericOp op) {
  if (op.getNumReductionLoops() != 0)
    return emitReduction(op);
  SmallVector<Elements> results(op.getNumDpsInits());
  int64_t numSlots = chain.hasColumn(op) ? slots : 1;
  int64_t width = chain.hasColumn(op) ? chain.vector : 1;
  for (int64_t slot = 0; slot < numSlots; ++slot)
    for (int64_t i = 0; i < width; ++i)
      for (auto [result, value] :
           llvm::zip(results, emitBody(op, slot, i, ValueRange())))
        result.push_back(value);
  for (auto [output, result] : llvm::zip(op.getDpsInitsMutable(), results)) {
    elements[getKey(output)] = result;
    storeRow(output);
  }
}

/// A thread reduces its elements in order, the lanes their sums in a butterfly:
/// every lane has the total, always added up in the same order.
void RowDistributor::emitReduction(linalg::GenericOp op) {
  ThreadMapping mapping = planThreadMapping(op, kWarpSize);
  SmallVector<Value> totals;
  for (Operation *combiner : mapping.combiners)
    totals.push_back(
        arith::ConstantOp::create(b, loc, *arith::getNeutralElement(combiner)));
  for (int64_t slot = 0; slot < slots; ++slot) {
    SmallVector<Value> before = totals;
    for (int64_t i = 0; i < chain.vector; ++i)
      totals = emitBody(op, slot, i, totals);
    if (!isPartial(slot))
      continue;
    for (auto [total, old] : llvm::zip(totals, before))
      total = arith::SelectOp::create(b, loc, hasLastSlot, total, old);
  }
  for (auto [index, output] : llvm::enumerate(op.getDpsInitsMutable())) {
    Operation *combiner = mapping.combiners[index];
    Value total = totals[index];
    for (int64_t distance = chain.lanes / 2; distance > 0; distance /= 2) {
      auto shuffle = gpu::ShuffleOp::create(
          b, loc, total, static_cast<int32_t>(distance),
          static_cast<int32_t>(kWarpSize), gpu::ShuffleMode::XOR);
      total = combine(combiner, total, shuffle.getShuffleResult());
    }
    total = combine(combiner, getElement(output, 0), total);
    elements[getKey(output)] = {total};
    storeRow(output);
  }
}

Value RowDistributor::combine(Operation *combiner, Value left, Value right) {
  Operation *combined = combiner->clone();
  combined->setOperands({left, right});
  return b.insert(combined)->getResult(0);
}

/// Stores a row that is not in registers alone. One value a row is stored by
/// the first lane.
void RowDistributor::storeRow(OpOperand &output) {
  if (chain.registers.contains(output.get()))
    return;
  auto op = cast<linalg::GenericOp>(output.getOwner());
  const Elements &row = elements.find(getKey(output))->second;
  OpBuilder::InsertionGuard guard(b);
  Value stores = hasRow;
  if (!isColumn(output)) {
    Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                          lane, constant(0));
    stores = arith::AndIOp::create(b, loc, stores, isFirst);
  }
  auto branch = scf::IfOp::create(b, loc, stores, /*withElseRegion=*/false);
  b.setInsertionPointToStart(branch.thenBlock());
  if (!isColumn(output))
    return store(output, getColumn(op, 0, 0), row.front());
  for (int64_t slot = 0; slot < slots; ++slot) {
    if (isPartial(slot)) {
      auto inside = scf::IfOp::create(b, loc, hasLastSlot,
                                      /*withElseRegion=*/false);
      b.setInsertionPointToStart(inside.thenBlock());
    }
    storeVector(output, getColumn(op, slot, 0),
                ArrayRef(row).slice(slot * chain.vector, chain.vector));
  }
}

void distributeRows(RewriterBase &rewriter, const RowChain &chain,
                    const ThreadPosition &thread) {
  rewriter.setInsertionPoint(chain.ops.back());
  RowDistributor(rewriter, chain, thread).run();
  for (linalg::GenericOp op : chain.ops)
    rewriter.eraseOp(op);
}

} // namespace transmamba
