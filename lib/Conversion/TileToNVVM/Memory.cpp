//===- Memory.cpp - Fragments from and to memory --------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "TensorBox.h"
#include "TileAddresses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace transmamba::tile {

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

namespace {

class LoadFragmentPattern final : public TilePattern<LoadFragmentOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadFragmentOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    FragmentType type = op.getType();
    TileAddresses addresses(emit, single(adaptor.getTile()), op.getTile());
    bool transpose = op.getTranspose();
    SharedType tile = op.getTile().getType();
    int64_t rows = transpose ? tile.getColumns() : tile.getRows();
    // Matrix i of four: rows + 8 (i mod 2), columns + 8 (i / 2) of the operand.
    Value lane = emit.lane();
    Value low = emit.mask(lane, 7);
    Value second = emit.mul(emit.mask(emit.shiftRight(lane, 3), 1), 8);
    Value third = emit.mul(emit.shiftRight(lane, 4), 8);
    Value warpRow = emit.mul(emit.warpOfWarpgroup(), 16);
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
        llvm::append_range(
            results,
            loadMatrices(emit, addresses.at(row, column), 4, transpose));
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
    TileAddresses addresses(emit, single(adaptor.getTile()), op.getTile());
    bool matrices = plan.target.hasStMatrix;
    Value warpRow = emit.mul(emit.warpOfWarpgroup(), 16);
    Value row, column;
    if (matrices) {
      row = emit.add(warpRow, emit.mask(emit.lane(), 15));
      column = emit.mul(emit.shiftRight(emit.lane(), 4), 8);
    } else {
      row = emit.fragmentRow();
      column = emit.fragmentColumn();
    }
    for (int64_t block = 0; block < type.getRows() / 64; ++block) {
      Value inside;
      if (64 * (block + 1) > rows)
        inside = isBelow(emit, emit.add(warpRow, 64 * block), rows);
      for (int64_t j = 0; j < type.getColumns() / 8; j += 2) {
        SmallVector<Value> pairs;
        for (int64_t i = 0; i < 4; ++i) {
          int64_t first =
              getRegister(type.getColumns(), block, j + i / 2, i % 2, 0);
          pairs.push_back(emit.pack(adaptor.getSource()[first],
                                    adaptor.getSource()[first + 1], element));
        }
        auto at = [&](int64_t moreRows, int64_t moreColumns) {
          return addresses.at(row, column, 64 * block + moreRows,
                              8 * j + moreColumns);
        };
        if (matrices) {
          storeMatrices(emit, at(0, 0), pairs, inside);
          continue;
        }
        for (int64_t i = 0; i < 4; ++i)
          storePair(emit, at(8 * (i % 2), 8 * (i / 2)), pairs[i], inside);
      }
    }
    rewriter.eraseOp(op);
    return success();
  }

private:
  /// A warp has 16 rows, all of them or none inside the tile.
  static Value isBelow(Emitter &emit, Value row, int64_t rows) {
    Value inside =
        arith::CmpIOp::create(emit.builder, emit.loc, arith::CmpIPredicate::slt,
                              row, emit.constant(rows));
    return arith::ExtUIOp::create(emit.builder, emit.loc, emit.i32, inside);
  }

  static Value asInteger(Emitter &emit, Value pointer) {
    return LLVM::PtrToIntOp::create(emit.builder, emit.loc, emit.i32, pointer);
  }

  /// Four 8 x 8 matrices of a warp at once; `inside` is null where all are.
  static void storeMatrices(Emitter &emit, Value pointer, ArrayRef<Value> pairs,
                            Value inside) {
    if (!inside) {
      NVVM::StMatrixOp::create(
          emit.builder, emit.loc, pointer, pairs, NVVM::MMALayout::row,
          NVVM::LdStMatrixShapeAttr::get(emit.builder.getContext(), 8, 8),
          NVVM::LdStMatrixEltType::B16);
      return;
    }
    SmallVector<Value> operands{asInteger(emit, pointer)};
    llvm::append_range(operands, pairs);
    operands.push_back(inside);
    emit.assembly("{ .reg .pred p; setp.ne.b32 p, $5, 0; "
                  "@p stmatrix.sync.aligned.m8n8.x4.shared.b16 [$0], "
                  "{$1, $2, $3, $4}; }",
                  "r,r,r,r,r,r", operands);
  }

  /// Two neighbouring numbers of a thread.
  static void storePair(Emitter &emit, Value pointer, Value pair,
                        Value inside) {
    if (!inside) {
      emit.store(pair, pointer);
      return;
    }
    emit.assembly("{ .reg .pred p; setp.ne.b32 p, $2, 0; "
                  "@p st.shared.b32 [$0], $1; }",
                  "r,r,r", {asInteger(emit, pointer), pair, inside});
  }
};

