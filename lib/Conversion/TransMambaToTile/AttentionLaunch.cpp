//===- AttentionLaunch.cpp - Attention as a launch ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Launches.h"
#include "SplitHeads.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"

#include <cmath>

using namespace mlir;
using namespace transmamba;

static double getScale(AttentionOp op) {
  return op.getScale() ? op.getScale()->convertToDouble()
                       : 1.0 / std::sqrt(static_cast<double>(
                                   cast<RankedTensorType>(op.getQ().getType())
                                       .getDimSize(3)));
}

/// How many keys a query sees; 0: all up to its own. Kernels compute indices in
/// 32 bits, and no sequence is that long.
static int64_t getWindow(AttentionOp op) {
  constexpr int64_t all = int64_t(1) << 30;
  int64_t window = op.getWindow().value_or(all);
  return window < all ? window : 0;
}

/// The number of heads and their size fit the kernel. The largest score is that
/// of the largest product: the scale is positive.
static bool matchesAttention(AttentionOp op) {
  auto q = cast<RankedTensorType>(op.getQ().getType());
  auto k = cast<RankedTensorType>(op.getK().getType());
  auto v = cast<RankedTensorType>(op.getV().getType());
  auto result = cast<RankedTensorType>(op.getResult().getType());
  if (!isHalf(q.getElementType()) || getScale(op) <= 0)
    return false;
  if (op.getLengths()) {
    auto lengths = dyn_cast<RankedTensorType>(op.getLengths().getType());
    if (!lengths || lengths.getRank() != 1)
      return false;
  }
  int64_t headDim = q.getDimSize(3), heads = q.getDimSize(2);
  auto fits = [&](RankedTensorType type) {
    return type.getElementType() == q.getElementType() &&
           type.getDimSize(3) == headDim && type.getDimSize(2) > 0 &&
           heads % type.getDimSize(2) == 0;
  };
  return llvm::is_contained({32, 64, 96, 128, 256}, headDim) && heads > 0 &&
         result.getDimSize(2) == heads && fits(k) && fits(v) && fits(result);
}

/// Where the result of all heads is only put at the start of a tensor that is
/// otherwise anything, or null.
static tensor::InsertSliceOp findDestination(AttentionOp op) {
  if (!op.getResult().hasOneUse())
    return nullptr;
  auto insert = dyn_cast<tensor::InsertSliceOp>(*op->user_begin());
  if (!insert || !insert.hasUnitStride() ||
      !llvm::all_of(insert.getMixedOffsets(), isZeroInteger))
    return nullptr;
  Operation *empty = insert.getDest().getDefiningOp<tensor::EmptyOp>();
  RankedTensorType from = insert.getSourceType(), to = insert.getDestType();
  bool fits = empty && empty->isBeforeInBlock(op) && to.getRank() == 4 &&
              from.getDimSize(0) == to.getDimSize(0) &&
              from.getShape().drop_front(2) == to.getShape().drop_front(2);
  return fits ? insert : nullptr;
}

// %o = transmamba.attention %q, %k, %v
//   -> %x = tile.launch @attention_... grid(heads, blocks, rows)
//                ins(%q, %k, %v) outs(empty), heads side by side
//      %o = tensor.expand_shape %x
LogicalResult transmamba::convertAttention(AttentionOp op, Launches &launches) {
  if (!matchesAttention(op))
    return success();
  OpBuilder builder(op);
  Location loc = op.getLoc();
  // The last block of queries writes a few tokens more, where anything may be.
  tensor::InsertSliceOp destination = findDestination(op);
  Value target = destination ? Value(destination.getResult()) : op.getResult();
  auto resultType = cast<RankedTensorType>(target.getType());
  ArrayRef<int64_t> sizes = resultType.getShape();
  int64_t headDim = sizes[3];
  SplitHeads q = findColumns(op.getQ(), builder),
             k = findColumns(op.getK(), builder),
             v = findColumns(op.getV(), builder);
  auto joined = RankedTensorType::get({sizes[0], sizes[1], sizes[2] * headDim},
                                      resultType.getElementType());
  AttentionShape shape{describe(q, op.getQ()),
                       describe(k, op.getK()),
                       describe(v, op.getV()),
                       {joined, 0, sizes[2]},
                       headDim,
                       getScale(op),
                       op.getLengths()
                           ? cast<RankedTensorType>(op.getLengths().getType())
                           : RankedTensorType(),
                       op.getCausal(),
                       getWindow(op)};
  AttentionConfig config = chooseAttentionConfig(shape);
  FailureOr<DictionaryAttr> wanted = getConfig(op);
  if (failed(wanted) || failed(overrideConfig(*wanted, shape, config, [&] {
        return op.emitOpError();
      })))
    return failure();

  std::string name;
  llvm::raw_string_ostream(name)
      << "attention_h" << shape.q.heads << "_" << shape.k.heads << "_d"
      << headDim << (shape.causal ? "" : "_full");
  if (shape.window)
    llvm::raw_string_ostream(name) << "_window" << shape.window;
  OpBuilder detached(op.getContext());
  StringAttr kernel =
      launches.insert(buildAttention(detached, loc, name, shape, config));

  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  SmallVector<Value> dynamicSizes;
  Value queries = builder.createOrFold<tensor::DimOp>(loc, op.getQ(), 1);
  SmallVector<OpFoldResult> outputSizes = tensor::getMixedSizes(
      builder, loc, destination ? destination.getDest() : op.getQ());
  outputSizes[2] = builder.getIndexAttr(sizes[2]);
  for (int64_t dim : {0, 1})
    if (joined.isDynamicDim(dim))
      dynamicSizes.push_back(
          getValueOrCreateConstantIndexOp(builder, loc, outputSizes[dim]));
    else
      outputSizes[dim] = builder.getIndexAttr(sizes[dim]);
  Value batch = getValueOrCreateConstantIndexOp(builder, loc, outputSizes[0]);
  Value blocks =
      arith::CeilDivUIOp::create(builder, loc, queries, index(config.blockM));
  Value empty = tensor::EmptyOp::create(builder, loc, joined, dynamicSizes);
  SmallVector<Value> inputs = {q.tensor, k.tensor, v.tensor};
  if (op.getLengths())
    inputs.push_back(op.getLengths());
  if (!shape.causal)
    inputs.push_back(builder.createOrFold<tensor::DimOp>(loc, op.getK(), 1));
  auto launch = tile::LaunchOp::create(
      builder, loc, TypeRange(joined), FlatSymbolRefAttr::get(kernel),
      index(shape.q.heads), blocks, batch, inputs, ValueRange(empty));
  OpBuilder before(launch);
  WorkBuilder work(before, loc);
  AttentionWork attention{
      outputSizes[0], outputSizes[1], work.getSizes(op.getK())[1],
      shape.q.heads,  headDim,        headDim,
      shape.causal,   std::nullopt};
  if (shape.window)
    attention.window = shape.window;
  setWork(launch,
          {work.countFlop(attention),
           work.countBytes({op.getQ(), op.getK(), op.getV(), empty})},
          work);
  setGroup(launch, op);
  SmallVector<ReassociationIndices> groups = {{0}, {1}, {2, 3}};
  Value result = tensor::ExpandShapeOp::create(
      builder, loc, resultType, launch.getResult(0), groups, outputSizes);
  target.replaceAllUsesWith(result);
  if (destination)
    destination.erase();
  op.erase();
  ++launches.numLaunches;
  return success();
}
