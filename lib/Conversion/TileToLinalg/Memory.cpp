//===- Memory.cpp - Tiles, fragments and tensors --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace transmamba::tile {

//===----------------------------------------------------------------------===//
// What must not happen
//===----------------------------------------------------------------------===//

/// What nobody may read: NaN, or the lowest integer.
Value KernelEmitter::getPoison(Type element) {
  TypedAttr value;
  if (auto type = dyn_cast<FloatType>(element))
    value =
        builder.getFloatAttr(type, APFloat::getNaN(type.getFloatSemantics()));
  else
    value = builder.getIntegerAttr(
        element, APInt::getSignedMinValue(element.getIntOrFloatBitWidth()));
  return arith::ConstantOp::create(builder, loc, value);
}

void KernelEmitter::emitFaultIf(Value condition, TileFault fault) {
  Type i32 = builder.getI32Type();
  Value bit = arith::ConstantIntOp::create(builder, loc, i32, int64_t(fault));
  Value none = arith::ConstantIntOp::create(builder, loc, i32, 0);
  Value known = load(faults, {});
  store(either(known, select(condition, bit, none)), faults, {});
}

/// The tile is about to be written, or given back.
void KernelEmitter::emitInUseCheck(Value tile, Role &role) {
  if (!role.readers)
    return;
  Value multiplied =
      less(getCounter(role, Role::Ended), load(role.readers, tile));
  Value stored = differs(load(role.stores, tile), constant(0));
  emitFaultIf(either(multiplied, stored), TileFault::TileInUse);
}

/// The tile is about to be read by other threads than wrote it.
void KernelEmitter::emitBarrierCheck(Value tile, Role &role) {
  if (role.writes)
    emitFaultIf(differs(load(role.writes, tile), constant(0)),
                TileFault::ReadBeforeBarrier);
}

/// The tile is about to be read or written.
void KernelEmitter::emitHeldCheck(ValueRange tile, Role &role) {
  if (role.holders)
    emitFaultIf(differs(load(role.holders, tile[1]), tile[2]),
                TileFault::TileReleased);
}

//===----------------------------------------------------------------------===//
// Boxes of tensors
//===----------------------------------------------------------------------===//

KernelEmitter::Box KernelEmitter::emitBox(Value tensor, ValueRange start,
                                          int64_t rows, int64_t columns) {
  Box box;
  box.start.assign(start.begin(), start.end());
  Value none = constant(0);
  auto getSize = [&](int64_t dim) {
    return builder.createOrFold<memref::DimOp>(loc, tensor, dim);
  };
  int64_t rank = start.size();
  auto clip = [&](int64_t dim, int64_t size, Value &first, Value &end) {
    first = max(none, sub(none, start[dim]));
    end = min(constant(size), sub(getSize(dim), start[dim]));
  };
  clip(rank - 2, rows, box.firstRow, box.endRow);
  clip(rank - 1, columns, box.firstColumn, box.endColumn);
  for (int64_t dim = 0; dim < rank - 2; ++dim) {
    // As unsigned numbers, negative ones are large.
    Value inside = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::ult, start[dim], getSize(dim));
    box.endRow = select(inside, box.endRow, none);
  }
  return box;
}

KernelEmitter::Box KernelEmitter::getWholeTile(SharedType type) {
  Value none = constant(0);
  return {{none, none},
          none,
          constant(type.getRows()),
          none,
          constant(type.getColumns())};
}

void KernelEmitter::emitLoops(
    const Box &box, function_ref<void(Value, Value, ValueRange)> body) {
  OpBuilder::InsertionGuard guard(builder);
  Value one = constant(1);
  auto rows = scf::ForOp::create(builder, loc, box.firstRow, box.endRow, one);
  builder.setInsertionPointToStart(rows.getBody());
  auto columns =
      scf::ForOp::create(builder, loc, box.firstColumn, box.endColumn, one);
  builder.setInsertionPointToStart(columns.getBody());
  Value row = rows.getInductionVar(), column = columns.getInductionVar();
  SmallVector<Value> indices(box.start);
  size_t rank = indices.size();
  indices[rank - 2] = add(indices[rank - 2], row);
  indices[rank - 1] = add(indices[rank - 1], column);
  body(row, column, indices);
}

