//===- Memory.cpp - Fragments from and to memory --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace transmamba::tile {

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

namespace {

/// Where the lanes of a warp find the rows of four 8 x 8 matrices of a tile.
class MatrixAddresses {
public:
  MatrixAddresses(Emitter &emit, Value address, Value original)
      : emit(emit), address(address),
        type(cast<SharedType>(original.getType())),
        panelBytes(getPanelRows(original) * type.getPanelRowBytes()) {}

  /// The lane's row and its first column, a multiple of 8; `row` counts from
  /// the start of the tile, which lies at a multiple of 8 rows.
  Value at(Value row, Value column) {
    int64_t panel = type.getPanelColumns(), rowBytes = type.getPanelRowBytes();
    Value inPanel = emit.mask(column, panel - 1);
    Value offset = emit.add(emit.mul(row, rowBytes), emit.mul(inPanel, 2));
    Value start =
        emit.mul(emit.shiftRight(column, llvm::Log2_64(panel)), panelBytes);
    return emit.sharedPointer(
        emit.add(emit.add(address, start), emit.swizzle(offset, rowBytes)));
  }

private:
  Emitter &emit;
  Value address;
  SharedType type;
  int64_t panelBytes;
};

NVVM::LdStMatrixShapeAttr get8x8(MLIRContext *context) {
  return NVVM::LdStMatrixShapeAttr::get(context, 8, 8);
}

class LoadFragmentPattern final : public TilePattern<LoadFragmentOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadFragmentOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    FragmentType type = op.getType();
    MatrixAddresses addresses(emit, single(adaptor.getTile()), op.getTile());
    bool transpose = op.getTranspose();
    SharedType tile = op.getTile().getType();
    int64_t rows = transpose ? tile.getColumns() : tile.getRows();
    // Matrix i of four: rows + 8 (i mod 2), columns + 8 (i / 2) of the operand.
    Value lane = emit.lane();
    Value low = emit.mask(lane, 7);
    Value second = emit.mul(emit.mask(emit.shiftRight(lane, 3), 1), 8);
    Value third = emit.mul(emit.shiftRight(lane, 4), 8);
    Value warpRow = emit.mul(emit.warpOfWarpgroup(), 16);
    auto layout = transpose ? NVVM::MMALayout::col : NVVM::MMALayout::row;
    auto structure = LLVM::LLVMStructType::getLiteral(
        rewriter.getContext(), SmallVector<Type>(4, emit.i32));
    SmallVector<Value> results;
    for (int64_t block = 0; block < type.getRows() / 64; ++block)
      for (int64_t k = 0; k < type.getColumns(); k += 16) {
        // Rows that the tile does not have: its last 16 again.
        Value m = emit.atMost(emit.add(warpRow, 64 * block), rows - 16);
        Value row, column;
        if (transpose) {
          row = emit.add(emit.add(low, third), k);
          column = emit.add(m, second);
        } else {
          row = emit.add(emit.add(m, low), second);
          column = emit.add(third, k);
        }
        Value loaded = NVVM::LdMatrixOp::create(
            rewriter, op.getLoc(), structure, addresses.at(row, column), 4,
            layout, get8x8(rewriter.getContext()),
            NVVM::LdStMatrixEltType::B16);
        for (int64_t i = 0; i < 4; ++i)
          results.push_back(
              LLVM::ExtractValueOp::create(rewriter, op.getLoc(), loaded, i));
      }
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

class StoreFragmentPattern final : public TilePattern<StoreFragmentOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreFragmentOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    FragmentType type = op.getSource().getType();
    if (type.getColumns() % 16 != 0)
      return rewriter.notifyMatchFailure(op, "columns are no multiple of 16");
    Type element = op.getTile().getType().getElementType();
    int64_t rows = op.getTile().getType().getRows();
    MatrixAddresses addresses(emit, single(adaptor.getTile()), op.getTile());
    Value lane = emit.lane();
    Value warpRow =
        emit.add(emit.mul(emit.warpOfWarpgroup(), 16), emit.mask(lane, 15));
    Value third = emit.mul(emit.shiftRight(lane, 4), 8);
    for (int64_t block = 0; block < type.getRows() / 64; ++block)
      for (int64_t j = 0; j < type.getColumns() / 8; j += 2) {
        SmallVector<Value> pairs;
        for (int64_t i = 0; i < 4; ++i) {
          int64_t first =
              getRegister(type.getColumns(), block, j + i / 2, i % 2, 0);
          pairs.push_back(emit.pack(adaptor.getSource()[first],
                                    adaptor.getSource()[first + 1], element));
        }
        Value row = emit.add(warpRow, 64 * block);
        Value pointer = addresses.at(row, emit.add(third, 8 * j));
        if (64 * (block + 1) <= rows) {
          NVVM::StMatrixOp::create(
              rewriter, op.getLoc(), pointer, pairs, NVVM::MMALayout::row,
              get8x8(rewriter.getContext()), NVVM::LdStMatrixEltType::B16);
          continue;
        }
        // A warp has 16 rows, all of them or none inside the tile.
        Value firstRow =
            emit.add(emit.mul(emit.warpOfWarpgroup(), 16), 64 * block);
        Value inside = arith::CmpIOp::create(rewriter, op.getLoc(),
                                             arith::CmpIPredicate::slt,
                                             firstRow, emit.constant(rows));
        inside =
            arith::ExtUIOp::create(rewriter, op.getLoc(), emit.i32, inside);
        SmallVector<Value> operands{
            LLVM::PtrToIntOp::create(rewriter, op.getLoc(), emit.i32, pointer)};
        llvm::append_range(operands, pairs);
        operands.push_back(inside);
        emit.assembly("{ .reg .pred p; setp.ne.b32 p, $5, 0; "
                      "@p stmatrix.sync.aligned.m8n8.x4.shared.b16 [$0], "
                      "{$1, $2, $3, $4}; }",
                      "r,r,r,r,r,r", operands);
      }
    rewriter.eraseOp(op);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

/// The part of a tensor that starts at some indices.
class GlobalBox {
public:
  GlobalBox(Emitter &emit, MemRefType type, ValueRange tensor,
            ArrayRef<Value> indices)
      : emit(emit), type(type) {
    OpBuilder &builder = emit.builder;
    int64_t rank = type.getRank();
    auto getSize = [&](int64_t dim) -> Value {
      if (type.isDynamicDim(dim))
        return tensor[1 + type.getDynamicDimIndex(dim)];
      return emit.constant64(type.getDimSize(dim));
    };
    start = emit.extend(indices[0]);
    for (int64_t dim = 1; dim < rank; ++dim) {
      start = arith::MulIOp::create(builder, emit.loc, start, getSize(dim));
      start = emit.add(start, emit.extend(indices[dim]));
    }
    rowLength = getSize(rank - 1);
    firstRow = indices[rank - 2];
    firstColumn = indices[rank - 1];
    rows = truncate(getSize(rank - 2));
    columns = truncate(rowLength);
    pointer = tensor.front();
    for (int64_t dim = 0; dim < rank - 2; ++dim)
      addBound(outer, indices[dim], truncate(getSize(dim)));
  }

