//===- Arithmetic.cpp - Arithmetic on what a thread holds -----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace transmamba::tile {

namespace {

class FillPattern final : public TilePattern<FillOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(FillOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    SmallVector<Type> types;
    if (failed(getTypeConverter()->convertType(op.getType(), types)))
      return failure();
    Value value = single(adaptor.getValue());
    if (isa<IntegerType>(types.front()))
      value = LLVM::BitcastOp::create(
          rewriter, op.getLoc(), emit.i32,
          LLVM::BitcastOp::create(rewriter, op.getLoc(),
                                  VectorType::get(2, value.getType()),
                                  splat(emit, value)));
    rewriter.replaceOpWithMultiple(op,
                                   {SmallVector<Value>(types.size(), value)});
    return success();
  }

private:
  static Value splat(Emitter &emit, Value value) {
    Type type = VectorType::get(2, value.getType());
    Value vector = LLVM::PoisonOp::create(emit.builder, emit.loc, type);
    for (int64_t i : {0, 1})
      vector = LLVM::InsertElementOp::create(emit.builder, emit.loc, vector,
                                             value, emit.constant(i));
    return vector;
  }
};

/// Copies the body of a map once for each number that a thread holds.
class MapPattern final : public TilePattern<MapOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(MapOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    auto vector = dyn_cast<VecType>(op.getType());
    int64_t perLane = vector ? vector.getSize() / 32 : 0;
    Value row;
    if (!op.getRow().use_empty())
      row = vector ? emit.mul(emit.lane(), perLane) : emit.fragmentRow();
    Value column = op.getColumn().use_empty() ? Value() : emit.fragmentColumn();
    // What is on which side of the diagonal follows from one number.
    Value below = row && column ? emit.sub(row, column) : Value();

    SmallVector<Value> results;
    auto compute = [&](int64_t block, int64_t column8, int64_t secondRow,
                       int64_t secondColumn) {
      IRMapping mapping;
      for (auto [input, values, argument] :
           llvm::zip(op.getInputs(), adaptor.getInputs(),
                     op.getBody().getArguments()))
        mapping.map(argument, pick(emit, input.getType(), values, block,
                                   column8, secondRow, secondColumn));
      if (row)
        mapping.map(op.getRow(),
                    emit.add(row, vector ? 2 * column8 + secondColumn
                                         : 64 * block + 8 * secondRow));
      if (column)
        mapping.map(op.getColumn(),
                    emit.add(column, 8 * column8 + secondColumn));
      for (Operation &inner : op.getBlock()->without_terminator())
        mapping.map(inner.getResult(0),
                    isDiagonal(&inner, op)
                        ? compareDiagonal(emit, cast<arith::CmpIOp>(inner), op,
                                          below,
                                          8 * column8 + secondColumn -
                                              64 * block - 8 * secondRow)
                        : copyScalar(emit, &inner, mapping, rewriter));
      auto yield = cast<YieldOp>(op.getBlock()->getTerminator());
      results.push_back(lookup(yield.getValue(), mapping, rewriter));
    };

    if (auto fragment = dyn_cast<FragmentType>(op.getType())) {
      for (int64_t block = 0; block < fragment.getRows() / 64; ++block)
        for (int64_t j = 0; j < fragment.getColumns() / 8; ++j)
          for (int64_t i = 0; i < 4; ++i)
            compute(block, j, i / 2, i % 2);
    } else if (auto rows = dyn_cast<RowsType>(op.getType())) {
      for (int64_t i = 0; i < rows.getSize() / 32; ++i)
        compute(i / 2, 0, i % 2, 0);
    } else if (auto columns = dyn_cast<ColumnsType>(op.getType())) {
      for (int64_t i = 0; i < columns.getSize() / 4; ++i)
        compute(0, i / 2, 0, i % 2);
    } else {
      for (int64_t i = 0; i < perLane; ++i)
        compute(0, i / 2, 0, i % 2);
    }
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }

