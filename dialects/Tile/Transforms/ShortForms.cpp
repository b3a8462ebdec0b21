//===- ShortForms.cpp - Short forms as what they stand for ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Tile/Transforms/ShortForms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;
using namespace transmamba::tile;

using MapBody = function_ref<Value(OpBuilder &, ValueRange elements, Value row,
                                   Value column)>;

static MapOp createMap(OpBuilder &builder, Location loc, Type type,
                       ValueRange inputs, MapBody body) {
  auto map = MapOp::create(builder, loc, type, inputs);
  Block &block = map.getBody().emplaceBlock();
  for (Value input : inputs)
    block.addArgument(getNumberType(input.getType()), loc);
  block.addArguments({builder.getIndexType(), builder.getIndexType()},
                     {loc, loc});
  OpBuilder inside = OpBuilder::atBlockEnd(&block);
  Value element = body(inside, block.getArguments().drop_back(2), map.getRow(),
                       map.getColumn());
  YieldOp::create(inside, loc, element);
  return map;
}

// tile.skip %n of %rings -> a loop
static void expand(SkipOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0),
        one = arith::ConstantIndexOp::create(builder, loc, 1);
  auto loop = scf::ForOp::create(builder, loc, zero, op.getCount(), one);
  builder.setInsertionPointToStart(loop.getBody());
  for (Value ring : op.getRings()) {
    ConsumerWaitOp::create(builder, loc, ring);
    ConsumerReleaseOp::create(builder, loc, ring);
  }
  TurnWaitOp::create(builder, loc);
  TurnPassOp::create(builder, loc);
  op.erase();
}

// tile.exp2 %x minus %top times %f -> 2^(f x - f top)
static void expand(Exp2Op op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Value factor = op.getFactor();
  bool isOfRows = isa<RowsType>(op.getType());
  auto body = [&](OpBuilder &b, ValueRange x, Value, Value) -> Value {
    Value exponent;
    if (isOfRows) {
      exponent = arith::MulFOp::create(
          b, loc, arith::SubFOp::create(b, loc, x[0], x[1]), factor);
    } else {
      // One operation for each element of a fragment.
      Value low = arith::NegFOp::create(
          b, loc, arith::MulFOp::create(b, loc, x[1], factor));
      exponent = math::FmaOp::create(b, loc, x[0], factor, low);
    }
    return math::Exp2Op::create(b, loc, exponent);
  };
  op.replaceAllUsesWith(
      createMap(builder, loc, op.getType(), {op.getSource(), op.getTop()}, body)
          .getResult());
  op.erase();
}

/// -inf where `op` says that a query does not see a key.
static Value createMask(OpBuilder &builder, MaskOp op) {
  Location loc = op.getLoc();
  auto compare = [&](OpBuilder &b, arith::CmpIPredicate predicate, Value x,
                     Value y) -> Value {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  };
  Value nothing = arith::ConstantOp::create(
      builder, loc,
      builder.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  // As a distance from the first query. Added to the column, which is the same
  // in all loops, it keeps LLVM from holding all columns in registers.
  Value bound =
      op.getQueries()
          ? arith::SubIOp::create(builder, loc, op.getKeys(), op.getQueries())
          : arith::SubIOp::create(builder, loc, op.getEnd(), op.getKeys());
  Value window;
  if (IntegerAttr size = op.getWindowAttr())
    window = arith::ConstantIndexOp::create(builder, loc, size.getInt());
  auto body = [&](OpBuilder &b, ValueRange x, Value row,
                  Value column) -> Value {
    Value seen;
    if (op.getEnd()) {
      seen = compare(b, arith::CmpIPredicate::slt, column, bound);
    } else {
      Value place = arith::AddIOp::create(b, loc, column, bound);
      seen = compare(b, arith::CmpIPredicate::sle, place, row);
      if (window)
        seen = arith::AndIOp::create(
            b, loc, seen,
            compare(b, arith::CmpIPredicate::slt, row,
                    arith::AddIOp::create(b, loc, place, window)));
    }
    return arith::SelectOp::create(b, loc, seen, x[0], nothing);
  };
  return createMap(builder, loc, op.getType(), op.getSource(), body);
}

// tile.mask %s ... if %c -> scf.if %c { a map } else { %s }
static void expand(MaskOp op) {
  OpBuilder builder(op);
  Value masked;
  if (!op.getCondition()) {
    masked = createMask(builder, op);
  } else {
    auto condition = scf::IfOp::create(
        builder, op.getLoc(), op.getCondition(),
        [&](OpBuilder &then, Location loc) {
          scf::YieldOp::create(then, loc, createMask(then, op));
        },
        [&](OpBuilder &otherwise, Location loc) {
          scf::YieldOp::create(otherwise, loc, op.getSource());
        });
    masked = condition.getResult(0);
  }
  op.replaceAllUsesWith(masked);
  op.erase();
}

// tile.clear_rows ... if %c -> scf.if %c { tile.clear_rows ... }
static void expand(ClearRowsOp op) {
  if (!op.getCondition())
    return;
  OpBuilder builder(op);
  auto condition = scf::IfOp::create(builder, op.getLoc(), op.getCondition(),
                                     /*withElseRegion=*/false);
  builder.setInsertionPointToStart(condition.thenBlock());
  ClearRowsOp::create(builder, op.getLoc(), op.getTile(), op.getFirst());
  op.erase();
}

// tile.row_reduce max %s onto %m -> a reduction, and a map with %m
static void expand(RowReduceOp op) {
  if (!op.getBefore())
    return;
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Value own = RowReduceOp::create(builder, loc, op.getType(), op.getKind(),
                                  op.getSource());
  auto body = [&](OpBuilder &b, ValueRange x, Value, Value) -> Value {
    if (op.getKind() == Reduction::Max)
      return arith::MaxNumFOp::create(b, loc, x[0], x[1]);
    return arith::AddFOp::create(b, loc, x[0], x[1]);
  };
  op.replaceAllUsesWith(
      createMap(builder, loc, op.getType(), {op.getBefore(), own}, body)
          .getResult());
  op.erase();
}

// ceildivui %x, c -> (x + c - 1) / c; nothing that kernels count is near 2^32
static void expand(arith::CeilDivUIOp op) {
  IntegerAttr divisor;
  if (!op.getType().isIndex() ||
      !matchPattern(op.getRhs(), m_Constant(&divisor)))
    return;
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Value rest =
      arith::ConstantIndexOp::create(builder, loc, divisor.getInt() - 1);
  Value sum = arith::AddIOp::create(builder, loc, op.getLhs(), rest);
  op.replaceAllUsesWith(
      arith::DivUIOp::create(builder, loc, sum, op.getRhs()).getResult());
  op.erase();
}

void transmamba::tile::expandShortForms(KernelOp kernel) {
  splitLoops(kernel);
  kernel.walk([](Operation *op) {
    llvm::TypeSwitch<Operation *>(op)
        .Case<SkipOp, Exp2Op, MaskOp, ClearRowsOp, RowReduceOp,
              arith::CeilDivUIOp>([](auto op) { expand(op); });
  });
}
