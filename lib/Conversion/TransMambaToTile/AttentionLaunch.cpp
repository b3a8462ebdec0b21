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
#include "mlir/IR/SymbolTable.h"
#include "transmamba/Analysis/StateLayout.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"
#include "transmamba/Transforms/FuseRotation.h"
#include "transmamba/Transforms/RotaryTables.h"

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
  if (!op.getResult().hasOneUse() || op.getLse())
    return nullptr;
  auto insert = dyn_cast<tensor::InsertSliceOp>(*op.getResult().user_begin());
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

//===----------------------------------------------------------------------===//
// Rotary positions
//===----------------------------------------------------------------------===//

/// How many tokens there are at most, where that is known.
static std::optional<int64_t> getMostTokens(Value heads,
                                            const StateLayout &layout) {
  std::optional<int64_t> most = layout.getMaxSequence();
  auto take = [&](OpFoldResult size) {
    if (std::optional<int64_t> constant = getConstantIntValue(size))
      most = std::min(*constant, most.value_or(*constant));
  };
  auto type = cast<RankedTensorType>(heads.getType());
  if (!type.isDynamicDim(1))
    take(IntegerAttr::get(IndexType::get(type.getContext()),
                          type.getDimSize(1)));
  if (auto slice = heads.getDefiningOp<tensor::ExtractSliceOp>())
    if (auto size = dyn_cast<Value>(slice.getMixedSizes()[1]))
      if (auto least = size.getDefiningOp<arith::MinUIOp>()) {
        take(least.getLhs());
        take(least.getRhs());
      }
  return most;
}

/// The rotation of the queries, where the kernel can do it: the positions are
/// those of the tokens, tables can have all of them, and nothing else reads
/// what is rotated. Pairs are as many as a fragment can have columns.
static RopeOp findRotation(AttentionOp op, const StateLayout &layout) {
  auto rope = op.getQ().getDefiningOp<RopeOp>();
  if (!rope || rope.getPositions() || !rope->hasOneUse())
    return nullptr;
  int64_t headDim =
      cast<RankedTensorType>(rope.getInput().getType()).getDimSize(3);
  bool fits = getMostTokens(rope.getInput(), layout) &&
              rope.getRotaryDim().value_or(headDim) % 16 == 0;
  return fits ? rope : nullptr;
}

/// The tables are those of all rotations of the module, if it says how long
/// they are.
static RotaryTables declareTables(RopeOp rope, const StateLayout &layout) {
  SymbolTable symbols(rope->getParentOfType<ModuleOp>());
  int64_t headDim =
      cast<RankedTensorType>(rope.getInput().getType()).getDimSize(3);
  int64_t positions =
      layout.getMaxSequence().value_or(*getMostTokens(rope.getInput(), layout));
  return declareRotaryTables(
      symbols, rope.getLoc(), rope.getTheta().convertToDouble(),
      std::max<int64_t>(positions, 1), rope.getRotaryDim().value_or(headDim));
}

