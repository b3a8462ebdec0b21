//===- MmaSync.cpp - Multiplication by warps ------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

//
// mma.sync (PTX ISA, "Matrix multiply-accumulate operation using mma
// instruction"). A warp multiplies its 16 of 64 rows; its operands are in
// registers, where ldmatrix brings them. The result is there when the next
// instruction reads it: nothing is to be awaited.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "TileAddresses.h"

using namespace mlir;

namespace transmamba::tile {

namespace {

/// The left operand: 16 rows of this warp, 16 columns at a time.
class LeftOperand {
public:
  LeftOperand(Emitter &emit, Value original, ValueRange values)
      : emit(emit), values(values) {
    if (auto fragment = dyn_cast<FragmentType>(original.getType())) {
      perBlock = fragment.getColumns() / 4;
      return;
    }
    // Matrix i of four: rows + 8 (i mod 2), columns + 8 (i / 2).
    tile.emplace(emit, single(values), original);
    Value warp = emit.shiftRight(emit.threadOfWarpgroup(), 5);
    row = emit.add(emit.mul(warp, 16), emit.mask(emit.lane(), 15));
    column = emit.mul(emit.shiftRight(emit.lane(), 4), 8);
  }

  SmallVector<Value> get(int64_t block, int64_t k) {
    if (!tile)
      return llvm::to_vector(values.slice(block * perBlock + k / 4, 4));
    return loadMatrices(emit, tile->at(row, column, 64 * block, k), 4,
                        /*transpose=*/false);
  }

private:
  Emitter &emit;
  ValueRange values;
  int64_t perBlock = 0;
  std::optional<TileAddresses> tile;
  Value row, column;
};

/// The right operand: 16 terms of the sum, two registers for 8 columns of the
/// result.
class RightOperand {
public:
  RightOperand(Emitter &emit, Value original, Value address, bool transposed)
      : emit(emit), tile(emit, address, original), transposed(transposed) {
    // Matrices 0 and 1 are the terms of the first 8 columns, 2 and 3 of those
    // after. A tile whose rows are the terms is transposed on its way.
    Value lane = emit.lane();
    Value second = emit.mul(emit.mask(emit.shiftRight(lane, 3), 1), 8);
    Value third = emit.mul(emit.shiftRight(lane, 4), 8);
    Value low = emit.mask(lane, 7);
    row = emit.add(low, transposed ? third : second);
    column = transposed ? second : third;
  }

  /// Of `count` / 2 times 8 columns of the result.
  SmallVector<Value> get(int64_t k, int64_t n, int64_t count) {
    Value pointer =
        transposed ? tile.at(row, column, n, k) : tile.at(row, column, k, n);
    return loadMatrices(emit, pointer, count, !transposed);
  }

private:
  Emitter &emit;
  TileAddresses tile;
  bool transposed;
  Value row, column;
};

class MmaPattern final : public TilePattern<MmaOp> {
public:
  using TilePattern::TilePattern;

  // tile.mma -> for 16 terms and 16 columns: ldmatrix, then mma.sync for all
  // rows
  LogicalResult
  matchAndRewrite(MmaOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    PendingType type = op.getType();
    int64_t blocks = type.getRows() / 64, columns = type.getColumns();
    SmallVector<Value> accumulators = llvm::to_vector(adaptor.getAcc());
    if (accumulators.empty())
      accumulators.assign(blocks * columns / 2, emit.constantF32(0.0));

    bool transposed = op.getTransposeB();
    LeftOperand a(emit, op.getA(), adaptor.getA());
    RightOperand b(emit, op.getB(), single(adaptor.getB()), transposed);
    SharedType right = op.getB().getType();
    int64_t terms = transposed ? right.getColumns() : right.getRows();
    for (int64_t k = 0; k < terms; k += 16) {
      SmallVector<SmallVector<Value>> left;
      for (int64_t block = 0; block < blocks; ++block)
        left.push_back(a.get(block, k));
      for (int64_t n = 0; n < columns; n += 16) {
        SmallVector<Value> pairs = b.get(k, n, n + 8 < columns ? 4 : 2);
        for (int64_t block = 0; block < blocks; ++block)
          for (size_t i = 0; i < pairs.size(); i += 2) {
            auto part =
                MutableArrayRef(accumulators)
                    .slice(getRegister(columns, block, n / 8 + i / 2, 0, 0), 4);
            multiply(emit, right.getElementType(), part, left[block],
                     ArrayRef(pairs).slice(i, 2));
          }
      }
    }
    rewriter.replaceOpWithMultiple(op, {accumulators});
    return success();
  }

private:
  static void multiply(Emitter &emit, Type element,
                       MutableArrayRef<Value> accumulators,
                       ArrayRef<Value> left, ArrayRef<Value> right) {
    auto structure = LLVM::LLVMStructType::getLiteral(
        emit.builder.getContext(), SmallVector<Type>(4, emit.f32));
    NVVM::MMATypes type =
        element.isBF16() ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
    Value result = NVVM::MmaOp::create(
        emit.builder, emit.loc, structure, asOperands(emit, element, left),
        asOperands(emit, element, right), accumulators,
        ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
        std::array{type, type},
        std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
    for (auto [i, accumulator] : llvm::enumerate(accumulators))
      accumulator = LLVM::ExtractValueOp::create(emit.builder, emit.loc, result,
                                                 int64_t(i));
  }

  /// The operation takes pairs of bf16 as integers, and pairs of f16 as pairs.
  static SmallVector<Value> asOperands(Emitter &emit, Type element,
                                       ArrayRef<Value> pairs) {
    SmallVector<Value> operands(pairs);
    if (element.isF16())
      for (Value &operand : operands)
        operand = LLVM::BitcastOp::create(emit.builder, emit.loc,
                                          VectorType::get(2, element), operand);
    return operands;
  }
};

// tile.await -> what the multiplication left
class AwaitPattern final : public TilePattern<AwaitOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(AwaitOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithMultiple(op, {adaptor.getPending()});
    return success();
  }
};

// tile.drain -> nothing
class DrainPattern final : public TilePattern<DrainOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(DrainOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void populateMmaSyncPatterns(TypeConverter &converter, const KernelPlan &plan,
                             RewritePatternSet &patterns) {
  patterns.add<MmaPattern, AwaitPattern, DrainPattern>(
      converter, patterns.getContext(), plan);
}

} // namespace transmamba::tile