  /// Address of an element, and 1 where it is inside the tensor. A position
  /// that the value does not have is 0.
  std::pair<Value, Value> at(Value row, Value column) {
    OpBuilder &builder = emit.builder;
    Value offset = start, inside = outer;
    if (row)
      offset =
          emit.add(offset, arith::MulIOp::create(builder, emit.loc,
                                                 emit.extend(row), rowLength));
    if (column)
      offset = emit.add(offset, emit.extend(column));
    addBound(inside, row ? emit.add(firstRow, row) : firstRow, rows);
    addBound(inside, column ? emit.add(firstColumn, column) : firstColumn,
             columns);
    Value address = LLVM::GEPOp::create(builder, emit.loc, pointer.getType(),
                                        type.getElementType(), pointer, offset);
    return {address,
            arith::ExtUIOp::create(builder, emit.loc, emit.i32, inside)};
  }

private:
  Value truncate(Value size) {
    return arith::TruncIOp::create(emit.builder, emit.loc, emit.i32, size);
  }
  /// Without a sign, what lies before the start lies far beyond the end.
  void addBound(Value &inside, Value x, Value bound) {
    Value below = arith::CmpIOp::create(emit.builder, emit.loc,
                                        arith::CmpIPredicate::ult, x, bound);
    inside = inside ? Value(arith::AndIOp::create(emit.builder, emit.loc,
                                                  inside, below))
                    : below;
  }

