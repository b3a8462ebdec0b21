//===- Wgmma.cpp - Multiplication by warpgroups ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

//
// wgmma (PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions"). All of
// it is inline PTX: the operation of the nvvm dialect has no left operand in
// registers, and the wait has to name the accumulators, or LLVM reads them
// before it.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace transmamba::tile {

/// "$0, $1, ..." from `first`, `count` of them.
static std::string listOperands(int64_t first, int64_t count) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleave(
      llvm::seq(first, first + count), os, [&](int64_t i) { os << '$' << i; },
      ", ");
  return text;
}

/// `count` results in registers, each tied to the operand of its number.
static std::string tieAccumulators(int64_t count) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (int64_t i = 0; i < count; ++i)
    os << (i ? "," : "") << "=f";
  for (int64_t i = 0; i < count; ++i)
    os << ',' << i;
  return text;
}

namespace {

/// A matrix of panels in shared memory, as a matrix unit is told of it.
class Descriptor {
public:
  Descriptor(Emitter &emit, Value address, Value original)
      : emit(emit), type(cast<SharedType>(original.getType())),
        panelBytes(getPanelRows(original) * type.getPanelRowBytes()) {
    // Bits 0-13 address / 16, 16-29 distance of panels / 16 (of a matrix whose
    // rows are the summed dimension), 32-45 distance of groups of 8 rows / 16,
    // 62-63 swizzle.
    uint64_t rowBytes = type.getPanelRowBytes();
    uint64_t swizzle = rowBytes == 128 ? 1 : rowBytes == 64 ? 2 : 3;
    uint64_t bits = swizzle << 62 | (8 * rowBytes >> 4) << 32 |
                    uint64_t(panelBytes >> 4) << 16;
    Value low = emit.mask(emit.shiftRight(address, 4), 0x3fff);
    Value extended =
        arith::ExtUIOp::create(emit.builder, emit.loc, emit.i64, low);
    base = arith::OrIOp::create(emit.builder, emit.loc, extended,
                                emit.constant64(int64_t(bits)));
  }

  /// Of the 16 columns from `column` on, in the rows from `row` on.
  Value getColumns(int64_t row, int64_t column) const {
    int64_t panel = type.getPanelColumns();
    return at(column / panel * panelBytes + column % panel * 2 +
              row * type.getPanelRowBytes());
  }
  /// Of the 16 rows from `row` on, in all columns.
  Value getRows(int64_t row) const { return at(row * type.getPanelRowBytes()); }

private:
  Value at(int64_t bytes) const {
    return bytes == 0 ? base : emit.add(base, emit.constant64(bytes >> 4));
  }

  Emitter &emit;
  SharedType type;
  int64_t panelBytes;
  Value base;
};

class MmaPattern final : public TilePattern<MmaOp> {
public:
  using TilePattern::TilePattern;

