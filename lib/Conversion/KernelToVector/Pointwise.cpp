//===- Pointwise.cpp - Vectors along a parallel dimension -------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
//   linalg.generic {parallel d, reduction r} ins(%a) outs(%c) { f }
//     ->
//   for other parallel dims
//     for d in steps of several vectors
//       c... = load %c
//       for r iter_args(c...)
//         c... = f(load %a, c...)
//       store c..., %c
//
//===----------------------------------------------------------------------===//

#include "Strategies.h"
#include "VectorPayload.h"

using namespace mlir;
using namespace transmamba;

/// How many vectors to work on at once: enough loads in flight for a small
/// body, few registers for a big one.
static int64_t unrollFactor(int64_t numOps) {
  if (numOps <= 6)
    return 4;
  return numOps <= 24 ? 2 : 1;
}

void transmamba::emitPointwise(OpBuilder &builder, const LoopNest &nest,
                               unsigned dim, const VectorTarget &target) {
  Location loc = nest.op.getLoc();
  VectorPayload payload(nest, dim);
  int64_t laneCount = payload.laneCount(target);
  VectorPayload::OtherDims others = payload.otherDims();
  unsigned numInputs = nest.numInputs(), numOperands = nest.operands.size();

  // One step: `units` neighbouring vectors, each phase for all of them before
  // the next phase, so that loads do not wait for stores.
  auto emitStep = [&](const Cursor &row, OpFoldResult iv, int64_t units,
                      Value valid) {
    IndexBuilder index(builder, loc);
    Lanes lanes = Lanes::get(builder, loc, laneCount, valid);
    auto columnOf = [&](const Cursor &cursor, int64_t unit) {
      return cursor.at(index, nest, dim, index.cst(unit * laneCount));
    };
    Cursor base = row.at(index, nest, dim, iv);
    SmallVector<Cursor> columns;
    SmallVector<Value> carried;
    for (int64_t unit = 0; unit < units; ++unit) {
      Cursor &column = columns.emplace_back(columnOf(base, unit));
      column.indices[dim] = index.add(iv, index.cst(unit * laneCount));
      for (unsigned output = numInputs; output < numOperands; ++output) {
        const FlatOperand &flat = nest.operands[output];
        Value value;
        if (flat.isRead || !others.reduced.empty())
          value = splat(builder, loc,
                        loadLanes(builder, loc, flat.buffer,
                                  column.addresses[output], flat.strides[dim],
                                  lanes),
                        laneCount);
        carried.push_back(value);
      }
    }
    auto compute = [&](const Cursor &inner, ArrayRef<Value> accumulators) {
      SmallVector<SmallVector<Value>> arguments(units);
      SmallVector<Cursor> cursors;
      for (int64_t unit = 0; unit < units; ++unit) {
        Cursor &cursor = cursors.emplace_back(columnOf(inner, unit));
        cursor.indices[dim] = columns[unit].indices[dim];
        for (unsigned input = 0; input < numInputs; ++input)
          arguments[unit].push_back(
              payload.load(builder, input, cursor, lanes));
        llvm::append_range(arguments[unit],
                           accumulators.slice(unit * (numOperands - numInputs),
                                              numOperands - numInputs));
      }
      SmallVector<Value> results;
      for (int64_t unit = 0; unit < units; ++unit)
        for (Value value :
             payload.emit(builder, arguments[unit], cursors[unit], lanes))
          results.push_back(others.reduced.empty()
                                ? value
                                : splat(builder, loc, value, laneCount));
      return results;
    };
    SmallVector<Value> results =
        others.reduced.empty()
            ? compute(base, carried)
            : emitLoops(builder, loc, nest, others.reduced, base, carried,
                        [&](const Cursor &inner, ValueRange accumulators) {
                          return compute(
                              inner, llvm::to_vector_of<Value>(accumulators));
                        });
    auto result = results.begin();
    for (int64_t unit = 0; unit < units; ++unit)
      for (unsigned output = numInputs; output < numOperands; ++output)
        payload.store(builder, output, *result++, columns[unit], lanes);
  };

  int64_t unroll = unrollFactor(payload.numOps());
  SmallVector<int64_t> unitSizes = {unroll};
  if (unroll > 1)
    unitSizes.push_back(1);
  emitLoops(builder, loc, nest, others.parallel, Cursor(nest),
            [&](const Cursor &row) {
              emitChunks(
                  builder, loc, nest.dims[dim].extent, laneCount, unitSizes,
                  /*allowPartial=*/true, ValueRange(),
                  [&](OpFoldResult iv, int64_t units, Value valid, ValueRange) {
                    emitStep(row, iv, units, valid);
                    return SmallVector<Value>();
                  });
            });
}
