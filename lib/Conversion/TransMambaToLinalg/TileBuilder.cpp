//===- TileBuilder.cpp - Workgroups on static tiles -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TileBuilder.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace transmamba;

ArrayRef<int64_t> transmamba::shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

Type transmamba::elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

int64_t transmamba::chooseDivisor(int64_t size, int64_t bound) {
  if (size <= bound)
    return size;
  for (int64_t divisor = bound; 4 * divisor >= bound; --divisor)
    if (size % divisor == 0)
      return divisor;
  return size;
}

//===----------------------------------------------------------------------===//
// Index arithmetic
//===----------------------------------------------------------------------===//

Index TileBuilder::constant(int64_t value) {
  return builder.getIndexAttr(value);
}

Value TileBuilder::value(Index index) {
  return getValueOrCreateConstantIndexOp(builder, loc, index);
}

Index TileBuilder::add(Index a, Index b) {
  std::optional<int64_t> x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y)
    return constant(*x + *y);
  if (x && *x == 0)
    return b;
  if (y && *y == 0)
    return a;
  return arith::AddIOp::create(builder, loc, value(a), value(b)).getResult();
}

Index TileBuilder::sub(Index a, Index b) {
  std::optional<int64_t> x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y)
    return constant(*x - *y);
  if (y && *y == 0)
    return a;
  if (a == b)
    return constant(0);
  return arith::SubIOp::create(builder, loc, value(a), value(b)).getResult();
}

Index TileBuilder::mul(Index a, int64_t b) {
  if (std::optional<int64_t> x = getConstantIntValue(a))
    return constant(*x * b);
  if (b == 1)
    return a;
  return arith::MulIOp::create(builder, loc, value(a), value(constant(b)))
      .getResult();
}

Index TileBuilder::floorDiv(Index a, int64_t b) {
  if (std::optional<int64_t> x = getConstantIntValue(a))
    return constant(*x / b);
  if (b == 1)
    return a;
  return arith::DivUIOp::create(builder, loc, value(a), value(constant(b)))
      .getResult();
}

Index TileBuilder::ceilDiv(Index a, int64_t b) {
  return floorDiv(add(a, constant(b - 1)), b);
}

Index TileBuilder::min(Index a, Index b) {
  std::optional<int64_t> x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y)
    return constant(std::min(*x, *y));
  if (a == b)
    return a;
  return arith::MinSIOp::create(builder, loc, value(a), value(b)).getResult();
}

Index TileBuilder::max(Index a, Index b) {
  std::optional<int64_t> x = getConstantIntValue(a), y = getConstantIntValue(b);
  if (x && y)
    return constant(std::max(*x, *y));
  if (a == b)
    return a;
  return arith::MaxSIOp::create(builder, loc, value(a), value(b)).getResult();
}

Index TileBuilder::clamp(Index value, Index upper) {
  return min(max(value, constant(0)), upper);
}

Index TileBuilder::blockStart(Index block, int64_t size, Index total) {
  std::optional<int64_t> known = getConstantIntValue(total);
  return known && *known <= size ? constant(0) : mul(block, size);
}

Value TileBuilder::less(Index a, Index b) {
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                               value(a), value(b));
}

SmallVector<Index> TileBuilder::dims(Value tensor) {
  // A result has the shape of its destination.
  while (auto result = dyn_cast<OpResult>(tensor)) {
    if (auto style = dyn_cast<DestinationStyleOpInterface>(result.getOwner()))
      tensor = style.getTiedOpOperand(result)->get();
    else if (auto insert = result.getDefiningOp<tensor::InsertSliceOp>())
      tensor = insert.getDest();
    else
      break;
  }
  auto slice = tensor.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice)
    return tensor::getMixedSizes(builder, loc, tensor);
  SmallVector<Index> sizes;
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
    if (!dropped.test(dim))
      sizes.push_back(size);
  return sizes;
}

Index TileBuilder::dim(Value tensor, int64_t dim) { return dims(tensor)[dim]; }

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value TileBuilder::floatOf(Type type, double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getFloatAttr(type, value));
}

Value TileBuilder::f32(double value) {
  return floatOf(builder.getF32Type(), value);
}

