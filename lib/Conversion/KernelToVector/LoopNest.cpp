//===- LoopNest.cpp - A linalg op as a nest over flat buffers ---*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "LoopNest.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/AffineExpr.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// IndexBuilder
//===----------------------------------------------------------------------===//

Value IndexBuilder::value(OpFoldResult v) {
  return getValueOrCreateConstantIndexOp(builder, loc, v);
}

OpFoldResult IndexBuilder::add(OpFoldResult a, OpFoldResult b) {
  std::optional<int64_t> ca = getConstantIntValue(a),
                         cb = getConstantIntValue(b);
  if (ca && cb)
    return cst(*ca + *cb);
  if (ca == 0)
    return b;
  if (cb == 0)
    return a;
  return arith::AddIOp::create(builder, loc, value(a), value(b)).getResult();
}

OpFoldResult IndexBuilder::sub(OpFoldResult a, OpFoldResult b) {
  std::optional<int64_t> ca = getConstantIntValue(a),
                         cb = getConstantIntValue(b);
  if (ca && cb)
    return cst(*ca - *cb);
  if (cb == 0)
    return a;
  return arith::SubIOp::create(builder, loc, value(a), value(b)).getResult();
}

OpFoldResult IndexBuilder::mul(OpFoldResult a, OpFoldResult b) {
  std::optional<int64_t> ca = getConstantIntValue(a),
                         cb = getConstantIntValue(b);
  if (ca && cb)
    return cst(*ca * *cb);
  if (ca == 0 || cb == 0)
    return cst(0);
  if (ca == 1)
    return b;
  if (cb == 1)
    return a;
  return arith::MulIOp::create(builder, loc, value(a), value(b)).getResult();
}

OpFoldResult IndexBuilder::roundDown(OpFoldResult a, int64_t m) {
  if (m == 1)
    return a;
  if (std::optional<int64_t> ca = getConstantIntValue(a))
    return cst(*ca - *ca % m);
  Value rest = arith::RemUIOp::create(builder, loc, value(a), value(cst(m)));
  return arith::SubIOp::create(builder, loc, value(a), rest).getResult();
}

OpFoldResult IndexBuilder::min(OpFoldResult a, OpFoldResult b) {
  std::optional<int64_t> ca = getConstantIntValue(a),
                         cb = getConstantIntValue(b);
  if (ca && cb)
    return cst(std::min(*ca, *cb));
  return arith::MinSIOp::create(builder, loc, value(a), value(b)).getResult();
}

//===----------------------------------------------------------------------===//
// LoopNest
//===----------------------------------------------------------------------===//

namespace {
/// A linear index expression: sum of coefficient times dimension, plus a
/// constant.
struct LinearForm {
  SmallVector<int64_t> coefficients;
  int64_t constant = 0;
};
} // namespace

/// Adds `factor * expr` to `form`; false if `expr` is not linear.
static bool accumulate(AffineExpr expr, int64_t factor, LinearForm &form) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    form.coefficients[dim.getPosition()] += factor;
    return true;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    form.constant += factor * constant.getValue();
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (expr.getKind() == AffineExprKind::Add)
    return accumulate(binary.getLHS(), factor, form) &&
           accumulate(binary.getRHS(), factor, form);
  if (expr.getKind() == AffineExprKind::Mul) {
    if (auto rhs = dyn_cast<AffineConstantExpr>(binary.getRHS()))
      return accumulate(binary.getLHS(), factor * rhs.getValue(), form);
    if (auto lhs = dyn_cast<AffineConstantExpr>(binary.getLHS()))
      return accumulate(binary.getRHS(), factor * lhs.getValue(), form);
  }
  return false;
}

namespace {
/// Where the elements of a memref are: base buffer and strided layout.
struct Layout {
  Value base;
  OpFoldResult offset;
  SmallVector<OpFoldResult> sizes;
  SmallVector<OpFoldResult> strides;
};
} // namespace