/// What keeps the rotated keys of `op`, where that is all that reads them
/// besides: a cache with room for all of them, whose new version nothing but
/// the caller gets.
static AppendKVOp findKeptKeys(AttentionOp op, const StateLayout &layout) {
  auto rope = op.getK().getDefiningOp<RopeOp>();
  if (!rope || rope.getPositions() || op.getQ() == op.getK() ||
      !llvm::hasNItems(rope->getUses(), 2))
    return nullptr;
  AppendKVOp append;
  for (Operation *user : rope->getUsers())
    if (auto other = dyn_cast<AppendKVOp>(user))
      append = other;
  if (!append || append.getK() != op.getK() || append.getPositions() ||
      append.getRopeTheta() || append->getBlock() != op->getBlock() ||
      (append.getLengths() && append.getLengths() != op.getLengths()))
    return nullptr;
  std::optional<int64_t> most = getMostTokens(rope.getInput(), layout),
                         capacity = layout.getCapacity(
                             append.getCache().getType().getLayer());
  bool hasRoom = most && capacity && *most <= *capacity;
  bool isLast = llvm::all_of(append->getUsers(), [](Operation *user) {
    return user->hasTrait<OpTrait::IsTerminator>();
  });
  // It has to come before attention.
  bool canMove = llvm::all_of(append->getOperands(), [&](Value operand) {
    Operation *def = operand.getDefiningOp();
    return !def || def->getBlock() != op->getBlock() ||
           def->isBeforeInBlock(op);
  });
  return hasRoom && isLast && canMove ? append : nullptr;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

namespace {
/// Makes the launch of one attention.
class AttentionLauncher {
public:
  AttentionLauncher(AttentionOp op, Launches &launches)
      : op(op), builder(op), loc(op.getLoc()), launches(launches),
        layout(op->getParentOfType<ModuleOp>()), q(op.getQ()), k(op.getK()) {}

  LogicalResult launch();

private:
  void takeQueries();
  void takeKeys();
  std::string getName() const;
  void setAttentionWork(tile::LaunchOp launch, ArrayRef<OpFoldResult> sizes);
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  /// An output of the kernel, `sizes` where they are not static.
  Value makeEmpty(RankedTensorType type, ArrayRef<OpFoldResult> sizes);

  AttentionOp op;
  OpBuilder builder;
  Location loc;
  Launches &launches;
  StateLayout layout;
  AttentionShape shape;
  /// As they are before any rotation.
  Value q, k;
  /// What the kernel reads.
  SmallVector<Value> inputs, tables;
};
} // namespace

// transmamba.attention (rope %q), ... -> the kernel rotates %q
void AttentionLauncher::takeQueries() {
  RopeOp rope = findRotation(op, layout);
  if (rope) {
    RotaryTables declared = declareTables(rope, layout);
    for (bool sine : {false, true})
      tables.push_back(readRotaryTable(builder, loc, declared, sine));
    shape.rotation = declared.type;
    shape.interleaved = rope.getInterleaved();
    q = rope.getInput();
    op.getQMutable().assign(q);
    rope.erase();
  }
  SplitHeads columns = findColumns(q, builder);
  shape.q = describe(columns, q);
  inputs.push_back(columns.tensor);
}

// %r = rope %k; append_kv %c, %r, %v; transmamba.attention %q, %r, %v
// -> append_kv %c, %k, %v {rope_theta}, from which the kernel reads keys
//
// So keys are read and written once; values are where they were.
void AttentionLauncher::takeKeys() {
  if (AppendKVOp append = findKeptKeys(op, layout)) {
    append->moveBefore(op);
    builder.setInsertionPoint(op);
    auto cast = UnrealizedConversionCastOp::create(
        builder, loc, layout.getTensorType(append.getCache().getType()),
        append.getResult());
    k = op.getK().getDefiningOp<RopeOp>().getInput();
    op.getKMutable().assign(k);
    fuseRotation(append);
    auto type = mlir::cast<RankedTensorType>(cast.getType(0));
    shape.k = {type, 0, type.getDimSize(2)};
    inputs.push_back(cast.getResult(0));
    return;
  }
  SplitHeads columns = findColumns(k, builder);
  shape.k = describe(columns, k);
  inputs.push_back(columns.tensor);
}

std::string AttentionLauncher::getName() const {
  std::string name;
  llvm::raw_string_ostream stream(name);
  stream << "attention_h" << shape.q.heads << "_" << shape.k.heads << "_d"
         << shape.headDim << (shape.causal ? "" : "_full");
  if (shape.window)
    stream << "_window" << shape.window;
  if (shape.rotation)
    stream << "_rope";
  if (shape.logarithms)
    stream << "_lse";
  if (shape.end)
    stream << "_end" << shape.end;
  return name;
}

Value AttentionLauncher::makeEmpty(RankedTensorType type,
                                   ArrayRef<OpFoldResult> sizes) {
  SmallVector<Value> dynamic;
  for (int64_t dim : {0, 1})
    if (type.isDynamicDim(dim))
      dynamic.push_back(
          getValueOrCreateConstantIndexOp(builder, loc, sizes[dim]));
  return tensor::EmptyOp::create(builder, loc, type, dynamic);
}

void AttentionLauncher::setAttentionWork(tile::LaunchOp launch,
                                         ArrayRef<OpFoldResult> sizes) {
  OpBuilder before(launch);
  WorkBuilder work(before, loc);
  AttentionWork attention{sizes[0],      sizes[1],      work.getSizes(k)[1],
                          shape.q.heads, shape.headDim, shape.headDim,
                          shape.causal,  std::nullopt};
  if (shape.window)
    attention.window = shape.window;
  SmallVector<Value> moved{q, k, op.getV()};
  llvm::append_range(moved, launch.getOutputs());
  setWork(launch, {work.countFlop(attention), work.countBytes(moved)}, work);
}

// %o = transmamba.attention %q, %k, %v
//   -> %x = tile.launch @attention_... grid(heads, blocks, rows)
//                ins(%q, %k, %v) outs(empty), heads side by side
//      %o = tensor.expand_shape %x
LogicalResult AttentionLauncher::launch() {
  // The last block of queries writes a few tokens more, where anything may be.
  tensor::InsertSliceOp destination = findDestination(op);
  Value target = destination ? Value(destination.getResult()) : op.getResult();
  auto resultType = cast<RankedTensorType>(target.getType());
  ArrayRef<int64_t> sizes = resultType.getShape();
  shape.headDim = sizes[3];
  auto joined = RankedTensorType::get({sizes[0], sizes[1], sizes[2] * sizes[3]},
                                      resultType.getElementType());
  shape.result = {joined, 0, sizes[2]};
  shape.scale = getScale(op);
  shape.causal = op.getCausal();
  shape.window = getWindow(op);
  takeQueries();
  takeKeys();
  SplitHeads v = findColumns(op.getV(), builder);
  shape.v = describe(v, op.getV());
  inputs.push_back(v.tensor);
  llvm::append_range(inputs, tables);
  if (op.getLengths()) {
    shape.lengths = cast<RankedTensorType>(op.getLengths().getType());
    inputs.push_back(op.getLengths());
  }
  if (!shape.causal)
    inputs.push_back(builder.createOrFold<tensor::DimOp>(loc, k, 1));
  if (op.getLse())
    shape.logarithms = cast<RankedTensorType>(op.getLse().getType());
  if (auto end = op->getAttrOfType<IntegerAttr>(kAttentionEndAttrName))
    shape.end = end.getInt();

  AttentionConfig config = chooseAttentionConfig(launches.target, shape);
  FailureOr<DictionaryAttr> wanted = getConfig(op);
  if (failed(wanted) ||
      failed(overrideConfig(*wanted, launches.target, shape, config,
                            [&] { return op.emitOpError(); })))
    return failure();
  OpBuilder detached(op.getContext());
  StringAttr kernel =
      launches.insert(buildAttention(detached, loc, getName(), shape, config));

  Value queries = builder.createOrFold<tensor::DimOp>(loc, q, 1);
  SmallVector<OpFoldResult> outputSizes = tensor::getMixedSizes(
      builder, loc, destination ? destination.getDest() : q);
  for (int64_t dim : {0, 1, 2})
    if (!resultType.isDynamicDim(dim))
      outputSizes[dim] = builder.getIndexAttr(sizes[dim]);
  Value batch = getValueOrCreateConstantIndexOp(builder, loc, outputSizes[0]);
  Value blocks =
      arith::CeilDivUIOp::create(builder, loc, queries, index(config.blockM));
  SmallVector<Value> outputs{makeEmpty(joined, outputSizes)};
  if (op.getLse())
    outputs.push_back(makeEmpty(shape.logarithms, outputSizes));
  auto launch = tile::LaunchOp::create(
      builder, loc, TypeRange(ValueRange(outputs)),
      FlatSymbolRefAttr::get(kernel), index(shape.q.heads), blocks, batch,
      inputs, outputs);
  setAttentionWork(launch, outputSizes);
  setGroup(launch, op);
  SmallVector<ReassociationIndices> groups = {{0}, {1}, {2, 3}};
  Value result = tensor::ExpandShapeOp::create(
      builder, loc, resultType, launch.getResult(0), groups, outputSizes);
  target.replaceAllUsesWith(result);
  if (op.getLse())
    op.getLse().replaceAllUsesWith(launch.getResult(1));
  if (destination)
    destination.erase();
  op.erase();
  ++launches.numLaunches;
  return success();
}

LogicalResult transmamba::convertAttention(AttentionOp op, Launches &launches) {
  if (!matchesAttention(op))
    return success();
  return AttentionLauncher(op, launches).launch();
}
