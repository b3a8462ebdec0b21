//===- GemmLaunch.cpp - Products that become launches --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "GemmMatch.h"
#include "Launches.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "transmamba/Conversion/TileToNVVM/EarlyStart.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;

/// Rows of a matrix, at most: what is dynamic are the batch and its tokens.
/// Nothing where that cannot be told.
static std::optional<int64_t> getRowBound(Value matrix,
                                          const Launches &launches) {
  auto type = cast<RankedTensorType>(matrix.getType());
  if (!type.isDynamicDim(0))
    return type.getDimSize(0);
  if (!launches.hasBounds)
    return std::nullopt;
  if (matrix.getDefiningOp<LastTokenOp>())
    return launches.maxBatch;
  auto collapse = matrix.getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse || collapse.getSrcType().getRank() < 3)
    return std::nullopt;
  int64_t rows = 1;
  for (int64_t dim : collapse.getReassociationIndices().front()) {
    if (collapse.getSrcType().isDynamicDim(dim) && dim > 1)
      return std::nullopt;
    rows *= !collapse.getSrcType().isDynamicDim(dim)
                ? collapse.getSrcType().getDimSize(dim)
            : dim == 0 ? launches.maxBatch
                       : launches.maxSequence;
  }
  return rows;
}

/// All dimensions but the last, and the last.
static SmallVector<ReassociationIndices> getRowsAndColumns(int64_t rank) {
  SmallVector<ReassociationIndices> groups(2);
  llvm::append_range(groups[0], llvm::seq<int64_t>(0, rank - 1));
  groups[1] = {rank - 1};
  return groups;
}

/// An operand of the program as the kernel takes it, a matrix.
static Value getKernelOperand(OpBuilder &builder, Location loc, Value operand,
                              const GemmOperand &kind, Value rows) {
  auto type = cast<RankedTensorType>(operand.getType());
  int64_t rank = type.getRank();
  if (kind.kind == GemmOperand::Matrix)
    return rank == 2 ? operand
                     : tensor::CollapseShapeOp::create(builder, loc, operand,
                                                       getRowsAndColumns(rank));
  SmallVector<ReassociationIndices> all(1);
  llvm::append_range(all[0], llvm::seq<int64_t>(0, rank));
  if (rank > 1)
    operand = tensor::CollapseShapeOp::create(builder, loc, operand, all);
  int64_t size = cast<RankedTensorType>(operand.getType()).getDimSize(0);
  Attribute one = builder.getIndexAttr(1);
  if (kind.kind == GemmOperand::Columns)
    return tensor::ExpandShapeOp::create(
        builder, loc, RankedTensorType::get({1, size}, type.getElementType()),
        operand, ArrayRef<ReassociationIndices>{{0, 1}},
        {one, builder.getIndexAttr(size)});
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get({size, 1}, type.getElementType()),
      operand, ArrayRef<ReassociationIndices>{{0, 1}},
      {ShapedType::isDynamic(size) ? OpFoldResult(rows)
                                   : OpFoldResult(builder.getIndexAttr(size)),
       one});
}

/// The kernel's result in the shape of the program's.
static Value giveShape(OpBuilder &builder, Location loc, Value result,
                       const GemmMatch &match) {
  auto type = cast<RankedTensorType>(match.getResult().getType());
  if (type.getRank() == 2)
    return result;
  // An operation that is replaced has given it that shape.
  for (Operation *op : match.ops)
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op);
        expand && expand.getResultType().getRank() == type.getRank()) {
      SmallVector<OpFoldResult> sizes =
          getMixedValues(expand.getStaticOutputShape(), expand.getOutputShape(),
                         builder.getContext());
      sizes.back() = builder.getIndexAttr(match.shape.n);
      return tensor::ExpandShapeOp::create(
          builder, loc, type, result, getRowsAndColumns(type.getRank()), sizes);
    }
  llvm_unreachable("products are matrices");
}