/// The layout of `memref`. Looks through the views of a kernel, so that sizes
/// and strides that come from the same kernel argument are the same value.
static Layout getLayout(OpBuilder &builder, Location loc, Value memref) {
  IndexBuilder index(builder, loc);
  auto type = cast<MemRefType>(memref.getType());
  Layout layout;
  auto cast = memref.getDefiningOp<memref::ReinterpretCastOp>();
  auto subview = memref.getDefiningOp<memref::SubViewOp>();
  if (cast && isa<MemRefType>(cast.getSource().getType())) {
    layout.base = cast.getSource();
    if (cast.getSource().getType() !=
        MemRefType::get({}, type.getElementType(), MemRefLayoutAttrInterface(),
                        type.getMemorySpace()))
      layout.base = memref::ExtractStridedMetadataOp::create(builder, loc,
                                                             cast.getSource())
                        .getBaseBuffer();
    layout.offset = cast.getMixedOffsets().front();
    layout.sizes = cast.getMixedSizes();
    layout.strides = cast.getMixedStrides();
  } else if (subview) {
    Layout source = getLayout(builder, loc, subview.getSource());
    layout.base = source.base;
    layout.offset = source.offset;
    llvm::SmallBitVector dropped = subview.getDroppedDims();
    for (auto [dim, offset, size, stride] :
         llvm::enumerate(subview.getMixedOffsets(), subview.getMixedSizes(),
                         subview.getMixedStrides())) {
      layout.offset =
          index.add(layout.offset, index.mul(offset, source.strides[dim]));
      if (dropped.test(dim))
        continue;
      layout.sizes.push_back(size);
      layout.strides.push_back(index.mul(stride, source.strides[dim]));
    }
  } else {
    auto metadata =
        memref::ExtractStridedMetadataOp::create(builder, loc, memref);
    layout.base = metadata.getBaseBuffer();
    layout.offset = metadata.getConstifiedMixedOffset();
    layout.sizes = metadata.getConstifiedMixedSizes();
    layout.strides = metadata.getConstifiedMixedStrides();
  }
  // The type may know more than the operands of the view.
  auto [strides, offset] = type.getStridesAndOffset();
  if (ShapedType::isStatic(offset))
    layout.offset = index.cst(offset);
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim))
      layout.sizes[dim] = index.cst(type.getDimSize(dim));
    if (ShapedType::isStatic(strides[dim]))
      layout.strides[dim] = index.cst(strides[dim]);
  }
  return layout;
}

Value transmamba::flatten(OpBuilder &builder, Location loc, Value memref,
                          SmallVector<OpFoldResult> &sizes,
                          SmallVector<OpFoldResult> &strides) {
  IndexBuilder index(builder, loc);
  auto type = cast<MemRefType>(memref.getType());
  Layout layout = getLayout(builder, loc, memref);
  // From the first element to one past the last one, by the layout.
  OpFoldResult extent = index.cst(1);
  for (auto [size, stride] : llvm::zip(layout.sizes, layout.strides))
    extent =
        index.add(extent, index.mul(index.sub(size, index.cst(1)), stride));
  std::optional<int64_t> staticOffset = getConstantIntValue(layout.offset);
  std::optional<int64_t> staticExtent = getConstantIntValue(extent);
  if (staticExtent) {
    staticExtent = std::max<int64_t>(*staticExtent, 0);
    extent = index.cst(*staticExtent);
  }
  auto flatType = MemRefType::get(
      {staticExtent.value_or(ShapedType::kDynamic)}, type.getElementType(),
      StridedLayoutAttr::get(builder.getContext(),
                             staticOffset.value_or(ShapedType::kDynamic), {1}),
      type.getMemorySpace());
  sizes = layout.sizes;
  strides = layout.strides;
  return memref::ReinterpretCastOp::create(
      builder, loc, flatType, layout.base, layout.offset,
      ArrayRef<OpFoldResult>{extent}, ArrayRef<OpFoldResult>{index.cst(1)});
}

