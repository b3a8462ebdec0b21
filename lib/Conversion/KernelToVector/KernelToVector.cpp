//===- KernelToVector.cpp - Kernels to vector code --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The pass: brings every structured op of a kernel to linalg.generic, chooses a
// strategy for each and replaces it.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/KernelToVector/KernelToVector.h"

#include "Strategies.h"
#include "VectorPayload.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "transmamba-kernel-to-vector"

namespace transmamba {
#define GEN_PASS_DEF_KERNELTOVECTOR
#include "transmamba/Conversion/KernelToVector/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// To linalg.generic
//===----------------------------------------------------------------------===//

/// memref.copy %a, %b  ->  linalg.generic ins(%a) outs(%b) { yield a }
static LogicalResult generalizeCopy(IRRewriter &rewriter, memref::CopyOp copy) {
  auto type = dyn_cast<MemRefType>(copy.getTarget().getType());
  if (!type || !isa<MemRefType>(copy.getSource().getType()))
    return copy.emitOpError("of unranked buffers is not supported in a kernel");
  AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  rewriter.setInsertionPoint(copy);
  linalg::GenericOp::create(
      rewriter, copy.getLoc(), copy.getSource(), copy.getTarget(),
      ArrayRef<AffineMap>{identity, identity}, iterators,
      [](OpBuilder &builder, Location loc, ValueRange arguments) {
        linalg::YieldOp::create(builder, loc, arguments.front());
      });
  rewriter.eraseOp(copy);
  return success();
}

/// Leaves only linalg.generic of what can be vectorised.
static LogicalResult generalize(func::FuncOp function) {
  IRRewriter rewriter(function.getContext());
  SmallVector<Operation *> worklist;
  function.walk([&](Operation *op) {
    if (isa<memref::CopyOp>(op) || isa<linalg::LinalgDialect>(op->getDialect()))
      worklist.push_back(op);
  });
  for (Operation *op : worklist) {
    if (auto copy = dyn_cast<memref::CopyOp>(op)) {
      if (failed(generalizeCopy(rewriter, copy)))
        return failure();
      continue;
    }
    if (isa<linalg::GenericOp, linalg::YieldOp, linalg::IndexOp>(op))
      continue;
    auto named = dyn_cast<linalg::LinalgOp>(op);
    if (!named)
      return op->emitOpError("is not supported in a kernel: decompose it to "
                             "structured linalg ops first");
    if (!named.hasPureBufferSemantics())
      return op->emitOpError("works on tensors; a kernel works on buffers");
    rewriter.setInsertionPoint(named);
    if (failed(linalg::generalizeNamedOp(rewriter, named)))
      return op->emitOpError("has no linalg.generic form");
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Choice of the vector dimension
//===----------------------------------------------------------------------===//

namespace {
/// A dimension to vectorise, and what an iteration then costs, in units of one
/// scalar operation.
struct Candidate {
  unsigned dim = 0;
  double cost = 0;
};
} // namespace

static double scalarCost(const LoopNest &nest, int64_t numOps) {
  return nest.operands.size() + numOps;
}

/// The cost of an iteration with vectors along `dim`.
static double vectorCost(const LoopNest &nest, unsigned dim, int64_t numOps,
                         int64_t lanes) {
  constexpr double kGatherCost = 1.0, kScatterCost = 1.5;
  constexpr double kAssumedSize = 64;
  double cost = static_cast<double>(numOps) / lanes;
  for (const FlatOperand &operand : nest.operands) {
    if (operand.scalar)
      continue;
    // An output stays in registers along a reduced dimension.
    bool isInvariant = operand.isInvariant(dim);
    if (isInvariant || operand.isContiguous(dim))
      cost += 1.0 / lanes;
    else
      cost += operand.isOutput ? kScatterCost : kGatherCost;
  }
  double size = kAssumedSize;
  if (std::optional<int64_t> exact = nest.dims[dim].size()) {
    size = std::max<int64_t>(*exact, 1);
    double vectors = (*exact + lanes - 1) / lanes;
    cost *= vectors * lanes / size;
  }
  // Combining the lanes at the end.
  if (!nest.dims[dim].isParallel)
    cost += 16.0 / size;
  return cost;
}

static std::optional<Candidate> chooseDim(const LoopNest &nest,
                                          const VectorTarget &target) {
  std::string reason;
  bool canReduce = hasCombiners(nest, reason);
  int64_t lanes = target.lanes(VectorPayload::widestElementBits(nest.op));
  std::optional<Candidate> best;
  for (auto [dim, loop] : llvm::enumerate(nest.dims)) {
    VectorPayload payload(nest, dim);
    if ((!loop.isParallel && !canReduce) || !payload.isVectorizable(reason)) {
      LDBG() << "dimension " << dim << ": " << reason;
      continue;
    }
    double cost = vectorCost(nest, dim, payload.numOps(), lanes);
    if (cost >= scalarCost(nest, payload.numOps())) {
      LDBG() << "dimension " << dim << ": vectors cost more than scalars";
      continue;
    }
    if (!best || cost < best->cost)
      best = Candidate{static_cast<unsigned>(dim), cost};
  }
  return best;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
class KernelToVectorPass final
    : public transmamba::impl::KernelToVectorBase<KernelToVectorPass> {
public:
  using KernelToVectorBase::KernelToVectorBase;

  void runOnOperation() override;

private:
  LogicalResult convert(linalg::GenericOp op, const VectorTarget &target);
};
} // namespace

LogicalResult KernelToVectorPass::convert(linalg::GenericOp op,
                                          const VectorTarget &target) {
  if (!op.hasPureBufferSemantics())
    return op.emitOpError("works on tensors; a kernel works on buffers");
  IRRewriter rewriter(op.getContext());
  rewriter.setInsertionPoint(op);
  std::string reason;
  FailureOr<LoopNest> nest = LoopNest::create(rewriter, op, reason);
  if (succeeded(nest)) {
    if (succeeded(emitContraction(rewriter, *nest, target, reason))) {
      ++numContractions;
      rewriter.eraseOp(op);
      return success();
    }
    LDBG() << op.getLoc() << ": no contraction: " << reason;
    if (std::optional<Candidate> choice = chooseDim(*nest, target)) {
      if (nest->dims[choice->dim].isParallel) {
        emitPointwise(rewriter, *nest, choice->dim, target);
        ++numPointwise;
      } else {
        emitReduction(rewriter, *nest, choice->dim, target);
        ++numReductions;
      }
      rewriter.eraseOp(op);
      return success();
    }
  } else {
    LDBG() << op.getLoc() << ": no vectors: " << reason;
  }
  if (failed(linalg::linalgOpToLoops(rewriter, op)))
    return op.emitOpError("cannot be turned into loops");
  ++numScalar;
  rewriter.eraseOp(op);
  return success();
}

void KernelToVectorPass::runOnOperation() {
  func::FuncOp function = getOperation();
  if (!function->hasAttr(kKernelAttrName) || function.isExternal())
    return;
  if (!llvm::is_contained({128u, 256u, 512u}, vectorBits.getValue())) {
    function.emitError("vector-bits must be 128, 256 or 512, not ")
        << vectorBits.getValue();
    return signalPassFailure();
  }
  if (failed(generalize(function)))
    return signalPassFailure();
  VectorTarget target{vectorBits, useFma};
  SmallVector<linalg::GenericOp> ops;
  function.walk([&](linalg::GenericOp op) { ops.push_back(op); });
  for (linalg::GenericOp op : ops)
    if (failed(convert(op, target)))
      return signalPassFailure();
}