private:
  /// Compares the row with the column, as numbers with a sign.
  static bool isDiagonal(Operation *inner, MapOp op) {
    auto compare = dyn_cast<arith::CmpIOp>(inner);
    return compare && compare.getPredicate() < arith::CmpIPredicate::ult &&
           llvm::is_contained(compare->getOperands(), op.getRow()) &&
           llvm::is_contained(compare->getOperands(), op.getColumn());
  }

  // A register for each column would be needed otherwise: LLVM does not know
  // that no sum wraps around, and takes what is the same each time out of a
  // loop. `below` is the difference in the first place of the thread, `bound`
  // what another place adds to the column and not to the row.
  static Value compareDiagonal(Emitter &emit, arith::CmpIOp compare, MapOp op,
                               Value below, int64_t bound) {
    Value sides[] = {below, emit.constant(bound)};
    if (compare.getLhs() != op.getRow())
      std::swap(sides[0], sides[1]);
    return arith::CmpIOp::create(emit.builder, emit.loc, compare.getPredicate(),
                                 sides[0], sides[1]);
  }

  static Value pick(Emitter &emit, Type type, ValueRange values, int64_t block,
                    int64_t column8, int64_t secondRow, int64_t secondColumn) {
    if (auto fragment = dyn_cast<FragmentType>(type)) {
      int64_t number = getRegister(fragment.getColumns(), block, column8,
                                   secondRow, secondColumn);
      return fragment.getOperand()
                 ? emit.unpack(values[number / 2], secondColumn,
                               fragment.getElementType())
                 : values[number];
    }
    if (isa<RowsType>(type))
      return values[2 * block + secondRow];
    return values[2 * column8 + secondColumn];
  }

  /// A value of the body: computed there, or from around.
  static Value lookup(Value value, const IRMapping &mapping,
                      ConversionPatternRewriter &rewriter) {
    if (Value mapped = mapping.lookupOrNull(value))
      return mapped;
    return rewriter.getRemappedValue(value);
  }

  Value copyScalar(Emitter &emit, Operation *op, const IRMapping &mapping,
                   ConversionPatternRewriter &rewriter) const {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(lookup(operand, mapping, rewriter));
    if (isa<math::Exp2Op, math::Log2Op>(op))
      return emit
          .assembly(isa<math::Exp2Op>(op) ? "ex2.approx.ftz.f32 $0, $1;"
                                          : "lg2.approx.ftz.f32 $0, $1;",
                    "=f,f", operands, emit.f32, /*sideEffects=*/false)
          .front();
    // An approximate quotient needs no care for divisors beyond 2^126.
    if (auto quotient = dyn_cast<arith::DivFOp>(op);
        quotient && quotient.getType().isF32() &&
        bitEnumContainsAny(quotient.getFastmath(), arith::FastMathFlags::afn)) {
      Value inverse =
          emit.assembly("rcp.approx.ftz.f32 $0, $1;", "=f,f", {operands[1]},
                        emit.f32, /*sideEffects=*/false)
              .front();
      return arith::MulFOp::create(rewriter, op->getLoc(), operands[0],
                                   inverse);
    }
    // Constants of `index` and what is computed with them become i32.
    Type type = getTypeConverter()->convertType(op->getResult(0).getType());
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      if (auto value = dyn_cast<IntegerAttr>(constant.getValue());
          value && constant.getType().isIndex())
        return emit.constant(value.getInt());
    if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op) &&
        operands.front().getType() == type)
      return operands.front();
    OperationState state(op->getLoc(), op->getName(), operands, type,
                         op->getAttrs());
    return rewriter.create(state)->getResult(0);
  }
};

/// Combines two numbers of a reduction.
Value combine(Emitter &emit, Reduction kind, Value x, Value y) {
  if (kind == Reduction::Max)
    return arith::MaxNumFOp::create(emit.builder, emit.loc, x, y);
  return arith::AddFOp::create(emit.builder, emit.loc, x, y);
}

/// Four neighbouring threads hold a row.
Value combineThreads(Emitter &emit, Reduction kind, Value x) {
  for (int64_t distance : {1, 2})
    x = combine(emit, kind, x, emit.shuffleXor(x, distance));
  return x;
}

