//===- PieceCopies.cpp - Copies of tiles by threads -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

//
// A warpgroup copies a tile in pieces of 16 bytes, to and from where the copy
// engine of sm_90a would have put them. cp.async (PTX ISA) fills a piece with
// zeros where it is told to read nothing, and arrives on a barrier when all
// pieces of a thread are there.
//
// A row of a tensor is a multiple of 16 bytes, so that a piece at a multiple of
// 16 bytes is inside the tensor or outside of it. Boxes that may start
// elsewhere are copied element by element, and threads wait for what they read.
//
//===----------------------------------------------------------------------===//

#include "Ring.h"
#include "TensorBox.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace transmamba::tile {

namespace {

/// A tile, and where its panels lie.
struct TileBox {
  TileBox(SharedType type, Value address, int64_t panelBytes)
      : type(type), address(address), panelBytes(panelBytes) {}

  int64_t getPanels() const {
    return type.getColumns() / type.getPanelColumns();
  }

  SharedType type;
  Value address;
  int64_t panelBytes;
};

/// Calls `copy` with the address in the tile, the address in the tensor and
/// whether the piece is inside, for every piece that a thread copies. The
/// addresses of a thread differ by constants.
void forEachPiece(
    Emitter &emit, const TileBox &tile, TensorBox &box,
    function_ref<void(Value pointer, Value address, Value inside)> copy) {
  SharedType type = tile.type;
  int64_t rowBytes = type.getPanelRowBytes(), pieces = rowBytes / 16;
  int64_t perPiece = type.getPanelColumns() / pieces;
  // A step is a multiple of 8 rows, the period of the swizzle.
  int64_t rowsPerStep = kWarpgroupThreads / pieces;
  Value thread = emit.threadOfWarpgroup();
  Value row = emit.shiftRight(thread, llvm::Log2_64(pieces));
  Value column = emit.mul(emit.mask(thread, pieces - 1), perPiece);
  Value pointer = emit.sharedPointer(
      emit.add(tile.address, emit.swizzle(emit.mul(thread, 16), rowBytes)));
  Value address = box.getAddress(row, column);
  SmallVector<Value> hasColumn;
  for (int64_t panel = 0; panel < tile.getPanels(); ++panel)
    hasColumn.push_back(
        box.hasColumn(emit.add(column, panel * type.getPanelColumns())));

  for (int64_t first = 0; first < type.getRows(); first += rowsPerStep) {
    Value hasRow = box.hasRow(emit.add(row, first));
    auto copyRow = [&] {
      for (auto [panel, inColumns] : llvm::enumerate(hasColumn)) {
        Value inside =
            arith::AndIOp::create(emit.builder, emit.loc, hasRow, inColumns);
        copy(emit.offset(pointer, first * rowBytes + panel * tile.panelBytes),
             emit.offset(address, first * box.getRowBytes() +
                                      panel * type.getPanelColumns() *
                                          box.getElementBytes()),
             inside);
      }
    };
    if (first + rowsPerStep <= type.getRows()) {
      copyRow();
      continue;
    }
    // The tile has no rows for the last threads.
    Value exists =
        arith::CmpIOp::create(emit.builder, emit.loc, arith::CmpIPredicate::ult,
                              row, emit.constant(type.getRows() - first));
    auto some = scf::IfOp::create(emit.builder, emit.loc, exists);
    OpBuilder::InsertionGuard guard(emit.builder);
    emit.builder.setInsertionPointToStart(some.thenBlock());
    copyRow();
  }
}

/// As above, for every element that a thread copies, in loops.
void forEachElement(
    Emitter &emit, const TileBox &tile, TensorBox &box,
    function_ref<void(Value pointer, Value address, Value inside)> copy) {
  SharedType type = tile.type;
  int64_t columns = type.getPanelColumns(), rowBytes = type.getPanelRowBytes();
  for (int64_t panel = 0; panel < tile.getPanels(); ++panel) {
    OpBuilder::InsertionGuard guard(emit.builder);
    auto loop =
        scf::ForOp::create(emit.builder, emit.loc, emit.threadOfWarpgroup(),
                           emit.constant(type.getRows() * columns),
                           emit.constant(kWarpgroupThreads));
    emit.builder.setInsertionPointToStart(loop.getBody());
    Value number = loop.getInductionVar();
    Value row = arith::DivUIOp::create(emit.builder, emit.loc, number,
                                       emit.constant(columns));
    Value inPanel = arith::RemUIOp::create(emit.builder, emit.loc, number,
                                           emit.constant(columns));
    Value offset = emit.add(emit.mul(row, rowBytes),
                            emit.mul(inPanel, box.getElementBytes()));
    if (type.isSwizzled())
      offset = emit.swizzle(offset, rowBytes);
    Value column = emit.add(inPanel, panel * columns);
    Value inside = arith::AndIOp::create(
        emit.builder, emit.loc, box.hasRow(row), box.hasColumn(column));
    copy(emit.sharedPointer(
             emit.add(emit.add(tile.address, panel * tile.panelBytes), offset)),
         box.getAddress(row, column), inside);
  }
}

/// Where pieces of 16 bytes are what lies together in both memories.
bool hasPieces(Operation *op, SharedType type, const KernelPlan &plan) {
  return type.isSwizzled() && plan.alignedCopies.contains(op);
}

// tile.load -> wait(empty); cp.async of all pieces; arrive(full); next tile
class LoadPattern final : public TilePattern<LoadOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(LoadOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    Ring ring(emit, op.getRing(), adaptor.getRing(), plan);
    SharedType type = op.getRing().getType().getTile();
    Value tile = ring.getTile(), phase = ring.getPhase();
    ring.waitUntilEmpty(tile, phase);
    Value full = ring.getFull(tile);
    auto boxType =
        SharedType::get(op.getContext(), {op.getBoxRows(), type.getColumns()},
                        type.getElementType());
    size_t rank = op.getSource().getType().getRank();
    for (int64_t i = 0; i < op.getNumBoxes(); ++i) {
      TileBox box(boxType,
                  emit.add(ring.getAddress(tile),
                           i * op.getBoxRows() * type.getPanelRowBytes()),
                  type.getRows() * type.getPanelRowBytes());
      TensorBox source(emit, cast<MemRefType>(op.getSource().getType()),
                       adaptor.getSource(),
                       ArrayRef(adaptor.getIndices()).slice(i * rank, rank));
      copyBox(op, emit, box, source);
    }
    if (hasPieces(op, type, plan))
      NVVM::CpAsyncMBarrierArriveOp::create(
          rewriter, op.getLoc(), emit.sharedPointer(full), /*noinc=*/true);
    else
      emit.assembly("mbarrier.arrive.shared.b64 _, [$0];", "r", {full});
    ring.advance(tile, phase);
    rewriter.eraseOp(op);
    return success();
  }

private:
  void copyBox(LoadOp op, Emitter &emit, const TileBox &box,
               TensorBox &source) const {
    if (hasPieces(op, box.type, plan)) {
      forEachPiece(
          emit, box, source, [&](Value pointer, Value address, Value inside) {
            Value bytes =
                emit.select(inside, emit.constant(16), emit.constant(0));
            NVVM::CpAsyncOp::create(emit.builder, emit.loc, pointer, address,
                                    16, NVVM::LoadCacheModifierKind::CG, bytes);
          });
    } else {
      forEachElement(emit, box, source,
                     [&](Value pointer, Value address, Value inside) {
                       loadElement(emit, source.getElementBytes(), pointer,
                                   address, inside);
                     });
    }
  }

