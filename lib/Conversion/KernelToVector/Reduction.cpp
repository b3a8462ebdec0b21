//===- Reduction.cpp - Vectors along a reduced dimension --------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
//   linalg.generic {parallel p, reduction d} ins(%a) outs(%c) { c op f(a) }
//     ->
//   for p
//     acc... = neutral vectors
//     for d in steps of several vectors iter_args(acc...)
//       acc... = acc... op f(load %a)
//     store (load %c) op (lanes of acc... combined), %c
//
// The order of the combination is fixed by the sizes alone, so that a result
// repeats bit for bit.
//
//===----------------------------------------------------------------------===//

#include "Strategies.h"
#include "VectorPayload.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace transmamba;

/// The operation that updates output number `output`, null if there is none.
static Operation *getCombiner(linalg::GenericOp op, unsigned output) {
  Block *body = op.getBody();
  Operation *combiner =
      body->getTerminator()->getOperand(output).getDefiningOp();
  BlockArgument accumulator = body->getArgument(op.getNumDpsInputs() + output);
  if (!combiner || combiner->getBlock() != body ||
      combiner->getNumOperands() != 2 || !combiner->getResult(0).hasOneUse() ||
      !accumulator.hasOneUse() ||
      !llvm::is_contained(combiner->getOperands(), accumulator))
    return nullptr;
  if (!isa<arith::AddFOp, arith::MulFOp, arith::MaximumFOp, arith::MinimumFOp,
           arith::MaxNumFOp, arith::MinNumFOp, arith::AddIOp, arith::MulIOp,
           arith::MaxSIOp, arith::MinSIOp, arith::MaxUIOp, arith::MinUIOp,
           arith::AndIOp, arith::OrIOp, arith::XOrIOp>(combiner) ||
      !arith::getNeutralElement(combiner))
    return nullptr;
  return combiner;
}

bool transmamba::hasCombiners(const LoopNest &nest, std::string &reason) {
  for (unsigned output = 0; output < nest.op.getNumDpsInits(); ++output) {
    if (getCombiner(nest.op, output))
      continue;
    reason = "an output is not updated by one associative operation";
    return false;
  }
  return true;
}

Value transmamba::reduceLanes(OpBuilder &builder, Location loc, Value vector,
                              llvm::function_ref<Value(Value, Value)> combine) {
  int64_t width = cast<VectorType>(vector.getType()).getDimSize(0);
  while (width > 1) {
    width /= 2;
    auto low = llvm::to_vector(llvm::seq<int64_t>(0, width));
    auto high = llvm::to_vector(llvm::seq<int64_t>(width, 2 * width));
    vector =
        combine(vector::ShuffleOp::create(builder, loc, vector, vector, low),
                vector::ShuffleOp::create(builder, loc, vector, vector, high));
  }
  return vector::ExtractOp::create(builder, loc, vector, ArrayRef<int64_t>{0});
}

/// `combiner` on `a` and `b`, which may be vectors.
static Value combine(OpBuilder &builder, Operation *combiner, Value a,
                     Value b) {
  OperationState state(combiner->getLoc(), combiner->getName());
  state.addOperands({a, b});
  state.addTypes(a.getType());
  state.attributes = llvm::to_vector(combiner->getAttrs());
  return builder.create(state)->getResult(0);
}

void transmamba::emitReduction(OpBuilder &builder, const LoopNest &nest,
                               unsigned dim, const VectorTarget &target) {
  Location loc = nest.op.getLoc();
  VectorPayload payload(nest, dim);
  int64_t laneCount = payload.laneCount(target);
  VectorPayload::OtherDims others = payload.otherDims();
  unsigned numInputs = nest.numInputs();
  unsigned numOutputs = nest.op.getNumDpsInits();
  // Independent chains hide the latency of the combiner.
  int64_t unroll = numOutputs == 1 && payload.numOps() <= 6 ? 4 : 2;

  // One step on `units` vectors; `accumulators` is [unit][output].
  auto emitStep = [&](const Cursor &row, OpFoldResult iv, int64_t units,
                      Value valid, ValueRange accumulators) {
    IndexBuilder index(builder, loc);
    Lanes lanes = Lanes::get(builder, loc, laneCount, valid);
    SmallVector<Value> next = llvm::to_vector_of<Value>(accumulators);
    SmallVector<Cursor> cursors;
    SmallVector<SmallVector<Value>> arguments(units);
    for (int64_t unit = 0; unit < units; ++unit) {
      Cursor &cursor = cursors.emplace_back(
          row.at(index, nest, dim, index.add(iv, index.cst(unit * laneCount))));
      for (unsigned input = 0; input < numInputs; ++input)
        arguments[unit].push_back(payload.load(builder, input, cursor, lanes));
    }
    for (int64_t unit = 0; unit < units; ++unit) {
      auto *first = next.begin() + unit * numOutputs;
      arguments[unit].append(first, first + numOutputs);
      SmallVector<Value> results =
          payload.emit(builder, arguments[unit], cursors[unit], lanes);
      for (auto [result, accumulator] :
           llvm::zip(results, MutableArrayRef<Value>(first, numOutputs)))
        accumulator = lanes.mask
                          ? arith::SelectOp::create(builder, loc, lanes.mask,
                                                    result, accumulator)
                                .getResult()
                          : result;
    }
    return next;
  };

  emitLoops(
      builder, loc, nest, others.parallel, Cursor(nest),
      [&](const Cursor &row) {
        SmallVector<Value> neutral;
        for (int64_t unit = 0; unit < unroll; ++unit)
          for (unsigned output = 0; output < numOutputs; ++output) {
            TypedAttr element =
                *arith::getNeutralElement(getCombiner(nest.op, output));
            auto type = VectorType::get(laneCount, element.getType());
            neutral.push_back(arith::ConstantOp::create(
                builder, loc, type,
                cast<TypedAttr>(DenseElementsAttr::get(type, element))));
          }
        SmallVector<Value> partial =
            emitLoops(builder, loc, nest, others.reduced, row, neutral,
                      [&](const Cursor &inner, ValueRange accumulators) {
                        return emitChunks(
                            builder, loc, nest.dims[dim].extent, laneCount,
                            {unroll, 1}, /*allowPartial=*/true, accumulators,
                            [&](OpFoldResult iv, int64_t units, Value valid,
                                ValueRange values) {
                              return emitStep(inner, iv, units, valid, values);
                            });
                      });
        for (unsigned output = 0; output < numOutputs; ++output) {
          Operation *combiner = getCombiner(nest.op, output);
          auto combinePair = [&](Value a, Value b) {
            return combine(builder, combiner, a, b);
          };
          // unroll is a power of two: a balanced tree over the chains.
          for (int64_t width = unroll / 2; width > 0; width /= 2)
            for (int64_t unit = 0; unit < width; ++unit) {
              Value &low = partial[unit * numOutputs + output];
              low = combinePair(low,
                                partial[(unit + width) * numOutputs + output]);
            }
          Value total = reduceLanes(builder, loc, partial[output], combinePair);
          const FlatOperand &flat = nest.operands[numInputs + output];
          IndexBuilder index(builder, loc);
          Value at = index.value(row.addresses[numInputs + output]);
          Value before = memref::LoadOp::create(builder, loc, flat.buffer, at);
          memref::StoreOp::create(builder, loc, combinePair(before, total),
                                  flat.buffer, at);
        }
      });
}