FailureOr<LoopNest> LoopNest::create(OpBuilder &builder, linalg::GenericOp op,
                                     std::string &reason) {
  Location loc = op.getLoc();
  IndexBuilder index(builder, loc);
  unsigned numLoops = op.getNumLoops();

  // Check everything before any IR is created.
  SmallVector<SmallVector<LinearForm>> forms;
  for (OpOperand &operand : op->getOpOperands()) {
    SmallVector<LinearForm> &results = forms.emplace_back();
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type) {
      if (isa<ShapedType>(operand.get().getType())) {
        reason = "an operand is neither a ranked memref nor a scalar";
        return failure();
      }
      continue;
    }
    if (!type.isStrided()) {
      reason = "an operand has a layout without strides";
      return failure();
    }
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
      LinearForm form;
      form.coefficients.assign(numLoops, 0);
      if (!accumulate(expr, 1, form)) {
        reason = "an indexing map is not linear";
        return failure();
      }
      results.push_back(std::move(form));
    }
  }

  LoopNest nest;
  nest.op = op;
  SmallVector<OpFoldResult> extents(numLoops);
  for (auto [number, operand] : llvm::enumerate(op->getOpOperands())) {
    FlatOperand &flat = nest.operands.emplace_back();
    flat.isRead = op.payloadUsesValueFromOperand(&operand);
    flat.isOutput = op.isDpsInit(&operand);
    flat.start = index.cst(0);
    flat.strides.assign(numLoops, index.cst(0));
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type) {
      flat.scalar = operand.get();
      flat.elementType = operand.get().getType();
      continue;
    }
    flat.elementType = type.getElementType();
    SmallVector<OpFoldResult> sizes, strides;
    flat.buffer = flatten(builder, loc, operand.get(), sizes, strides);
    for (auto [position, form] : llvm::enumerate(forms[number])) {
      flat.start = index.add(
          flat.start, index.mul(index.cst(form.constant), strides[position]));
      for (unsigned dim = 0; dim < numLoops; ++dim)
        flat.strides[dim] = index.add(
            flat.strides[dim],
            index.mul(index.cst(form.coefficients[dim]), strides[position]));
      // The first result that is a plain dimension gives the trip count; a
      // static one is better than a dynamic one.
      auto dimExpr = dyn_cast<AffineDimExpr>(
          op.getMatchingIndexingMap(&operand).getResult(position));
      if (!dimExpr)
        continue;
      OpFoldResult &extent = extents[dimExpr.getPosition()];
      if (extent &&
          (getConstantIntValue(extent) || type.isDynamicDim(position)))
        continue;
      extent = sizes[position];
    }
  }

  bool usesIndex = op.hasIndexSemantics();
  for (unsigned dim = 0; dim < numLoops; ++dim) {
    // A verified op has every dimension as a plain result of some map.
    assert(extents[dim] && "loop dimension without an extent");
    LoopDim &loop = nest.dims.emplace_back();
    loop.extent = extents[dim];
    loop.isParallel =
        op.getIteratorTypesArray()[dim] == utils::IteratorType::parallel;
    if (usesIndex)
      loop.original = dim;
  }
  nest.simplify(index);
  return nest;
}

bool LoopNest::hasReduction() const {
  return llvm::any_of(dims, [](const LoopDim &dim) { return !dim.isParallel; });
}