  // tile.mma -> fence; one wgmma for 64 rows and 16 terms of the sum; commit
  LogicalResult
  matchAndRewrite(MmaOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    PendingType type = op.getType();
    int64_t perBlock = type.getColumns() / 2;
    SmallVector<Value> accumulators = llvm::to_vector(adaptor.getAcc());
    bool zero = accumulators.empty();
    if (zero)
      accumulators.assign(type.getRows() / 64 * perBlock,
                          LLVM::PoisonOp::create(rewriter, emit.loc, emit.f32));

    Descriptor b(emit, single(adaptor.getB()), op.getB());
    std::optional<Descriptor> a;
    if (isa<SharedType>(op.getA().getType()))
      a.emplace(emit, single(adaptor.getA()), op.getA());
    int64_t terms = op.getTransposeB() ? op.getB().getType().getColumns()
                                       : op.getB().getType().getRows();

    emit.assembly("wgmma.fence.sync.aligned;", "", {});
    for (int64_t block = 0; block < type.getRows() / 64; ++block) {
      auto part =
          MutableArrayRef(accumulators).slice(block * perBlock, perBlock);
      for (int64_t k = 0; k < terms; k += 16) {
        Value right = op.getTransposeB() ? b.getColumns(0, k) : b.getRows(k);
        SmallVector<Value> left;
        if (a)
          left.push_back(a->getColumns(64 * block, k));
        else
          llvm::append_range(
              left, adaptor.getA().slice(block * terms / 4 + k / 4, 4));
        SmallVector<Value> results =
            multiply(emit, op, part, left, right, zero && k == 0);
        llvm::copy(results, part.begin());
      }
    }
    emit.assembly("wgmma.commit_group.sync.aligned;", "", {});
    rewriter.replaceOpWithMultiple(op, {accumulators});
    return success();
  }

private:
  static SmallVector<Value> multiply(Emitter &emit, MmaOp op,
                                     ArrayRef<Value> accumulators,
                                     ArrayRef<Value> left, Value right,
                                     bool zero) {
    int64_t count = accumulators.size();
    bool inRegisters = left.size() == 4;
    StringRef element =
        op.getB().getType().getElementType().isBF16() ? "bf16" : "f16";
    std::string a = inRegisters ? "{" + listOperands(2 * count, 4) + "}"
                                : listOperands(2 * count, 1);
    // The last immediates say which operands in shared memory are transposed
    // with respect to rows of summed terms.
    std::string text = llvm::formatv(
        "{{ .reg .pred p; setp.ne.b32 p, {0}, 0; "
        "wgmma.mma_async.sync.aligned.m64n{1}k16.f32.{2}.{2} {{{3}}, {4}, {5}, "
        "p, 1, 1, {6}{7}; }",
        zero ? 0 : 1, 2 * count, element, listOperands(0, count), a,
        listOperands(2 * count + left.size(), 1), inRegisters ? "" : "0, ",
        op.getTransposeB() ? 0 : 1);
    std::string constraints =
        tieAccumulators(count) + (inRegisters ? ",r,r,r,r,l" : ",l,l");
    SmallVector<Value> operands(accumulators);
    llvm::append_range(operands, left);
    operands.push_back(right);
    SmallVector<Type> types(count, emit.f32);
    return emit.assembly(text, constraints, operands, types,
                         /*sideEffects=*/true);
  }
};

class AwaitPattern final : public TilePattern<AwaitOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(AwaitOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    if (!adaptor.getAfter().empty())
      pin(emit, adaptor.getAfter());
    ValueRange accumulators = adaptor.getPending();
    SmallVector<Type> types(accumulators.size(), emit.f32);
    std::string text =
        llvm::formatv("wgmma.wait_group.sync.aligned {0};", plan.keep.at(op));
    SmallVector<Value> results =
        emit.assembly(text, tieAccumulators(accumulators.size()), accumulators,
                      types, /*sideEffects=*/true);
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }

private:
  /// ptxas moves waits up to where they are least useful. It does not move them
  /// over a sleep that may happen, and a sum of exponentials is never -1.
  static void pin(Emitter &emit, ValueRange rows) {
    Value sum = rows.front();
    for (Value row : rows.drop_front())
      sum = arith::AddFOp::create(emit.builder, emit.loc, sum, row);
    emit.assembly("{ .reg .pred p; setp.eq.f32 p, $0, 0fBF800000; "
                  "@p nanosleep.u32 1; }",
                  "f", {sum});
  }
};

class DrainPattern final : public TilePattern<DrainOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(DrainOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    emit.assembly(
        llvm::formatv("wgmma.wait_group.sync.aligned {0};", op.getKeep()).str(),
        "", {});
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void populateWgmmaPatterns(TypeConverter &converter, const KernelPlan &plan,
                           RewritePatternSet &patterns) {
  patterns.add<MmaPattern, AwaitPattern, DrainPattern>(
      converter, patterns.getContext(), plan);
}

} // namespace transmamba::tile
