//===- ContractionPlan.cpp - Roles and block shapes -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ContractionPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace transmamba;

/// What a dynamic size is taken for when a shape is chosen.
static constexpr int64_t kAssumedSize = 64;
/// Rows of a from which on a copy of b pays.
static constexpr int64_t kMinRowsToTranspose = 8;
static constexpr int64_t kMinRowsToPack = 32;

//===----------------------------------------------------------------------===//
// Recognition
//===----------------------------------------------------------------------===//

/// The input that `value` is, perhaps extended; null if it is something else.
static BlockArgument getFactor(Value value) {
  if (auto extend = value.getDefiningOp<arith::ExtFOp>())
    value = extend.getIn();
  return dyn_cast<BlockArgument>(value);
}

/// Matches yield(c + a * b) with optional extensions of a and b.
static bool isMultiplyAdd(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return false;
  Block *body = op.getBody();
  BlockArgument accumulator = body->getArgument(2);
  if (!isa<Float32Type, Float64Type>(accumulator.getType()))
    return false;
  for (Operation &inner : body->without_terminator())
    if (!isa<arith::ExtFOp, arith::MulFOp, arith::AddFOp, math::FmaOp>(inner))
      return false;
  Value yielded = body->getTerminator()->getOperand(0);
  Value left, right;
  if (auto fma = yielded.getDefiningOp<math::FmaOp>()) {
    if (fma.getC() != accumulator)
      return false;
    left = fma.getA();
    right = fma.getB();
  } else {
    auto add = yielded.getDefiningOp<arith::AddFOp>();
    if (!add)
      return false;
    Value product = add.getLhs() == accumulator ? add.getRhs() : add.getLhs();
    auto multiply = product.getDefiningOp<arith::MulFOp>();
    if (!multiply || !llvm::is_contained(add.getOperands(), Value(accumulator)))
      return false;
    left = multiply.getLhs();
    right = multiply.getRhs();
  }
  BlockArgument a = getFactor(left), b = getFactor(right);
  return a && b && a != b && a != accumulator && b != accumulator;
}

int64_t transmamba::sizeOr(const LoopNest &nest, std::optional<unsigned> dim,
                           int64_t absent) {
  return dim ? nest.dims[*dim].size().value_or(kAssumedSize) : absent;
}

/// The largest of `dims`.
static std::optional<unsigned> largest(const LoopNest &nest,
                                       ArrayRef<unsigned> dims) {
  std::optional<unsigned> best;
  for (unsigned dim : dims)
    if (!best || sizeOr(nest, dim, 1) > sizeOr(nest, *best, 1))
      best = dim;
  return best;
}

FailureOr<Contraction> transmamba::planContraction(const LoopNest &nest,
                                                   const VectorTarget &target,
                                                   std::string &reason) {
  if (!isMultiplyAdd(nest.op)) {
    reason = "the body is no multiply-add";
    return failure();
  }
  for (const FlatOperand &operand : nest.operands)
    if (operand.scalar) {
      reason = "an operand is a scalar";
      return failure();
    }
  Contraction result;
  const FlatOperand *operands = nest.operands.data();
  result.accumulatorType = operands[2].elementType;
  int64_t lanes = target.lanes(result.accumulatorType.getIntOrFloatBitWidth());

  SmallVector<unsigned> free[2], reduced;
  for (auto [dim, loop] : llvm::enumerate(nest.dims)) {
    bool inA = !operands[0].isInvariant(dim);
    bool inB = !operands[1].isInvariant(dim);
    if (loop.isParallel == operands[2].isInvariant(dim)) {
      reason = "the result's dimensions are not the parallel ones";
      return failure();
    }
    if (!loop.isParallel)
      reduced.push_back(dim);
    else if (inA != inB)
      free[inB].push_back(dim);
  }
  if (reduced.empty()) {
    reason = "nothing is contracted";
    return failure();
  }
  result.k = largest(nest, reduced);

  // Prefer n contiguous in its input, then n to be packed; the larger one.
  auto rankOf = [&](unsigned side, unsigned dim) {
    if (!operands[2].isContiguous(dim))
      return 0;
    return operands[side].isContiguous(dim) ? 2 : 1;
  };
  int bestRank = 0;
  for (unsigned side : {1u, 0u})
    for (unsigned dim : free[side]) {
      int rank = rankOf(side, dim);
      if (rank < bestRank || rank == 0 ||
          (rank == bestRank &&
           sizeOr(nest, dim, 1) <= sizeOr(nest, *result.n, 1)))
        continue;
      bestRank = rank;
      result.n = dim;
      result.b = side;
      result.a = 1 - side;
    }
  if (bestRank != 0)
    result.m = largest(nest, free[result.a]);

  // The dot product form needs a dimension that is contiguous in both inputs.
  std::optional<unsigned> common;
  for (unsigned dim : reduced)
    if (operands[0].isContiguous(dim) && operands[1].isContiguous(dim))
      common = dim;
  int64_t rows = sizeOr(nest, result.m, 1);
  bool narrow = bestRank != 0 && nest.dims[*result.n].size() &&
                *nest.dims[*result.n].size() * 2 <= lanes;
  bool dotFits = common && sizeOr(nest, *common, 1) * 2 >= lanes;
  if (dotFits && (bestRank == 0 || narrow ||
                  (bestRank == 1 && rows < kMinRowsToTranspose))) {
    result.isDot = true;
    result.k = common;
    result.n = largest(nest, free[1]);
    result.m = largest(nest, free[0]);
    result.a = 0;
    result.b = 1;
    // A matrix times a vector: the matrix is b, of which rows are in flight.
    if (!result.n) {
      std::swap(result.a, result.b);
      std::swap(result.m, result.n);
    }
  } else if (bestRank == 0 || (bestRank == 1 && rows < kMinRowsToTranspose)) {
    reason = "no dimension is contiguous in the result and an input";
    return failure();
  } else {
    bool extends = operands[result.b].elementType != result.accumulatorType;
    result.packsB = bestRank == 1 || rows >= kMinRowsToPack ||
                    (extends && rows >= kMinRowsToTranspose);
  }
  for (unsigned dim = 0; dim < nest.dims.size(); ++dim)
    if (dim != result.m && dim != result.n && dim != result.k)
      result.outer.push_back(dim);
  return result;
}