void LoopNest::simplify(IndexBuilder &index) {
  auto erase = [&](unsigned dim) {
    dims.erase(dims.begin() + dim);
    for (FlatOperand &operand : operands)
      operand.strides.erase(operand.strides.begin() + dim);
  };

  // linalg.index of a dropped dimension is the constant zero.
  for (unsigned dim = dims.size(); dim-- > 0;)
    if (dims[dim].size() == 1)
      erase(dim);

  // The address of (i, j) is that of the merged index i * size(j) + j if
  // stride(i) = size(j) * stride(j) in every operand. Which dimensions are
  // neighbours in memory does not depend on their order in the op.
  auto canMerge = [&](unsigned outer, unsigned inner) {
    if (outer == inner || dims[outer].isParallel != dims[inner].isParallel ||
        dims[outer].original || dims[inner].original)
      return false;
    return llvm::all_of(operands, [&](const FlatOperand &operand) {
      if (operand.isInvariant(outer) && operand.isInvariant(inner))
        return true;
      if (operand.isContiguous(inner) &&
          isEqualConstantIntOrValue(operand.strides[outer], dims[inner].extent))
        return true;
      std::optional<int64_t> co = operand.stride(outer),
                             ci = operand.stride(inner),
                             size = dims[inner].size();
      return co && ci && size && *co == *ci * *size && *co != 0;
    });
  };
  for (unsigned outer = 0; outer < dims.size();) {
    unsigned inner = 0;
    while (inner < dims.size() && !canMerge(outer, inner))
      ++inner;
    if (inner == dims.size()) {
      ++outer;
      continue;
    }
    dims[inner].extent = index.mul(dims[outer].extent, dims[inner].extent);
    erase(outer);
    outer = 0;
  }
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

Cursor::Cursor(const LoopNest &nest) : indices(nest.dims.size()) {
  for (const FlatOperand &operand : nest.operands)
    addresses.push_back(operand.start);
}

Cursor Cursor::at(IndexBuilder &index, const LoopNest &nest, unsigned dim,
                  OpFoldResult iv) const {
  Cursor next = *this;
  next.indices[dim] = iv;
  for (auto [address, operand] : llvm::zip(next.addresses, nest.operands))
    address = index.add(address, index.mul(iv, operand.strides[dim]));
  return next;
}

SmallVector<Value> transmamba::emitLoops(
    OpBuilder &builder, Location loc, const LoopNest &nest,
    ArrayRef<unsigned> dims, const Cursor &cursor, ValueRange init,
    llvm::function_ref<SmallVector<Value>(const Cursor &, ValueRange)> body) {
  if (dims.empty())
    return body(cursor, init);
  unsigned dim = dims.front();
  IndexBuilder index(builder, loc);
  Value zero = index.value(index.cst(0)), one = index.value(index.cst(1));
  auto loop = scf::ForOp::create(builder, loc, zero,
                                 index.value(nest.dims[dim].extent), one, init);
  OpBuilder::InsertionGuard guard(builder);
  // Without loop-carried values the builder has put the terminator in already.
  if (init.empty())
    builder.setInsertionPoint(loop.getBody()->getTerminator());
  else
    builder.setInsertionPointToStart(loop.getBody());
  Cursor inner = cursor.at(index, nest, dim, loop.getInductionVar());
  SmallVector<Value> results = emitLoops(builder, loc, nest, dims.drop_front(),
                                         inner, loop.getRegionIterArgs(), body);
  if (!init.empty())
    scf::YieldOp::create(builder, loc, results);
  return llvm::to_vector_of<Value>(loop.getResults());
}

void transmamba::emitLoops(OpBuilder &builder, Location loc,
                           const LoopNest &nest, ArrayRef<unsigned> dims,
                           const Cursor &cursor,
                           llvm::function_ref<void(const Cursor &)> body) {
  emitLoops(builder, loc, nest, dims, cursor, ValueRange(),
            [&](const Cursor &inner, ValueRange) {
              body(inner);
              return SmallVector<Value>();
            });
}

SmallVector<Value> transmamba::emitChunks(
    OpBuilder &builder, Location loc, OpFoldResult extent, int64_t unit,
    ArrayRef<int64_t> unitSizes, bool allowPartial, ValueRange init,
    llvm::function_ref<SmallVector<Value>(OpFoldResult, int64_t, Value,
                                          ValueRange)>
        body) {
  IndexBuilder index(builder, loc);
  SmallVector<Value> values = llvm::to_vector_of<Value>(init);
  OpFoldResult begin = index.cst(0);
  for (int64_t units : unitSizes) {
    int64_t step = units * unit;
    OpFoldResult end =
        index.add(begin, index.roundDown(index.sub(extent, begin), step));
    std::optional<int64_t> from = getConstantIntValue(begin),
                           to = getConstantIntValue(end);
    if (from && to && *from == *to)
      continue;
    if (from && to && *from + step == *to) {
      values = body(begin, units, Value(), values);
    } else {
      auto loop =
          scf::ForOp::create(builder, loc, index.value(begin), index.value(end),
                             index.value(index.cst(step)), values);
      OpBuilder::InsertionGuard guard(builder);
      if (values.empty())
        builder.setInsertionPoint(loop.getBody()->getTerminator());
      else
        builder.setInsertionPointToStart(loop.getBody());
      SmallVector<Value> results = body(loop.getInductionVar(), units, Value(),
                                        loop.getRegionIterArgs());
      if (!values.empty())
        scf::YieldOp::create(builder, loc, results);
      values = llvm::to_vector_of<Value>(loop.getResults());
    }
    begin = end;
  }
  if (!allowPartial)
    return values;

  OpFoldResult rest = index.sub(extent, begin);
  if (std::optional<int64_t> valid = getConstantIntValue(rest)) {
    if (*valid == 0)
      return values;
    return body(begin, 1, index.value(rest), values);
  }
  Value isRagged =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sgt,
                            index.value(rest), index.value(index.cst(0)));
  auto tail = scf::IfOp::create(builder, loc, ValueRange(values).getTypes(),
                                isRagged, /*withElseRegion=*/!values.empty());
  OpBuilder::InsertionGuard guard(builder);
  if (values.empty()) {
    builder.setInsertionPoint(tail.thenBlock()->getTerminator());
    body(begin, 1, index.value(rest), values);
    return {};
  }
  builder.setInsertionPointToStart(tail.thenBlock());
  scf::YieldOp::create(builder, loc, body(begin, 1, index.value(rest), values));
  builder.setInsertionPointToStart(tail.elseBlock());
  scf::YieldOp::create(builder, loc, values);
  return llvm::to_vector_of<Value>(tail.getResults());
}
