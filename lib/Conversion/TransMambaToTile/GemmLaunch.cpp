//===- GemmLaunch.cpp - Products that become launches --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Launches.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;

/// The shape of a product that a kernel can compute.
static std::optional<GemmShape> matchGemm(linalg::MatmulOp op) {
  if (op->getNumResults() != 1 || op.hasUserDefinedMaps())
    return std::nullopt;
  auto a = cast<RankedTensorType>(op.getInputs()[0].getType());
  auto b = cast<RankedTensorType>(op.getInputs()[1].getType());
  auto c = cast<RankedTensorType>(op->getResult(0).getType());
  if (!isHalf(a.getElementType()) || a.getElementType() != b.getElementType() ||
      !c.getElementType().isF32() || !hasAlignedRows(a) || !hasAlignedRows(b) ||
      b.getDimSize(0) != a.getDimSize(1) || c.getDimSize(0) != a.getDimSize(0))
    return std::nullopt;
  auto fill = op.getOutputs()[0].getDefiningOp<linalg::FillOp>();
  if (!fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()))
    return std::nullopt;
  GemmShape shape{a.getDimSize(0), b.getDimSize(1), b.getDimSize(0),
                  a.getElementType(), c.getElementType()};
  // The kernel rounds where all that reads the sums would.
  auto rounds = [&](Operation *user) {
    return isa<arith::TruncFOp>(user) &&
           getElementTypeOrSelf(user->getResult(0).getType()) ==
               shape.operandType;
  };
  if (!op->use_empty() && llvm::all_of(op->getUsers(), rounds))
    shape.resultType = shape.operandType;
  return shape;
}

/// Rows of a matrix, at most. What is dynamic are tokens of the batch.
static int64_t estimateRows(Value matrix, const Launches &launches) {
  if (auto collapse = matrix.getDefiningOp<tensor::CollapseShapeOp>()) {
    RankedTensorType type = collapse.getSrcType();
    int64_t rows = 1;
    for (int64_t dim : collapse.getReassociationIndices().front())
      rows *= !type.isDynamicDim(dim) ? type.getDimSize(dim)
              : dim == 0              ? launches.maxBatch
                                      : launches.maxSequence;
    return rows;
  }
  auto type = cast<RankedTensorType>(matrix.getType());
  return type.isDynamicDim(0) ? launches.maxBatch : type.getDimSize(0);
}

// %c = linalg.matmul ins(%a, %b) outs(zeros); %d = arith.truncf %c
//   -> %d = tile.launch @gemm_... grid(min(multiprocessors, tiles), 1, 1)
//                ins(%a, %b) outs(empty)
LogicalResult transmamba::convertGemm(linalg::MatmulOp op, Launches &launches) {
  std::optional<GemmShape> match = matchGemm(op);
  if (!match)
    return success();
  const GemmShape &shape = *match;
  Value a = op.getInputs()[0], b = op.getInputs()[1];
  GemmConfig config = chooseGemmConfig(shape, estimateRows(a, launches));
  FailureOr<DictionaryAttr> wanted = getConfig(op);
  if (failed(wanted) || failed(overrideConfig(*wanted, shape, config, [&] {
        return op.emitOpError();
      })))
    return failure();

  std::string name;
  llvm::raw_string_ostream(name)
      << "gemm_n" << shape.n << "_k" << shape.k
      << (shape.resultType.isF32() ? "_f32" : "") << "_tile" << config.blockM
      << "x" << config.blockN;
  OpBuilder detached(op.getContext());
  StringAttr kernel =
      launches.insert(buildGemm(detached, op.getLoc(), name, shape, config));

  OpBuilder builder(op);
  Location loc = op.getLoc();
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value rows = builder.createOrFold<tensor::DimOp>(loc, a, 0);
  Value down =
      arith::CeilDivUIOp::create(builder, loc, rows, index(config.blockM));
  Value tiles = arith::MulIOp::create(
      builder, loc, down, index(llvm::divideCeil(shape.n, config.blockN)));
  Value blocks = arith::MinUIOp::create(
      builder, loc, tile::MultiprocessorsOp::create(builder, loc), tiles);
  SmallVector<Value> sizes;
  if (ShapedType::isDynamic(shape.m))
    sizes.push_back(rows);
  auto type = RankedTensorType::get({shape.m, shape.n}, shape.resultType);
  Value empty = tensor::EmptyOp::create(builder, loc, type, sizes);
  auto launch = tile::LaunchOp::create(
      builder, loc, TypeRange(type), FlatSymbolRefAttr::get(kernel), blocks,
      index(1), index(1), ValueRange{a, b}, ValueRange(empty));
  Value result = launch.getResult(0);
  if (shape.resultType == shape.operandType)
    for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
      user->getResult(0).replaceAllUsesWith(result);
      user->erase();
    }
  else
    op->getResult(0).replaceAllUsesWith(result);
  op.erase();
  ++launches.numLaunches;
  return success();
}
