//===- Values.cpp - What a value of a kernel becomes ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace transmamba::tile {

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Threads that share a row, and hold a partial sum each.
static constexpr int64_t kThreadsOfRow = 4;

LogicalResult convertType(Type type, SmallVectorImpl<Type> &types) {
  Type index = IndexType::get(type.getContext());
  return TypeSwitch<Type, LogicalResult>(type)
      .Case([&](FragmentType fragment) {
        types.push_back(RankedTensorType::get(fragment.getShape(),
                                              fragment.getElementType()));
        return success();
      })
      .Case([&](PendingType pending) {
        types.push_back(RankedTensorType::get(pending.getShape(),
                                              pending.getElementType()));
        types.push_back(index);
        return success();
      })
      .Case([&](RowsType rows) {
        SmallVector<int64_t> shape{rows.getSize()};
        if (rows.getPartial())
          shape.push_back(kThreadsOfRow);
        types.push_back(RankedTensorType::get(shape, rows.getElementType()));
        return success();
      })
      .Case([&](ColumnsType columns) {
        types.push_back(RankedTensorType::get({columns.getSize()},
                                              columns.getElementType()));
        return success();
      })
      .Case([&](VecType vec) {
        types.push_back(
            RankedTensorType::get({vec.getSize()}, vec.getElementType()));
        return success();
      })
      .Case([&](SharedType tile) {
        auto layout = StridedLayoutAttr::get(
            type.getContext(), ShapedType::kDynamic, {tile.getColumns(), 1});
        types.push_back(
            MemRefType::get(tile.getShape(), tile.getElementType(), layout));
        types.append(2, index);
        return success();
      })
      .Case([&](RingType) { return failure(); })
      .Default([&](Type other) {
        types.push_back(other);
        return success();
      });
}

SmallVector<Value, 2> Role::lookup(Value value) const {
  for (const Role *role = this; role; role = role->around) {
    auto entry = role->values.find(value);
    if (entry != role->values.end())
      return entry->second;
  }
  return {};
}

SmallVector<Value> Role::flatten(ValueRange range) const {
  SmallVector<Value> flat;
  for (Value value : range)
    llvm::append_range(flat, lookup(value));
  return flat;
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value KernelEmitter::constant(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}
Value KernelEmitter::zero(Type element) {
  return arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
}
Value KernelEmitter::add(Value x, Value y) {
  return builder.createOrFold<arith::AddIOp>(loc, x, y);
}
Value KernelEmitter::sub(Value x, Value y) {
  return builder.createOrFold<arith::SubIOp>(loc, x, y);
}
Value KernelEmitter::min(Value x, Value y) {
  return builder.createOrFold<arith::MinSIOp>(loc, x, y);
}
Value KernelEmitter::max(Value x, Value y) {
  return builder.createOrFold<arith::MaxSIOp>(loc, x, y);
}
Value KernelEmitter::both(Value x, Value y) {
  return builder.createOrFold<arith::AndIOp>(loc, x, y);
}
Value KernelEmitter::either(Value x, Value y) {
  return builder.createOrFold<arith::OrIOp>(loc, x, y);
}
Value KernelEmitter::less(Value x, Value y) {
  return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, x,
                                             y);
}
Value KernelEmitter::differs(Value x, Value y) {
  return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, x,
                                             y);
}
Value KernelEmitter::select(Value condition, Value x, Value y) {
  return builder.createOrFold<arith::SelectOp>(loc, condition, x, y);
}

/// Rounds to nearest even where `type` is narrower.
Value KernelEmitter::convertFloat(Value x, Type type) {
  unsigned from = x.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (x.getType() == type)
    return x;
  if (from == to)
    return convertFloat(convertFloat(x, builder.getF32Type()), type);
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, x);
  return arith::TruncFOp::create(builder, loc, type, x);
}

Value KernelEmitter::load(Value memory, ValueRange indices) {
  return memref::LoadOp::create(builder, loc, memory, indices);
}
void KernelEmitter::store(Value value, Value memory, ValueRange indices) {
  memref::StoreOp::create(builder, loc, value, memory, indices);
}
Value KernelEmitter::getCounter(Role &role, Role::Counter counter) {
  return load(role.counters, constant(counter));
}
void KernelEmitter::setCounter(Role &role, Role::Counter counter, Value value) {
  store(value, role.counters, constant(counter));
}

Value KernelEmitter::allocIndices(int64_t count) {
  Value memory = memref::AllocOp::create(
      builder, loc, MemRefType::get({count}, builder.getIndexType()));
  linalg::FillOp::create(builder, loc, constant(0), memory);
  return memory;
}

} // namespace transmamba::tile