  static void loadElement(Emitter &emit, int64_t bytes, Value pointer,
                          Value address, Value inside) {
    Type type = emit.builder.getIntegerType(8 * bytes);
    auto bounds = scf::IfOp::create(emit.builder, emit.loc, TypeRange{type},
                                    inside, /*withElse=*/true);
    {
      OpBuilder::InsertionGuard guard(emit.builder);
      emit.builder.setInsertionPointToStart(bounds.thenBlock());
      Value loaded =
          LLVM::LoadOp::create(emit.builder, emit.loc, type, address);
      scf::YieldOp::create(emit.builder, emit.loc, loaded);
      emit.builder.setInsertionPointToStart(bounds.elseBlock());
      Value zero =
          arith::ConstantIntOp::create(emit.builder, emit.loc, type, 0);
      scf::YieldOp::create(emit.builder, emit.loc, zero);
    }
    emit.store(bounds.getResult(0), pointer);
  }
};

// tile.store -> barrier of the warpgroup; its threads copy all pieces
class StorePattern final : public TilePattern<StoreOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreOp op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    emit.warpgroupBarrier();
    SharedType type = op.getTile().getType();
    TileBox box(type, single(adaptor.getTile()),
                getPanelRows(op.getTile()) * type.getPanelRowBytes());
    TensorBox destination(emit, cast<MemRefType>(op.getDestination().getType()),
                          adaptor.getDestination(), adaptor.getIndices());
    if (hasPieces(op, type, plan))
      forEachPiece(emit, box, destination,
                   [&](Value pointer, Value address, Value inside) {
                     storePiece(emit, pointer, address, inside);
                   });
    else
      forEachElement(emit, box, destination,
                     [&](Value pointer, Value address, Value inside) {
                       storeElement(emit, destination.getElementBytes(),
                                    pointer, address, inside);
                     });
    rewriter.eraseOp(op);
    return success();
  }

private:
  static void storePiece(Emitter &emit, Value pointer, Value address,
                         Value inside) {
    auto type = VectorType::get(4, emit.i32);
    Value piece = LLVM::LoadOp::create(emit.builder, emit.loc, type, pointer,
                                       /*alignment=*/16);
    SmallVector<Value> operands{address};
    for (int64_t i = 0; i < 4; ++i)
      operands.push_back(LLVM::ExtractElementOp::create(
          emit.builder, emit.loc, piece, emit.constant(i)));
    operands.push_back(
        arith::ExtUIOp::create(emit.builder, emit.loc, emit.i32, inside));
    emit.assembly("{ .reg .pred p; setp.ne.b32 p, $5, 0; "
                  "@p st.global.v4.b32 [$0], {$1, $2, $3, $4}; }",
                  "l,r,r,r,r,r", operands);
  }

  static void storeElement(Emitter &emit, int64_t bytes, Value pointer,
                           Value address, Value inside) {
    OpBuilder::InsertionGuard guard(emit.builder);
    auto bounds = scf::IfOp::create(emit.builder, emit.loc, inside);
    emit.builder.setInsertionPointToStart(bounds.thenBlock());
    Type type = emit.builder.getIntegerType(8 * bytes);
    emit.store(LLVM::LoadOp::create(emit.builder, emit.loc, type, pointer),
               address);
  }
};

// tile.store_wait -> barrier of the warpgroup: all of its threads have read
class StoreWaitPattern final : public TilePattern<StoreWaitOp> {
public:
  using TilePattern::TilePattern;

  LogicalResult
  matchAndRewrite(StoreWaitOp op, Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter emit(rewriter, op.getLoc());
    emit.warpgroupBarrier();
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void populatePieceCopyPatterns(TypeConverter &converter, const KernelPlan &plan,
                               RewritePatternSet &patterns) {
  patterns.add<LoadPattern, StorePattern, StoreWaitPattern>(
      converter, patterns.getContext(), plan);
}

} // namespace transmamba::tile
