//===- ScanLaunch.cpp - Scans that become launches ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Launches.h"
#include "SplitHeads.h"
#include "SplitSwitch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"

using namespace mlir;
using namespace transmamba;

/// The shape of the scan that `op`, a scan or a switch, is or holds. Where the
/// heads are is not filled in.
template <typename Op> static std::optional<ScanShape> matchScan(Op op) {
  auto type = [](Value value) {
    return cast<RankedTensorType>(value.getType());
  };
  RankedTensorType q = type(op.getQ()), v = type(op.getV()),
                   result = type(op.getResult());
  int64_t heads = result.getDimSize(2);
  auto fits = [&](Value value) {
    int64_t own = type(value).getDimSize(2);
    return type(value).getElementType() == q.getElementType() && own > 0 &&
           heads % own == 0;
  };
  auto isSize = [](int64_t size) {
    return llvm::is_contained({32, 64, 96, 128}, size);
  };
  ScanShape shape{};
  shape.heads = heads;
  shape.stateDim = q.getDimSize(3);
  shape.headDim = v.getDimSize(3);
  shape.dt = type(op.getDt());
  shape.state = RankedTensorType::get(
      {q.getDimSize(0), heads, shape.stateDim, shape.headDim},
      cast<SSMStateType>(op.getState().getType()).getElementType());
  shape.hasSkip = bool(op.getSkip());
  shape.hasInit = bool(op.getInit());
  if (op.getLengths())
    shape.lengths = type(op.getLengths());
  bool isMatch = isHalf(q.getElementType()) && heads > 0 && fits(op.getQ()) &&
                 fits(op.getK()) && fits(op.getV()) && isSize(shape.stateDim) &&
                 isSize(shape.headDim) &&
                 result.getElementType() == q.getElementType() &&
                 // A decode step is not worth a chunk.
                 q.getDimSize(1) != 1;
  return isMatch ? std::optional(shape) : std::nullopt;
}

bool transmamba::matchesSwitch(SwitchOp op) {
  if (op.getInit() || op.getPositions() || op.getWindow())
    return false;
  std::optional<ScanShape> shape = matchScan(op);
  return shape && shape->stateDim == shape->headDim && chooseScanConfig(*shape);
}

/// dt, and zero for the tokens beyond the length of their row: they leave the
/// state as it is.
static Value maskSteps(OpBuilder &builder, Location loc, Value dt,
                       Value lengths) {
  if (!lengths)
    return dt;
  auto type = cast<RankedTensorType>(dt.getType());
  AffineMap all = builder.getMultiDimIdentityMap(3);
  AffineMap row = AffineMap::get(3, 0, builder.getAffineDimExpr(0));
  Value empty = tensor::EmptyOp::create(builder, loc,
                                        tensor::getMixedSizes(builder, loc, dt),
                                        type.getElementType());
  auto body = [](OpBuilder &nested, Location loc, ValueRange arguments) {
    Value token = linalg::IndexOp::create(nested, loc, 1);
    Value length = arith::IndexCastOp::create(
        nested, loc, nested.getIndexType(), arguments[1]);
    Value inside = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::slt,
                                         token, length);
    Value zero =
        arith::ConstantOp::create(nested, loc, nested.getF32FloatAttr(0.0));
    Value step =
        arith::SelectOp::create(nested, loc, inside, arguments[0], zero);
    linalg::YieldOp::create(nested, loc, step);
  };
  return linalg::GenericOp::create(
             builder, loc, type, ValueRange{dt, lengths}, ValueRange(empty),
             ArrayRef<AffineMap>{all, row, all},
             SmallVector<utils::IteratorType>(3, utils::IteratorType::parallel),
             body)
      .getResult(0);
}

// %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A
//   -> %x, %s = tile.launch @scan_... grid(heads, rows, 1)
//                    ins(%q, %k, %v, %dt, %A) outs(empty, empty)
//      %y = tensor.expand_shape %x; %h = %s as a state
LogicalResult transmamba::convertScan(SSDScanOp op, Launches &launches) {
  std::optional<ScanShape> match = matchScan(op);
  if (!match || op.getStart())
    return success();
  ScanShape shape = *match;
  std::optional<ScanConfig> config = chooseScanConfig(shape);
  if (!config)
    return success();
  OpBuilder builder(op);
  Location loc = op.getLoc();
  auto resultType = cast<RankedTensorType>(op.getResult().getType());
  SplitHeads q = findColumns(op.getQ(), builder),
             k = findColumns(op.getK(), builder),
             v = findColumns(op.getV(), builder);
  shape.q = describe(q, op.getQ());
  shape.k = describe(k, op.getK());
  shape.v = describe(v, op.getV());
  auto joined =
      RankedTensorType::get({resultType.getDimSize(0), resultType.getDimSize(1),
                             shape.heads * shape.headDim},
                            resultType.getElementType());
  shape.result = {joined, 0, shape.heads};
  FailureOr<DictionaryAttr> wanted = getConfig(op);
  if (failed(wanted) || failed(overrideConfig(*wanted, shape, *config, [&] {
        return op.emitOpError();
      })))
    return failure();

  std::string name;
  llvm::raw_string_ostream(name) << "scan_h" << shape.heads << "_n"
                                 << shape.stateDim << "_d" << shape.headDim;
  OpBuilder detached(op.getContext());
  StringAttr kernel =
      launches.insert(buildScan(detached, loc, name, shape, *config));

  SmallVector<Value> inputs = {
      q.tensor, k.tensor, v.tensor,
      maskSteps(builder, loc, op.getDt(), op.getLengths()), op.getA()};
  if (op.getSkip())
    inputs.push_back(op.getSkip());
  auto asTensor = [&](Value state) -> Value {
    return UnrealizedConversionCastOp::create(builder, loc, shape.state, state)
        .getResult(0);
  };
  if (op.getInit())
    inputs.push_back(asTensor(op.getInit()));
  if (op.getLengths())
    inputs.push_back(op.getLengths());

  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(builder, loc, op.getQ());
  sizes[2] = builder.getIndexAttr(shape.heads);
  sizes[3] = builder.getIndexAttr(shape.headDim);
  auto makeEmpty = [&](RankedTensorType type) -> Value {
    SmallVector<Value> dynamic;
    for (int64_t dim : {0, 1})
      if (type.isDynamicDim(dim))
        dynamic.push_back(
            getValueOrCreateConstantIndexOp(builder, loc, sizes[dim]));
    return tensor::EmptyOp::create(builder, loc, type, dynamic);
  };
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto launch = tile::LaunchOp::create(
      builder, loc, TypeRange{joined, shape.state},
      FlatSymbolRefAttr::get(kernel), index(shape.heads),
      getValueOrCreateConstantIndexOp(builder, loc, sizes[0]), index(1), inputs,
      ValueRange{makeEmpty(joined), makeEmpty(shape.state)});
  setGroup(launch, op);
  for (int64_t dim : {0, 1})
    if (!resultType.isDynamicDim(dim))
      sizes[dim] = builder.getIndexAttr(resultType.getDimSize(dim));
  SmallVector<ReassociationIndices> groups = {{0}, {1}, {2, 3}};
  Value result = tensor::ExpandShapeOp::create(
      builder, loc, resultType, launch.getResult(0), groups, sizes);
  op.getResult().replaceAllUsesWith(result);
  op.getState().replaceAllUsesWith(
      UnrealizedConversionCastOp::create(builder, loc, op.getState().getType(),
                                         launch.getResult(1))
          .getResult(0));
  op.erase();
  ++launches.numLaunches;
  return success();
}