class ClearRowsPattern final : public TilePattern<ClearRowsOp> {
public:
  using TilePattern::TilePattern;

  // A row is the same bytes of each panel, whatever the swizzle.
  LogicalResult
  matchAndRewrite(ClearRowsOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    SharedType type = op.getTile().getType();
    int64_t rowBytes = type.getPanelRowBytes(),
            bytes = type.getRows() * rowBytes,
            panelBytes = getPanelRows(op.getTile()) * rowBytes;
    Value first = emit.mul(single(adaptor.getFirst()), rowBytes);
    Value own = emit.mul(emit.threadOfWarpgroup(), kPieceBytes);
    Value address = emit.add(single(adaptor.getTile()), own);
    constexpr int64_t step = kWarpgroupThreads * kPieceBytes;
    for (int64_t offset = 0; offset < bytes; offset += step) {
      Value place = emit.add(own, offset);
      Value cleared = isAtLeast(emit, place, first);
      if (offset + step > bytes)
        cleared = arith::AndIOp::create(
            rewriter, op.getLoc(), cleared,
            isAtLeast(emit, emit.constant(bytes - 1), place));
      for (int64_t panel = 0;
           panel < type.getColumns() / type.getPanelColumns(); ++panel)
        emit.assembly(
            "{ .reg .pred p; setp.ne.b32 p, $1, 0; "
            "@p st.shared.v4.b32 [$0], {0, 0, 0, 0}; }",
            "r,r", {emit.add(address, offset + panel * panelBytes), cleared});
    }
    emit.publishShared(plan.target.hasAsyncProxy);
    rewriter.eraseOp(op);
    return success();
  }

private:
  static constexpr int64_t kPieceBytes = 16;

  static Value isAtLeast(Emitter &emit, Value x, Value bound) {
    Value is = arith::CmpIOp::create(emit.builder, emit.loc,
                                     arith::CmpIPredicate::sge, x, bound);
    return arith::ExtUIOp::create(emit.builder, emit.loc, emit.i32, is);
  }
};

// Pairs lie where the fragments have their numbers, whatever thread the tile's
// own layout would give them to.
class RotatePattern final : public TilePattern<RotateOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(RotateOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    FragmentType type = op.getCos().getType();
    Type element = op.getTile().getType().getElementType();
    TileAddresses addresses(emit, single(adaptor.getTile()), op.getTile());
    bool interleaved = op.getInterleaved();
    Value row = emit.fragmentRow(), column = emit.fragmentColumn();
    if (interleaved)
      column = emit.mul(column, 2);
    // Two pairs are four elements in two registers. All are loaded before any
    // is stored: nobody could tell LLVM that they are different ones.
    struct Pairs {
      int64_t number;
      Value places[2], elements[2];
    };
    SmallVector<Pairs> all;
    for (int64_t block = 0; block < type.getRows() / 64; ++block)
      for (int64_t j = 0; j < type.getColumns() / 8; ++j)
        for (int64_t second = 0; second < 2; ++second) {
          Pairs &pairs = all.emplace_back();
          pairs.number = getRegister(type.getColumns(), block, j, second, 0);
          int64_t first = interleaved ? 16 * j : 8 * j,
                  distance = interleaved ? 2 : type.getColumns();
          for (int64_t i = 0; i < 2; ++i) {
            pairs.places[i] = addresses.at(row, column, 64 * block + 8 * second,
                                           first + i * distance);
            pairs.elements[i] = emit.load(pairs.places[i]);
          }
        }
    for (const Pairs &pairs : all) {
      SmallVector<Value, 4> numbers;
      for (Value both : pairs.elements)
        for (bool upper : {false, true})
          numbers.push_back(
              arith::ExtFOp::create(rewriter, op.getLoc(), emit.f32,
                                    emit.unpack(both, upper, element)));
      for (int64_t i = 0; i < 2; ++i)
        rotate(emit, numbers[interleaved ? 2 * i : i],
               numbers[interleaved ? 2 * i + 1 : 2 + i],
               adaptor.getCos()[pairs.number + i],
               adaptor.getSin()[pairs.number + i]);
      for (int64_t i = 0; i < 2; ++i)
        emit.store(emit.pack(numbers[2 * i], numbers[2 * i + 1], element),
                   pairs.places[i]);
    }
    emit.publishShared(plan.target.hasAsyncProxy);
    rewriter.eraseOp(op);
    return success();
  }

