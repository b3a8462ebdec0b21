//===- Scalars.cpp - The grid, and numbers that all threads have ----------===//
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
// The grid
//===----------------------------------------------------------------------===//

template <typename X, typename Y, typename Z>
static Value readGrid(Emitter &emit, Dimension dimension) {
  switch (dimension) {
  case Dimension::x:
    return X::create(emit.builder, emit.loc, emit.i32);
  case Dimension::y:
    return Y::create(emit.builder, emit.loc, emit.i32);
  case Dimension::z:
    break;
  }
  return Z::create(emit.builder, emit.loc, emit.i32);
}

namespace {

class BlockIdPattern final : public TilePattern<BlockIdOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(BlockIdOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    rewriter.replaceOp(
        op, readGrid<NVVM::BlockIdXOp, NVVM::BlockIdYOp, NVVM::BlockIdZOp>(
                emit, op.getDimension()));
    return success();
  }
};

class GridDimPattern final : public TilePattern<GridDimOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(GridDimOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    rewriter.replaceOp(
        op, readGrid<NVVM::GridDimXOp, NVVM::GridDimYOp, NVVM::GridDimZOp>(
                emit, op.getDimension()));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

/// Arithmetic on indices is arithmetic on i32.
class IndexArithmeticPattern final : public ConversionPattern {
public:
  IndexArithmeticPattern(const TypeConverter &converter, MLIRContext *context)
      : ConversionPattern(converter, MatchAnyOpTypeTag(), /*benefit=*/1,
                          context) {}

  LogicalResult
  matchAndRewrite(Operation *op, ArrayRef<Value> operands,
                  ConversionPatternRewriter &rewriter) const override {
    if (!isa<arith::ArithDialect>(op->getDialect()) ||
        op->getNumResults() != 1 || op->getNumRegions() != 0)
      return rewriter.notifyMatchFailure(op, "is not scalar arithmetic");
    Type type = getTypeConverter()->convertType(op->getResult(0).getType());
    if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
      replaceCast(op, operands.front(), type, rewriter);
      return success();
    }
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto value = dyn_cast<IntegerAttr>(constant.getValue());
      if (!value || !value.getValue().isSignedIntN(32))
        return rewriter.notifyMatchFailure(op, "does not fit in 32 bits");
      rewriter.replaceOpWithNewOp<arith::ConstantIntOp>(
          op, type, value.getValue().getSExtValue());
      return success();
    }
    OperationState state(op->getLoc(), op->getName(), operands, type,
                         op->getAttrs());
    rewriter.replaceOp(op, rewriter.create(state)->getResults());
    return success();
  }

private:
  static void replaceCast(Operation *op, Value value, Type type,
                          ConversionPatternRewriter &rewriter) {
    unsigned from = value.getType().getIntOrFloatBitWidth();
    unsigned to = type.getIntOrFloatBitWidth();
    if (from == to)
      rewriter.replaceOp(op, value);
    else if (from > to)
      rewriter.replaceOpWithNewOp<arith::TruncIOp>(op, type, value);
    else if (isa<arith::IndexCastOp>(op))
      rewriter.replaceOpWithNewOp<arith::ExtSIOp>(op, type, value);
    else
      rewriter.replaceOpWithNewOp<arith::ExtUIOp>(op, type, value);
  }
};

class DimPattern final : public OpConversionPattern<memref::DimOp> {
public:
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(memref::DimOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = dyn_cast<MemRefType>(op.getSource().getType());
    std::optional<int64_t> dim = op.getConstantIndex();
    if (!type || !dim || *dim < 0 || *dim >= type.getRank())
      return rewriter.notifyMatchFailure(op, "is not a known dimension");
    Emitter emit(rewriter, op.getLoc());
    if (!type.isDynamicDim(*dim)) {
      rewriter.replaceOp(op, emit.constant(type.getDimSize(*dim)));
      return success();
    }
    Value size = adaptor.getSource()[1 + type.getDynamicDimIndex(*dim)];
    rewriter.replaceOpWithNewOp<arith::TruncIOp>(op, emit.i32, size);
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

void populateScalarPatterns(TypeConverter &converter, const KernelPlan &plan,
                            RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<BlockIdPattern, GridDimPattern>(converter, context, plan);
  patterns.add<IndexArithmeticPattern, DimPattern, ScalarLoadPattern,
               ScalarStorePattern>(converter, context);
}

} // namespace transmamba::tile
