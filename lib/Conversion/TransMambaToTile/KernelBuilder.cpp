//===- KernelBuilder.cpp - The vocabulary of the kernels ------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace transmamba;

KernelBuilder::KernelBuilder(OpBuilder &outer, Location loc, StringRef name,
                             TypeRange arguments)
    : builder(outer), loc(loc) {
  kernel = create<tile::KernelOp>(name, builder.getFunctionType(arguments, {}),
                                  /*arg_attrs=*/nullptr, /*res_attrs=*/nullptr);
  Block &entry = kernel.getBody().emplaceBlock();
  entry.addArguments(arguments, SmallVector<Location>(arguments.size(), loc));
  builder.setInsertionPointToEnd(&entry);
  builder.setInsertionPoint(create<tile::EndOp>());
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

Value KernelBuilder::constant(TypedAttr value) {
  Value &known = constants[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(builder);
    Value last =
        constants.size() < 2 ? Value() : std::prev(constants.end(), 2)->second;
    if (last)
      builder.setInsertionPointAfterValue(last);
    else
      builder.setInsertionPointToStart(&kernel.getBody().front());
    known = create<arith::ConstantOp>(value);
  }
  return known;
}

Value KernelBuilder::index(int64_t value) {
  return constant(builder.getIndexAttr(value));
}

Value KernelBuilder::number(double value) {
  return constant(builder.getF32FloatAttr(value));
}

Value KernelBuilder::blockId(tile::Dimension dimension) {
  return create<tile::BlockIdOp>(
      tile::DimensionAttr::get(getContext(), dimension));
}

Value KernelBuilder::gridDim(tile::Dimension dimension) {
  return create<tile::GridDimOp>(
      tile::DimensionAttr::get(getContext(), dimension));
}

Value KernelBuilder::dim(Value tensor, int64_t dimension) {
  return create<memref::DimOp>(tensor, index(dimension));
}

Value KernelBuilder::loadLength(unsigned number, Value batch) {
  Value length = create<memref::LoadOp>(argument(number), batch);
  return create<arith::IndexCastOp>(builder.getIndexType(), length);
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

void KernelBuilder::producer(int64_t registers, function_ref<void()> body) {
  OpBuilder::InsertionGuard guard(builder);
  auto op = create<tile::ProducerOp>(static_cast<uint32_t>(registers));
  Block &block = op.getBody().emplaceBlock();
  builder.setInsertionPointToEnd(&block);
  builder.setInsertionPoint(create<tile::EndOp>());
  body();
}

void KernelBuilder::consumers(int64_t count, int64_t registers,
                              function_ref<void(Value)> body) {
  OpBuilder::InsertionGuard guard(builder);
  auto op = create<tile::ConsumersOp>(static_cast<uint32_t>(count),
                                      static_cast<uint32_t>(registers));
  Block &block = op.getBody().emplaceBlock();
  block.addArgument(builder.getIndexType(), loc);
  builder.setInsertionPointToEnd(&block);
  builder.setInsertionPoint(create<tile::EndOp>());
  body(op.getWarpgroup());
}

SmallVector<Value>
KernelBuilder::loop(Value lower, Value upper, Value step, ValueRange inits,
                    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  OpBuilder::InsertionGuard guard(builder);
  auto op = create<scf::ForOp>(lower, upper, step, inits);
  builder.setInsertionPointToStart(op.getBody());
  SmallVector<Value> results =
      body(op.getInductionVar(), op.getRegionIterArgs());
  // A loop that carries nothing has its terminator already.
  if (!inits.empty())
    create<scf::YieldOp>(results);
  return SmallVector<Value>(op.getResults());
}

void KernelBuilder::loop(Value lower, Value upper, Value step,
                         function_ref<void(Value)> body) {
  loop(lower, upper, step, {}, [&](Value iteration, ValueRange) {
    body(iteration);
    return SmallVector<Value>();
  });
}

void KernelBuilder::ifLess(Value a, Value b, function_ref<void()> body) {
  OpBuilder::InsertionGuard guard(builder);
  Value less = create<arith::CmpIOp>(arith::CmpIPredicate::ult, a, b);
  auto op = create<scf::IfOp>(less, /*withElse=*/false);
  builder.setInsertionPointToStart(op.thenBlock());
  body();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Value KernelBuilder::ring(int64_t rows, int64_t columns, Type element,
                          int64_t stages) {
  return create<tile::RingOp>(Type(
      tile::RingType::get(getContext(), {rows, columns}, element, stages)));
}

void KernelBuilder::load(Value source, ValueRange indices, Value ring) {
  create<tile::LoadOp>(source, indices, ring, tile::CacheAttr());
}

Value KernelBuilder::rowSlice(Value tile, Value offset, int64_t rows) {
  auto type = cast<tile::SharedType>(tile.getType());
  if (type.getRows() == rows)
    return tile;
  return create<tile::RowSliceOp>(
      Type(tile::SharedType::get(getContext(), {rows, type.getColumns()},
                                 type.getElementType())),
      tile, offset);
}

static std::pair<int64_t, int64_t> getSizes(Type type) {
  if (auto tile = dyn_cast<tile::SharedType>(type))
    return {tile.getRows(), tile.getColumns()};
  auto fragment = cast<tile::FragmentType>(type);
  return {fragment.getRows(), fragment.getColumns()};
}

Value KernelBuilder::mma(Value a, Value b, bool transposeB, Value acc) {
  auto [rows, inner] = getSizes(a.getType());
  auto [first, second] = getSizes(b.getType());
  Type type = tile::PendingType::get(
      getContext(), {rows, transposeB ? first : second}, builder.getF32Type());
  return create<tile::MmaOp>(type, a, b, acc, transposeB);
}

SmallVector<Value> KernelBuilder::sumProducts(
    Value steps, function_ref<SmallVector<Value>(ValueRange)> multiply,
    function_ref<void()> release, function_ref<void()> afterFirst) {
  SmallVector<Value> pending = multiply({});
  afterFirst();
  Value one = index(1);
  pending = loop(one, steps, one, pending,
                 [&](Value, ValueRange carried) -> SmallVector<Value> {
                   SmallVector<Value> next = multiply(carried);
                   // The products before have read their tiles.
                   create<tile::DrainOp>(static_cast<uint32_t>(next.size()));
                   release();
                   return next;
                 });
  SmallVector<Value> sums;
  for (Value sum : pending)
    sums.push_back(create<tile::AwaitOp>(sum, Value()));
  release();
  return sums;
}

Value KernelBuilder::map(ValueRange inputs, Type type,
                         function_ref<Value(ValueRange, Value, Value)> body) {
  OpBuilder::InsertionGuard guard(builder);
  auto op = create<tile::MapOp>(type, inputs);
  Block &block = op.getBody().emplaceBlock();
  for (Type input : inputs.getTypes()) {
    // All but operands hold f32.
    auto fragment = dyn_cast<tile::FragmentType>(input);
    block.addArgument(
        fragment ? fragment.getElementType() : builder.getF32Type(), loc);
  }
  block.addArguments({builder.getIndexType(), builder.getIndexType()},
                     {loc, loc});
  builder.setInsertionPointToEnd(&block);
  Value element =
      body(block.getArguments().drop_back(2), op.getRow(), op.getColumn());
  create<tile::YieldOp>(element);
  return op;
}