/// A tensor that `fill` writes as a buffer of its own: an operation on tensors
/// that reads other memory could be moved behind a later write to that.
Value KernelEmitter::emitTensor(RankedTensorType type, Value initial,
                                function_ref<void(Value)> fill) {
  auto memory = MemRefType::get(type.getShape(), type.getElementType());
  Value copy = memref::AllocOp::create(builder, loc, memory);
  linalg::FillOp::create(builder, loc, initial, copy);
  fill(copy);
  return bufferization::ToTensorOp::create(builder, loc, type, copy,
                                           /*restrict=*/true,
                                           /*writable=*/true);
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

void KernelEmitter::emitAlloc(AllocOp op, Role &role) {
  SharedType type = op.getType();
  SmallVector<Type> types;
  (void)convertType(type, types);
  Value memory = memref::AllocOp::create(
      builder, loc, MemRefType::get(type.getShape(), type.getElementType()));
  linalg::FillOp::create(builder, loc, getPoison(type.getElementType()),
                         memory);
  Value tile = memref::CastOp::create(builder, loc, types[0], memory);
  role.map(op, {tile, constant(allocs.at(op)), constant(0)});
}

void KernelEmitter::emitSlice(RowSliceOp op, Role &role) {
  SharedType source = op.getSource().getType(), type = op.getType();
  SmallVector<Type> types;
  (void)convertType(type, types);
  Value offset = role.get(op.getOffset());
  Value last = constant(source.getRows() - type.getRows());
  Value clamped = max(constant(0), min(offset, last));
  Value rest = arith::RemUIOp::create(builder, loc, clamped, constant(8));
  emitFaultIf(either(differs(offset, clamped), differs(rest, constant(0))),
              TileFault::SliceOutside);
  SmallVector<OpFoldResult> offsets{clamped, builder.getIndexAttr(0)};
  SmallVector<OpFoldResult> sizes{builder.getIndexAttr(type.getRows()),
                                  builder.getIndexAttr(type.getColumns())};
  SmallVector<OpFoldResult> strides(2, builder.getIndexAttr(1));
  SmallVector<Value, 2> values = role.lookup(op.getSource());
  Value slice =
      memref::SubViewOp::create(builder, loc, cast<MemRefType>(types[0]),
                                values[0], offsets, sizes, strides);
  role.map(op, {slice, values[1], values[2]});
}

void KernelEmitter::emitClearRows(ClearRowsOp op, Role &role) {
  SmallVector<Value, 2> tile = role.lookup(op.getTile());
  SharedType type = op.getTile().getType();
  emitHeldCheck(tile, role);
  emitInUseCheck(tile[1], role);
  Box box = getWholeTile(type);
  box.firstRow = max(constant(0), role.get(op.getFirst()));
  Value nothing = zero(type.getElementType());
  emitLoops(box, [&](Value row, Value column, ValueRange at) {
    store(nothing, tile[0], at);
  });
}

void KernelEmitter::emitRotate(RotateOp op, Role &role) {
  SmallVector<Value, 2> tile = role.lookup(op.getTile());
  FragmentType type = op.getCos().getType();
  Type element = op.getTile().getType().getElementType();
  emitHeldCheck(tile, role);
  emitBarrierCheck(tile[1], role);
  emitInUseCheck(tile[1], role);
  Value none = constant(0), two = constant(2);
  Box pairs{{none, none},
            none,
            constant(type.getRows()),
            none,
            constant(type.getColumns())};
  emitLoops(pairs, [&](Value row, Value pair, ValueRange at) {
    Value first = pair, second = add(pair, constant(type.getColumns()));
    if (op.getInterleaved()) {
      first = arith::MulIOp::create(builder, loc, pair, two);
      second = add(first, constant(1));
    }
    auto getNumber = [&](Value fragment) -> Value {
      return tensor::ExtractOp::create(builder, loc, role.get(fragment), at);
    };
    auto multiply = [&](Value u, Value v) -> Value {
      return arith::MulFOp::create(builder, loc, u, v);
    };
    Type f32 = builder.getF32Type();
    Value x = convertFloat(load(tile[0], {row, first}), f32),
          y = convertFloat(load(tile[0], {row, second}), f32),
          cos = getNumber(op.getCos()), sin = getNumber(op.getSin());
    Value u =
        arith::SubFOp::create(builder, loc, multiply(x, cos), multiply(y, sin));
    Value v =
        arith::AddFOp::create(builder, loc, multiply(y, cos), multiply(x, sin));
    store(convertFloat(u, element), tile[0], {row, first});
    store(convertFloat(v, element), tile[0], {row, second});
  });
}

/// A tile, or its transpose, as a tensor. It may have more rows, which hold
/// poison.
Value KernelEmitter::emitReadTile(Value tile, bool transpose, int64_t rows,
                                  Type element) {
  SmallVector<int64_t> shape(cast<MemRefType>(tile.getType()).getShape());
  if (transpose)
    std::swap(shape[0], shape[1]);
  Value none = constant(0);
  Box box{{none, none}, none, constant(shape[0]), none, constant(shape[1])};
  shape[0] = std::max(rows, shape[0]);
  auto type = RankedTensorType::get(shape, element);
  return emitTensor(type, getPoison(element), [&](Value copy) {
    emitLoops(box, [&](Value row, Value column, ValueRange) {
      SmallVector<Value> at{row, column};
      if (transpose)
        std::swap(at[0], at[1]);
      store(convertFloat(load(tile, at), element), copy, {row, column});
    });
  });
}

void KernelEmitter::emitLoadFragment(LoadFragmentOp op, Role &role) {
  SmallVector<Value, 2> tile = role.lookup(op.getTile());
  emitHeldCheck(tile, role);
  emitBarrierCheck(tile[1], role);
  role.map(op, emitReadTile(tile[0], op.getTranspose(), op.getType().getRows(),
                            op.getType().getElementType()));
}

void KernelEmitter::emitStoreFragment(StoreFragmentOp op, Role &role) {
  SmallVector<Value, 2> tile = role.lookup(op.getTile());
  Value fragment = role.get(op.getSource());
  SharedType type = op.getTile().getType();
  emitHeldCheck(tile, role);
  emitInUseCheck(tile[1], role);
  if (role.writes)
    store(constant(1), role.writes, tile[1]);
  emitLoops(getWholeTile(type), [&](Value row, Value column, ValueRange at) {
    Value number = tensor::ExtractOp::create(builder, loc, fragment, at);
    store(convertFloat(number, type.getElementType()), tile[0], at);
  });
}

void KernelEmitter::emitStore(StoreOp op, Role &role) {
  SmallVector<Value, 2> tile = role.lookup(op.getTile());
  Value destination = role.get(op.getDestination());
  SharedType type = op.getTile().getType();
  emitHeldCheck(tile, role);
  // It waits for the warpgroup's writes by itself.
  linalg::FillOp::create(builder, loc, constant(0), role.writes);
  store(constant(1), role.stores, tile[1]);
  Box box = emitBox(destination, role.flatten(op.getIndices()), type.getRows(),
                    type.getColumns());
  emitLoops(box, [&](Value row, Value column, ValueRange indices) {
    store(load(tile[0], {row, column}), destination, indices);
  });
}

//===----------------------------------------------------------------------===//
// Registers from and to tensors
//===----------------------------------------------------------------------===//

/// Rows are a box of one column, columns a box of one row.
static std::pair<int64_t, int64_t> getBoxSize(Type type) {
  if (auto vec = dyn_cast<VecType>(type))
    return {vec.getSize(), 1};
  if (auto rows = dyn_cast<RowsType>(type))
    return {rows.getSize(), 1};
  if (auto columns = dyn_cast<ColumnsType>(type))
    return {1, columns.getSize()};
  auto fragment = cast<FragmentType>(type);
  return {fragment.getRows(), fragment.getColumns()};
}

/// Where a value holds the number of a row and a column of its box.
static SmallVector<Value> getPlace(Type type, Value row, Value column) {
  if (isa<ColumnsType>(type))
    return {column};
  if (isa<RowsType, VecType>(type))
    return {row};
  return {row, column};
}

void KernelEmitter::emitRead(ReadOp op, Role &role) {
  Value source = role.get(op.getSource());
  auto [rowCount, columnCount] = getBoxSize(op.getType());
  Box box =
      emitBox(source, role.flatten(op.getIndices()), rowCount, columnCount);
  SmallVector<Type> types;
  (void)convertType(op.getType(), types);
  auto type = cast<RankedTensorType>(types[0]);
  Type element = type.getElementType();
  Value tensor = emitTensor(type, zero(element), [&](Value copy) {
    emitLoops(box, [&](Value row, Value column, ValueRange indices) {
      store(convertFloat(load(source, indices), element), copy,
            getPlace(op.getType(), row, column));
    });
  });
  role.map(op, tensor);
}

void KernelEmitter::emitWrite(WriteOp op, Role &role) {
  Value value = role.get(op.getValue());
  Type type = op.getValue().getType();
  Value destination = role.get(op.getDestination());
  auto [rowCount, columnCount] = getBoxSize(type);
  Box box = emitBox(destination, role.flatten(op.getIndices()), rowCount,
                    columnCount);
  Type element = cast<MemRefType>(destination.getType()).getElementType();
  emitLoops(box, [&](Value row, Value column, ValueRange indices) {
    Value number = tensor::ExtractOp::create(builder, loc, value,
                                             getPlace(type, row, column));
    store(convertFloat(number, element), destination, indices);
  });
}

} // namespace transmamba::tile