class RowReducePattern final : public TilePattern<RowReduceOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(RowReduceOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    FragmentType type = op.getSource().getType();
    SmallVector<Value> results;
    for (int64_t i = 0; i < type.getRows() / 32; ++i) {
      SmallVector<Value> row;
      for (int64_t j = 0; j < type.getColumns() / 8; ++j)
        for (int64_t second : {0, 1})
          row.push_back(adaptor.getSource()[getRegister(
              type.getColumns(), i / 2, j, i % 2, second)]);
      // As a tree, for instructions that do not wait for one another.
      while (row.size() > 1) {
        SmallVector<Value> half;
        for (size_t k = 0; k + 1 < row.size(); k += 2)
          half.push_back(combine(emit, op.getKind(), row[k], row[k + 1]));
        if (row.size() % 2)
          half.push_back(row.back());
        row = std::move(half);
      }
      results.push_back(op.getType().getPartial()
                            ? row.front()
                            : combineThreads(emit, op.getKind(), row.front()));
    }
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

class CompletePattern final : public TilePattern<CompleteOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(CompleteOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    SmallVector<Value> results;
    for (Value value : adaptor.getSource())
      results.push_back(combineThreads(emit, Reduction::Sum, value));
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

/// An operand's registers are pairs of an accumulator's, in the same order.
class CastPattern final : public TilePattern<CastOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(CastOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    ValueRange source = adaptor.getSource();
    SmallVector<Value> results;
    for (size_t i = 0; i < source.size(); i += 2)
      results.push_back(
          emit.pack(source[i], source[i + 1], op.getType().getElementType()));
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

class ScaleColumnsPattern final : public TilePattern<ScaleColumnsOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ScaleColumnsOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    FragmentType type = op.getType();
    StringRef text = "mul.rn.f16x2 $0, $1, $2;";
    if (type.getElementType().isBF16())
      // A product plus -0 is the product, its sign included.
      text = plan.target.hasBf16Mul ? "mul.rn.bf16x2 $0, $1, $2;"
                                    : "{ .reg .b32 z; mov.b32 z, 0x80008000; "
                                      "fma.rn.bf16x2 $0, $1, $2, z; }";
    ValueRange factors = adaptor.getFactors();
    SmallVector<Value> pairs;
    for (size_t i = 0; i < factors.size(); i += 2)
      pairs.push_back(
          emit.pack(factors[i], factors[i + 1], type.getElementType()));
    SmallVector<Value> results;
    for (auto [number, source] : llvm::enumerate(adaptor.getSource())) {
      // Pairs of rows r and r + 8, then those 8 columns on.
      Value factor = pairs[number / 2 % pairs.size()];
      results.push_back(emit.assembly(text, "=r,r,r", {source, factor},
                                      emit.i32, /*sideEffects=*/false)[0]);
    }
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

/// Sums inside a lane, of the lanes before, and both.
class PrefixSumPattern final : public TilePattern<PrefixSumOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(PrefixSumOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    SmallVector<Value> sums = llvm::to_vector(adaptor.getSource());
    for (size_t i = 1; i < sums.size(); ++i)
      sums[i] = combine(emit, Reduction::Sum, sums[i - 1], sums[i]);
    Value total = sums.back();
    for (int64_t distance = 1; distance < 32; distance *= 2) {
      Value lower = emit.shuffleUp(total, distance);
      Value reaches = arith::CmpIOp::create(
          rewriter, op.getLoc(), arith::CmpIPredicate::uge, emit.lane(),
          emit.constant(distance));
      total = emit.select(reaches, combine(emit, Reduction::Sum, lower, total),
                          total);
    }
    Value before = emit.shuffleUp(total, 1);
    before =
        emit.select(emit.equal(emit.lane(), 0), emit.constantF32(0.0), before);
    for (Value &sum : sums)
      sum = combine(emit, Reduction::Sum, before, sum);
    rewriter.replaceOpWithMultiple(op, {sums});
    return success();
  }
};

class SpreadPattern final : public TilePattern<SpreadOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(SpreadOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    ValueRange source = adaptor.getSource();
    int64_t perLane = source.size();
    SmallVector<Value> results;
    // Number n lies in lane n / perLane.
    auto fetch = [&](Value number) {
      Value lane = emit.shiftRight(number, llvm::Log2_64(perLane));
      Value part = emit.mask(number, perLane - 1);
      Value result = emit.shuffle(source[0], lane);
      for (int64_t i = 1; i < perLane; ++i)
        result = emit.select(emit.equal(part, i), emit.shuffle(source[i], lane),
                             result);
      return result;
    };
    if (auto rows = dyn_cast<RowsType>(op.getType())) {
      Value row = emit.fragmentRow();
      for (int64_t i = 0; i < rows.getSize() / 32; ++i)
        results.push_back(fetch(emit.add(row, 64 * (i / 2) + 8 * (i % 2))));
    } else {
      int64_t count = cast<ColumnsType>(op.getType()).getSize() / 4;
      Value column = emit.fragmentColumn();
      for (int64_t i = 0; i < count; ++i)
        // Two numbers a lane: the columns of a lane lie in every fourth one.
        results.push_back(perLane == 2
                              ? emit.shuffleFours(source[i % 2], 4 * (i / 2))
                              : fetch(emit.add(column, 8 * (i / 2) + i % 2)));
    }
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};

class ElementPattern final : public TilePattern<ElementOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(ElementOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    int64_t perLane = adaptor.getSource().size();
    int64_t position = op.getPosition();
    rewriter.replaceOp(op, emit.shuffle(adaptor.getSource()[position % perLane],
                                        emit.constant(position / perLane)));
    return success();
  }
};

} // namespace

void populateArithmeticPatterns(TypeConverter &converter,
                                const KernelPlan &plan,
                                RewritePatternSet &patterns) {
  patterns.add<FillPattern, MapPattern, RowReducePattern, CompletePattern,
               CastPattern, ScaleColumnsPattern, PrefixSumPattern,
               SpreadPattern, ElementPattern>(converter, patterns.getContext(),
                                              plan);
}

} // namespace transmamba::tile