private:
  static void rotate(Emitter &emit, Value &x, Value &y, Value cos, Value sin) {
    OpBuilder &b = emit.builder;
    auto multiply = [&](Value u, Value v) -> Value {
      return arith::MulFOp::create(b, emit.loc, u, v);
    };
    Value u =
        arith::SubFOp::create(b, emit.loc, multiply(x, cos), multiply(y, sin));
    y = arith::AddFOp::create(b, emit.loc, multiply(y, cos), multiply(x, sin));
    x = u;
  }
};

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

/// Address of an element, and 1 where it is inside the tensor.
std::pair<Value, Value> locate(Emitter &emit, TensorBox &box, Value row,
                               Value column) {
  Value inside = arith::AndIOp::create(emit.builder, emit.loc, box.hasRow(row),
                                       box.hasColumn(column));
  return {box.getAddress(row, column),
          arith::ExtUIOp::create(emit.builder, emit.loc, emit.i32, inside)};
}

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

/// Whether an index is even whatever its parts are.
bool isEven(Value index) {
  if (std::optional<int64_t> constant = getConstantIntValue(index))
    return *constant % 2 == 0;
  if (auto sum = index.getDefiningOp<arith::AddIOp>())
    return isEven(sum.getLhs()) && isEven(sum.getRhs());
  if (auto product = index.getDefiningOp<arith::MulIOp>())
    return isEven(product.getLhs()) || isEven(product.getRhs());
  return false;
}

/// Whether two neighbouring numbers of a thread lie side by side in f32, both
/// of them inside the tensor or none: the first is in an even column.
bool comesInPairs(Type value, MemRefType tensor, ValueRange indices) {
  int64_t columns = tensor.getShape().back();
  return isa<FragmentType>(value) && tensor.getElementType().isF32() &&
         !ShapedType::isDynamic(columns) && columns % 2 == 0 &&
         isEven(indices.back());
}

class ReadPattern final : public TilePattern<ReadOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ReadOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    auto type = cast<MemRefType>(op.getSource().getType());
    TensorBox box(emit, type, adaptor.getSource(), adaptor.getIndices());
    bool wide = type.getElementType().isF32();
    bool pairs = comesInPairs(op.getType(), type, op.getIndices());
    SmallVector<Value> results, pair;
    forEachNumber(emit, op.getType(), [&](Value row, Value column) {
      if (!pair.empty()) {
        results.push_back(pair.pop_back_val());
        return;
      }
      auto [address, inside] = locate(emit, box, row, column);
      if (pairs) {
        pair = emit.assembly(
            "{ .reg .pred p; setp.ne.b32 p, $3, 0; mov.b32 $0, 0; "
            "mov.b32 $1, 0; @p ld.global.v2.f32 {$0, $1}, [$2]; }",
            "=&f,=&f,l,r", {address, inside}, {emit.f32, emit.f32}, true);
        results.push_back(pair.front());
        pair.erase(pair.begin());
        return;
      }
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
    TensorBox box(emit, type, adaptor.getDestination(), adaptor.getIndices());
    bool pairs = comesInPairs(op.getValue().getType(), type, op.getIndices());
    size_t number = 0;
    forEachNumber(emit, op.getValue().getType(), [&](Value row, Value column) {
      Value value = adaptor.getValue()[number++];
      if (pairs && number % 2 == 0)
        return;
      auto [address, inside] = locate(emit, box, row, column);
      if (pairs) {
        emit.assembly("{ .reg .pred p; setp.ne.b32 p, $3, 0; "
                      "@p st.global.v2.f32 [$0], {$1, $2}; }",
                      "l,f,f,r",
                      {address, value, adaptor.getValue()[number], inside});
        return;
      }
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

} // namespace

void populateMemoryPatterns(TypeConverter &converter, const KernelPlan &plan,
                            RewritePatternSet &patterns) {
  patterns.add<ClearRowsPattern, LoadFragmentPattern, RotatePattern,
               StoreFragmentPattern, ReadPattern, WritePattern>(
      converter, patterns.getContext(), plan);
}

} // namespace transmamba::tile