//===----------------------------------------------------------------------===//
// Block shape
//===----------------------------------------------------------------------===//

SmallVector<int64_t> transmamba::remainderSizes(int64_t first) {
  SmallVector<int64_t> sizes = {first};
  for (int64_t size = llvm::bit_floor(static_cast<uint64_t>(first)); size > 0;
       size /= 2)
    if (size < first)
      sizes.push_back(size);
  return sizes;
}

SmallVector<int64_t> transmamba::columnSizes(BlockShape shape) {
  if (shape.vectors <= 2 || shape.rows <= 2)
    return remainderSizes(shape.vectors);
  return {shape.vectors, 1};
}

/// Cycles for one step of k over `rows` by `vectors`, by the throughput of two
/// multiply-adds and two loads a cycle and a latency of four cycles. Of blocks
/// that are equal so far, the one that loads less is better: not every load
/// hits the first-level cache.
static double estimateCycles(int64_t rows, int64_t vectors, BlockShape shape) {
  constexpr double kLoadCost = 0.1;
  double cycles = 0;
  int64_t rowsLeft = rows;
  for (int64_t blockRows : remainderSizes(shape.rows)) {
    int64_t rowBlocks = rowsLeft / blockRows;
    rowsLeft %= blockRows;
    int64_t vectorsLeft = vectors;
    for (int64_t blockVectors : columnSizes(shape)) {
      int64_t blocks = rowBlocks * (vectorsLeft / blockVectors);
      vectorsLeft %= blockVectors;
      double loads = blockRows + blockVectors;
      cycles += blocks *
                (kLoadCost * loads +
                 std::max({blockRows * blockVectors / 2.0, loads / 2.0, 4.0}));
    }
  }
  return cycles;
}

BlockShape transmamba::chooseShape(int64_t rows, int64_t vectors,
                                   unsigned numRegisters) {
  BlockShape best = {1, 1};
  double bestCycles = estimateCycles(rows, vectors, best);
  int64_t maxVectors = rows <= 2 ? 8 : 4;
  for (int64_t v = 1; v <= std::min(maxVectors, std::max<int64_t>(vectors, 1));
       ++v) {
    for (int64_t r = 1; r <= std::min<int64_t>(rows, 14); ++r) {
      // The accumulators, a row of b, a broadcast element of a and the next
      // one.
      if (r * v + v + 2 > static_cast<int64_t>(numRegisters))
        continue;
      double cycles = estimateCycles(rows, vectors, {r, v});
      // A larger block only if it gains something: code size.
      if (cycles < bestCycles * 0.995) {
        bestCycles = cycles;
        best = {r, v};
      }
    }
  }
  return best;
}