  Emitter &emit;
  MemRefType type;
  Value start, rowLength, firstRow, firstColumn, rows, columns, pointer, outer;
};

/// Calls `each` with the row and the column (null where the value has none) of
/// every number that a thread holds, in the order of registers.
void forEachNumber(Emitter &emit, Type type,
                   function_ref<void(Value, Value)> each) {
  if (auto fragment = dyn_cast<FragmentType>(type)) {
    Value row = emit.fragmentRow(), column = emit.fragmentColumn();
    for (int64_t block = 0; block < fragment.getRows() / 64; ++block)
      for (int64_t j = 0; j < fragment.getColumns() / 8; ++j)
        for (int64_t i = 0; i < 4; ++i)
          each(emit.add(row, 64 * block + 8 * (i / 2)),
               emit.add(column, 8 * j + i % 2));
  } else if (auto rows = dyn_cast<RowsType>(type)) {
    Value row = emit.fragmentRow();
    for (int64_t i = 0; i < rows.getSize() / 32; ++i)
      each(emit.add(row, 64 * (i / 2) + 8 * (i % 2)), Value());
  } else if (auto columns = dyn_cast<ColumnsType>(type)) {
    Value column = emit.fragmentColumn();
    for (int64_t i = 0; i < columns.getSize() / 4; ++i)
      each(Value(), emit.add(column, 8 * (i / 2) + i % 2));
  } else {
    int64_t perLane = cast<VecType>(type).getSize() / 32;
    Value first = emit.mul(emit.lane(), perLane);
    for (int64_t i = 0; i < perLane; ++i)
      each(emit.add(first, i), Value());
  }
}

SmallVector<Value> getIndices(ArrayRef<ValueRange> indices) {
  SmallVector<Value> values;
  for (ValueRange index : indices)
    values.push_back(single(index));
  return values;
}

class ReadPattern final : public TilePattern<ReadOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ReadOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    auto type = cast<MemRefType>(op.getSource().getType());
    GlobalBox box(emit, type, adaptor.getSource(),
                  getIndices(adaptor.getIndices()));
    bool wide = type.getElementType().isF32();
    SmallVector<Value> results;
    forEachNumber(emit, op.getType(), [&](Value row, Value column) {
      auto [address, inside] = box.at(row, column);
      if (wide) {
        results.push_back(emit.assembly(
            "{ .reg .pred p; setp.ne.b32 p, $2, 0; mov.b32 $0, 0; "
            "@p ld.global.f32 $0, [$1]; }",
            "=&f,l,r", {address, inside}, emit.f32, true)[0]);
        return;
      }
      Value half = emit.assembly(
          "{ .reg .pred p; setp.ne.b32 p, $2, 0; mov.b16 $0, 0; "
          "@p ld.global.b16 $0, [$1]; }",
          "=&h,l,r", {address, inside}, rewriter.getI16Type(), true)[0];
      Value number = LLVM::BitcastOp::create(rewriter, op.getLoc(),
                                             type.getElementType(), half);
      results.push_back(
          arith::ExtFOp::create(rewriter, op.getLoc(), emit.f32, number));
    });
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

class WritePattern final : public TilePattern<WriteOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(WriteOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    auto type = cast<MemRefType>(op.getDestination().getType());
    GlobalBox box(emit, type, adaptor.getDestination(),
                  getIndices(adaptor.getIndices()));
    size_t number = 0;
    forEachNumber(emit, op.getValue().getType(), [&](Value row, Value column) {
      auto [address, inside] = box.at(row, column);
      Value value = adaptor.getValue()[number++];
      if (type.getElementType().isF32()) {
        emit.assembly("{ .reg .pred p; setp.ne.b32 p, $2, 0; "
                      "@p st.global.f32 [$0], $1; }",
                      "l,f,r", {address, value, inside});
        return;
      }
      Value half = arith::TruncFOp::create(rewriter, op.getLoc(),
                                           type.getElementType(), value);
      half = LLVM::BitcastOp::create(rewriter, op.getLoc(),
                                     rewriter.getI16Type(), half);
      emit.assembly("{ .reg .pred p; setp.ne.b32 p, $2, 0; "
                    "@p st.global.b16 [$0], $1; }",
                    "l,h,r", {address, half, inside});
    });
    rewriter.eraseOp(op);
    return success();
  }
};

Value getElementAddress(Emitter &emit, MemRefType type, ValueRange memref,
                        ArrayRef<ValueRange> indices) {
  OpBuilder &builder = emit.builder;
  Value offset = emit.constant64(0);
  for (auto [dim, index] : llvm::enumerate(indices)) {
    Value size = type.isDynamicDim(dim)
                     ? memref[1 + type.getDynamicDimIndex(dim)]
                     : emit.constant64(type.getDimSize(dim));
    offset = arith::MulIOp::create(builder, emit.loc, offset, size);
    offset = emit.add(offset, emit.extend(single(index)));
  }
  return LLVM::GEPOp::create(builder, emit.loc, memref.front().getType(),
                             type.getElementType(), memref.front(), offset);
}

/// A number that all threads read, such as the decay of a head.
class ScalarLoadPattern final : public OpConversionPattern<memref::LoadOp> {
public:
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(memref::LoadOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    MemRefType type = op.getMemRefType();
    Value address = getElementAddress(emit, type, adaptor.getMemref(),
                                      adaptor.getIndices());
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, type.getElementType(),
                                              address);
    return success();
  }
};

/// A number that all threads have, and one of each warpgroup writes.
class ScalarStorePattern final : public OpConversionPattern<memref::StoreOp> {
public:
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(memref::StoreOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (!op.getMemRefType().getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "is not an f32");
    Emitter emit(rewriter, op.getLoc());
    Value address = getElementAddress(
        emit, op.getMemRefType(), adaptor.getMemref(), adaptor.getIndices());
    Value first = arith::ExtUIOp::create(rewriter, op.getLoc(), emit.i32,
                                         emit.isFirstOfWarpgroup());
    emit.assembly("{ .reg .pred p; setp.ne.b32 p, $2, 0; "
                  "@p st.global.f32 [$0], $1; }",
                  "l,f,r", {address, single(adaptor.getValue()), first});
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void populateMemoryPatterns(TypeConverter &converter, const KernelPlan &plan,
                            RewritePatternSet &patterns) {
  patterns.add<LoadFragmentPattern, StoreFragmentPattern, ReadPattern,
               WritePattern>(converter, patterns.getContext(), plan);
  patterns.add<ScalarLoadPattern, ScalarStorePattern>(converter,
                                                      patterns.getContext());
}

} // namespace transmamba::tile