Value TileBuilder::extract(Value tensor, ArrayRef<Index> indices) {
  SmallVector<Value> values;
  for (Index index : indices)
    values.push_back(value(index));
  return tensor::ExtractOp::create(builder, loc, tensor, values);
}

Index TileBuilder::asIndex(Value integer) {
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                    integer)
      .getResult();
}

Index TileBuilder::perRow(Value tensor, Index row) {
  return asIndex(extract(tensor, row));
}

Value TileBuilder::widen(Value scalar) {
  return convert(scalar, scalar.getType().isF64() ? scalar.getType()
                                                  : builder.getF32Type());
}

Value TileBuilder::convert(Value scalar, Type type) {
  unsigned from = scalar.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (scalar.getType() == type)
    return scalar;
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, scalar);
  if (from > to)
    return arith::TruncFOp::create(builder, loc, type, scalar);
  // bf16 and f16: neither holds the other.
  return convert(convert(scalar, builder.getF32Type()), type);
}

Value TileBuilder::mulf(Value a, Value b) {
  return arith::MulFOp::create(builder, loc, a, b);
}
Value TileBuilder::addf(Value a, Value b) {
  return arith::AddFOp::create(builder, loc, a, b);
}
Value TileBuilder::subf(Value a, Value b) {
  return arith::SubFOp::create(builder, loc, a, b);
}
Value TileBuilder::divf(Value a, Value b) {
  return arith::DivFOp::create(builder, loc, a, b);
}
Value TileBuilder::exp(Value a) { return math::ExpOp::create(builder, loc, a); }
Value TileBuilder::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(builder, loc, condition, a, b);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Value TileBuilder::empty(ArrayRef<Index> sizes, Type type) {
  return tensor::EmptyOp::create(builder, loc, sizes, type);
}

Value TileBuilder::scratch(ArrayRef<int64_t> shape, Type type) {
  return bufferization::AllocTensorOp::create(
      builder, loc, RankedTensorType::get(shape, type),
      /*dynamicSizes=*/ValueRange());
}

Value TileBuilder::fill(Value tensor, double value) {
  return linalg::FillOp::create(builder, loc, floatOf(elementOf(tensor), value),
                                tensor)
      .getResult(0);
}

Value TileBuilder::zeros(ArrayRef<int64_t> shape, Type type) {
  return fill(scratch(shape, type), 0.0);
}

Value TileBuilder::slice(Value source, ArrayRef<Index> offsets,
                         ArrayRef<Index> sizes, ArrayRef<int64_t> keep) {
  SmallVector<int64_t> shape;
  for (int64_t dim : keep)
    shape.push_back(
        getConstantIntValue(sizes[dim]).value_or(ShapedType::kDynamic));
  SmallVector<Index> strides(sizes.size(), constant(1));
  return tensor::ExtractSliceOp::create(
      builder, loc, RankedTensorType::get(shape, elementOf(source)), source,
      offsets, sizes, strides);
}

Value TileBuilder::slice(Value source, ArrayRef<Index> offsets,
                         ArrayRef<Index> sizes) {
  return slice(source, offsets, sizes,
               llvm::to_vector(llvm::seq<int64_t>(0, sizes.size())));
}

Value TileBuilder::insert(Value tile, Value dest, ArrayRef<Index> offsets,
                          ArrayRef<Index> sizes) {
  SmallVector<Index> strides(sizes.size(), constant(1));
  return tensor::InsertSliceOp::create(builder, loc, tile, dest, offsets, sizes,
                                       strides);
}

Value TileBuilder::rows(Value source, Index from, Index count) {
  SmallVector<Index> sizes = dims(source);
  SmallVector<Index> offsets(sizes.size(), constant(0));
  offsets[0] = from;
  sizes[0] = count;
  return slice(source, offsets, sizes);
}

Value TileBuilder::insertRows(Value tile, Value dest, Index from) {
  SmallVector<Index> sizes = dims(tile);
  SmallVector<Index> offsets(sizes.size(), constant(0));
  offsets[0] = from;
  return insert(tile, dest, offsets, sizes);
}

Value TileBuilder::zeroRows(Value dest, Index from, Index to) {
  Index count = max(sub(to, from), constant(0));
  if (getConstantIntValue(count) == 0)
    return dest;
  return insertRows(fill(rows(dest, from, count), 0.0), dest, from);
}