static std::string getName(const GemmMatch &match, const GemmConfig &config) {
  const GemmShape &shape = match.shape;
  std::string name;
  llvm::raw_string_ostream(name)
      << "gemm_n" << shape.n << "_k" << shape.k << match.suffix
      << (shape.resultType.isF32() ? "_f32" : "") << "_tile" << config.blockM
      << "x" << config.blockN;
  return name;
}

// %c = linalg.matmul ins(%a, %b) outs(zeros); %d = f(%c, %x)
//   -> %d = tile.launch @gemm_... grid(min(multiprocessors, tiles), 1, 1)
//                ins(%a, %b, %x) outs(empty)
LogicalResult transmamba::convertGemm(linalg::MatmulOp op, Launches &launches) {
  std::optional<GemmMatch> match = matchGemm(op, launches.target);
  if (!match)
    return success();
  const GemmShape &shape = match->shape;
  Value a = match->a;
  std::optional<int64_t> bound = getRowBound(a, launches);
  GemmConfig config =
      chooseGemmConfig(launches.target, shape,
                       bound.value_or(launches.maxBatch), bound.has_value());
  FailureOr<DictionaryAttr> wanted = getConfig(op);
  if (failed(wanted) ||
      failed(overrideConfig(*wanted, launches.target, shape, config,
                            [&] { return op.emitOpError(); })))
    return failure();
  OpBuilder detached(op.getContext());
  tile::KernelOp built =
      buildGemm(detached, op.getLoc(), getName(*match, config), shape, config);
  for (auto [number, right] : llvm::enumerate(match->rights))
    if (config.isForFewRows() && right.getDefiningOp<GetParameterOp>())
      built.setArgAttr(1 + number, kTileConstantAttrName,
                       UnitAttr::get(op.getContext()));
  StringAttr kernel = launches.insert(built);

  OpBuilder builder(match->ops.back());
  Location loc = op.getLoc();
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value rows = builder.createOrFold<tensor::DimOp>(loc, a, 0);
  Value blocks = index(llvm::divideCeil(shape.n, config.blockN));
  if (!config.isForFewRows()) {
    Value down =
        arith::CeilDivUIOp::create(builder, loc, rows, index(config.blockM));
    Value tiles = arith::MulIOp::create(builder, loc, down, blocks);
    blocks = arith::MinUIOp::create(
        builder, loc, tile::MultiprocessorsOp::create(builder, loc), tiles);
  }
  SmallVector<Value> inputs = {a};
  llvm::append_range(inputs, match->rights);
  for (auto [operand, kind] :
       llvm::zip(match->operands, shape.epilogue.operands))
    inputs.push_back(getKernelOperand(builder, loc, operand, kind, rows));
  SmallVector<Value> sizes;
  if (ShapedType::isDynamic(shape.m))
    sizes.push_back(rows);
  auto type = RankedTensorType::get({shape.m, shape.n}, shape.resultType);
  Value empty = tensor::EmptyOp::create(builder, loc, type, sizes);
  auto launch = tile::LaunchOp::create(
      builder, loc, TypeRange(type), FlatSymbolRefAttr::get(kernel), blocks,
      index(1), index(1), inputs, ValueRange(empty));
  // 2 M N K for each right operand, of which N columns are read.
  OpBuilder before(launch);
  WorkBuilder work(before, loc);
  int64_t weights =
      shape.getProducts() * shape.k * shape.n * countElementBytes(a.getType());
  OpFoldResult bytes =
      work.add(work.countBytes({a, empty}), work.countBytes(match->operands));
  setWork(launch,
          {work.mul(work.countElements(a), 2 * shape.n * shape.getProducts()),
           work.add(bytes, work.constant(weights))},
          work);
  match->getResult().replaceAllUsesWith(
      giveShape(builder, loc, launch.getResult(0), *match));
  for (Operation *replaced : llvm::reverse(match->ops)) {
    launches.erased.insert(replaced);
    replaced->erase();
  }
  ++launches.numLaunches;
  return success();
}