Value TileBuilder::padRows(Value part, int64_t rows) {
  SmallVector<int64_t> shape(shapeOf(part));
  if (shape[0] == rows)
    return part;
  shape[0] = rows;
  return insertRows(part, zeros(shape, elementOf(part)), constant(0));
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

AffineMap TileBuilder::map(unsigned loops, ArrayRef<unsigned> dims) {
  SmallVector<AffineExpr> results;
  for (unsigned dim : dims)
    results.push_back(builder.getAffineDimExpr(dim));
  return AffineMap::get(loops, 0, results, builder.getContext());
}

Value TileBuilder::generic(ValueRange ins, Value out, ArrayRef<AffineMap> maps,
                           ArrayRef<utils::IteratorType> iterators, Body body) {
  return linalg::GenericOp::create(
             builder, loc, out.getType(), ins, out, maps, iterators,
             [&](OpBuilder &, Location, ValueRange args) {
               linalg::YieldOp::create(builder, loc, body(args));
             })
      .getResult(0);
}

Value TileBuilder::pointwise(ValueRange ins, ArrayRef<AffineMap> maps,
                             Value out, Body body) {
  return update(ins, maps, out, [&](ValueRange args) {
    return convert(body(args.drop_back()), elementOf(out));
  });
}

Value TileBuilder::update(ValueRange ins, ArrayRef<AffineMap> maps, Value out,
                          Body body) {
  unsigned rank = shapeOf(out).size();
  SmallVector<AffineMap> all(maps);
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  all.resize(ins.size() + 1, identity);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return generic(ins, out, all, iterators, body);
}

Value TileBuilder::reduceLast(ValueRange ins, ArrayRef<AffineMap> maps,
                              Value out, Body body) {
  unsigned rank = shapeOf(out).size();
  SmallVector<AffineMap> all(maps);
  all.push_back(map(rank + 1, llvm::to_vector(llvm::seq<unsigned>(0, rank))));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  return generic(ins, out, all, iterators, body);
}

Value TileBuilder::contract(Value lhs, ArrayRef<unsigned> lhsDims, Value rhs,
                            ArrayRef<unsigned> rhsDims, Value acc) {
  unsigned loops = shapeOf(acc).size() + 1;
  Type type = elementOf(acc);
  return reduceLast({lhs, rhs}, {map(loops, lhsDims), map(loops, rhsDims)}, acc,
                    [&](ValueRange args) {
                      return addf(args[2], mulf(convert(args[0], type),
                                                convert(args[1], type)));
                    });
}

Value TileBuilder::loopIndex(int64_t dim) {
  return linalg::IndexOp::create(builder, loc, dim);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

ResultRange TileBuilder::forall(
    StringRef name, ArrayRef<Index> grid, const Work &work, ValueRange outputs,
    function_ref<SmallVector<TileStore>(ValueRange, ValueRange)> body) {
  WorkBuilder host(builder, loc);
  Value flop = work.flop ? host.toValue(work.flop) : Value();
  Value bytes = work.bytes ? host.toValue(work.bytes) : Value();
  auto forall = scf::ForallOp::create(
      builder, loc, grid, outputs, /*mapping=*/std::nullopt,
      [&](OpBuilder &, Location, ValueRange args) {
        if (flop || bytes)
          WorkOp::create(builder, loc, flop, bytes);
        SmallVector<TileStore> stores =
            body(args.take_front(grid.size()), args.drop_front(grid.size()));
        auto parallel = scf::InParallelOp::create(builder, loc);
        builder.setInsertionPointToStart(parallel.getBody());
        for (const TileStore &store : stores) {
          SmallVector<Index> strides(store.sizes.size(), constant(1));
          tensor::ParallelInsertSliceOp::create(builder, loc, store.tile,
                                                store.output, store.offsets,
                                                store.sizes, strides);
        }
      });
  forall->setAttr(TransMambaDialect::kKernelNameAttr,
                  builder.getStringAttr(name));
  return forall.getResults();
}

ValueRange
TileBuilder::loop(Index from, Index to, int64_t step, ValueRange inits,
                  function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(
      builder, loc, value(from), value(to), value(constant(step)), inits,
      [&](OpBuilder &, Location, Value iv, ValueRange args) {
        scf::YieldOp::create(builder, loc, body(iv, args));
      });
  return loop.getResults();
}
