//===- Contraction.cpp - Register-blocked contractions ----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// c[m, n] += a[m, k] * b[k, n], whatever the layouts, in one of two forms.
//
// Outer products, where n is contiguous in c:
//
//   for n in panels of V vectors
//     (copy the panel of b to scratch: k by V vectors, transposed and extended)
//     for m in blocks of R rows
//       acc[R][V] = load c
//       for k: acc[r][v] = fma(broadcast a[m + r, k], b[k, n + v], acc[r][v])
//       store acc
//
// Dot products, where only k is contiguous and b would be used too few times
// to pay for its copy (a matrix times a vector):
//
//   for m, n in blocks
//     acc[m][n] = 0
//     for k in vectors: acc[m][n] = fma(a[m, k...], b[n, k...], acc[m][n])
//     c[m, n] += sum of the lanes of acc[m][n]
//
//===----------------------------------------------------------------------===//

#include "ContractionPlan.h"
#include "Strategies.h"
#include "VectorPayload.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace transmamba;

/// Size of the panel of b: half of a second-level cache way beyond the first
/// level, so that the rows of a and c stay in the first one.
static constexpr int64_t kPanelBytes = 64 * 1024;
/// Size from which on a matrix is streamed row by row, and how many rows at
/// once.
static constexpr int64_t kStreamedBytes = 1024 * 1024;
static constexpr int64_t kStreamedRows = 8;

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

namespace {
class ContractionEmitter {
public:
  ContractionEmitter(OpBuilder &builder, const LoopNest &nest,
                     const VectorTarget &target, const Contraction &roles)
      : builder(builder), loc(nest.op.getLoc()), index(builder, loc),
        nest(nest), target(target), roles(roles),
        laneCount(target.lanes(roles.accumulatorType.getIntOrFloatBitWidth())) {
  }

  void emit();

private:
  void emitOuterProducts(const Cursor &batch);
  /// Steps of k that are done for all columns before the next ones; none if all
  /// of k is done at once.
  std::optional<int64_t> getSlabDepth(BlockShape shape) const;
  void emitPanel(const Cursor &column, OpFoldResult depth, int64_t vectors,
                 Value valid, OpFoldResult columnsLeft, BlockShape shape);
  void emitBlock(const Cursor &corner, OpFoldResult depth, int64_t rows,
                 int64_t vectors, const Lanes &lanes, Value panel);
  void packRows(const Cursor &column, OpFoldResult depth, int64_t vectors,
                const Lanes &lanes, Value panel);
  void packTransposed(const Cursor &column, OpFoldResult depth, int64_t vectors,
                      OpFoldResult columnsLeft, Value panel);
  void emitDotProducts(const Cursor &batch);
  void emitDotBlock(const Cursor &corner, int64_t rows, int64_t columns);

  Cursor advance(const Cursor &cursor, std::optional<unsigned> dim,
                 OpFoldResult by) {
    return dim ? cursor.at(index, nest, *dim, by) : cursor;
  }
  OpFoldResult extent(std::optional<unsigned> dim) {
    return dim ? nest.dims[*dim].extent : OpFoldResult(index.cst(1));
  }
  /// `value` in the type of the accumulator.
  Value extend(Value value);
  Value multiplyAdd(Value a, Value b, Value c);
  Value loadVector(unsigned operand, OpFoldResult address, OpFoldResult stride,
                   const Lanes &lanes) {
    return loadLanes(builder, loc, nest.operands[operand].buffer, address,
                     stride, lanes);
  }
  /// Scratch for a panel of b, shared by all contractions of the function:
  /// they run one after the other.
  Value getPanel();

  OpBuilder &builder;
  Location loc;
  IndexBuilder index;
  const LoopNest &nest;
  const VectorTarget &target;
  const Contraction &roles;
  int64_t laneCount;
};
} // namespace

Value ContractionEmitter::extend(Value value) {
  Type type = roles.accumulatorType;
  if (getElementTypeOrSelf(value.getType()) == type)
    return value;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = VectorType::get(vector.getShape(), type);
  return arith::ExtFOp::create(builder, loc, type, value);
}

Value ContractionEmitter::multiplyAdd(Value a, Value b, Value c) {
  if (target.useFma)
    return vector::FMAOp::create(builder, loc, a, b, c);
  Value product = arith::MulFOp::create(builder, loc, a, b);
  return arith::AddFOp::create(builder, loc, product, c);
}

Value ContractionEmitter::getPanel() {
  static constexpr StringLiteral kPanelAttr = "transmamba.panel";
  auto function = nest.op->getParentOfType<func::FuncOp>();
  Block &entry = function.getBody().front();
  auto type = MemRefType::get(
      {kPanelBytes * 8 / roles.accumulatorType.getIntOrFloatBitWidth()},
      roles.accumulatorType);
  for (auto alloca : entry.getOps<memref::AllocaOp>())
    if (alloca->hasAttr(kPanelAttr) && alloca.getType() == type)
      return alloca;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&entry);
  auto alloca = memref::AllocaOp::create(builder, loc, type,
                                         builder.getI64IntegerAttr(64));
  alloca->setAttr(kPanelAttr, builder.getUnitAttr());
  return alloca;
}

void ContractionEmitter::emit() {
  emitLoops(builder, loc, nest, roles.outer, Cursor(nest),
            [&](const Cursor &batch) {
              if (roles.isDot)
                emitDotProducts(batch);
              else
                emitOuterProducts(batch);
            });
}

//===----------------------------------------------------------------------===//
// Outer products
//===----------------------------------------------------------------------===//

std::optional<int64_t>
ContractionEmitter::getSlabDepth(BlockShape shape) const {
  int64_t elementBytes = roles.accumulatorType.getIntOrFloatBitWidth() / 8;
  std::optional<int64_t> size = nest.dims[*roles.k].size();
  int64_t depth;
  if (roles.packsB) {
    // What fits into a panel; a multiple of the lanes, for transposition.
    depth = kPanelBytes / (shape.vectors * laneCount * elementBytes);
    depth = depth / laneCount * laneCount;
  } else {
    // One row that streams a matrix from beyond the second-level cache: a few
    // rows of b at a time, over all of their columns, so that each is read in
    // one run.
    int64_t bytes =
        sizeOr(nest, roles.n, 1) * sizeOr(nest, roles.k, 1) * elementBytes;
    if (sizeOr(nest, roles.m, 1) != 1 || bytes < kStreamedBytes)
      return std::nullopt;
    depth = kStreamedRows;
  }
  if (size && *size <= depth)
    return std::nullopt;
  return depth;
}

void ContractionEmitter::emitOuterProducts(const Cursor &batch) {
  OpFoldResult columns = extent(roles.n);
  int64_t staticColumns = sizeOr(nest, roles.n, 1);
  if (nest.dims[*roles.n].size())
    laneCount =
        std::min<int64_t>(laneCount, llvm::bit_ceil(static_cast<uint64_t>(
                                         std::max<int64_t>(staticColumns, 1))));
  BlockShape shape = chooseShape(sizeOr(nest, roles.m, 1),
                                 (staticColumns + laneCount - 1) / laneCount,
                                 target.numRegisters());

  auto emitPanels = [&](const Cursor &slab, OpFoldResult depth) {
    emitChunks(builder, loc, columns, laneCount, columnSizes(shape),
               /*allowPartial=*/true, ValueRange(),
               [&](OpFoldResult iv, int64_t vectors, Value valid, ValueRange) {
                 emitPanel(advance(slab, roles.n, iv), depth, vectors, valid,
                           index.sub(columns, iv), shape);
                 return SmallVector<Value>();
               });
  };
  std::optional<int64_t> depth = getSlabDepth(shape);
  if (!depth) {
    emitPanels(batch, extent(roles.k));
    return;
  }
  auto loop = scf::ForOp::create(builder, loc, index.value(index.cst(0)),
                                 index.value(extent(roles.k)),
                                 index.value(index.cst(*depth)));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(loop.getBody()->getTerminator());
  OpFoldResult begin = loop.getInductionVar();
  emitPanels(advance(batch, roles.k, begin),
             index.min(index.sub(extent(roles.k), begin), index.cst(*depth)));
}

void ContractionEmitter::emitPanel(const Cursor &column, OpFoldResult depth,
                                   int64_t vectors, Value valid,
                                   OpFoldResult columnsLeft, BlockShape shape) {
  Lanes lanes = Lanes::get(builder, loc, laneCount, valid);
  Value panel;
  if (roles.packsB) {
    panel = getPanel();
    if (nest.operands[roles.b].isContiguous(*roles.k) &&
        !nest.operands[roles.b].isContiguous(*roles.n))
      packTransposed(column, depth, vectors, columnsLeft, panel);
    else
      packRows(column, depth, vectors, lanes, panel);
  }
  emitChunks(builder, loc, extent(roles.m), 1, remainderSizes(shape.rows),
             /*allowPartial=*/false, ValueRange(),
             [&](OpFoldResult iv, int64_t rows, Value, ValueRange) {
               emitBlock(advance(column, roles.m, iv), depth, rows, vectors,
                         lanes, panel);
               return SmallVector<Value>();
             });
}

void ContractionEmitter::emitBlock(const Cursor &corner, OpFoldResult depth,
                                   int64_t rows, int64_t vectors,
                                   const Lanes &lanes, Value panel) {
  // Addresses of the block's rows of a and c, constant in the loop over k.
  SmallVector<OpFoldResult> rowsOfA, cells;
  for (int64_t row = 0; row < rows; ++row) {
    Cursor cursor = advance(corner, roles.m, index.cst(row));
    rowsOfA.push_back(cursor.addresses[roles.a]);
    for (int64_t vector = 0; vector < vectors; ++vector)
      cells.push_back(advance(cursor, roles.n, index.cst(vector * laneCount))
                          .addresses[roles.c]);
  }
  SmallVector<Value> accumulators;
  for (OpFoldResult cell : cells)
    accumulators.push_back(loadVector(roles.c, cell, index.cst(1), lanes));

  OpFoldResult strideA = nest.operands[roles.a].strides[*roles.k];
  OpFoldResult strideB = nest.operands[roles.b].strides[*roles.k];
  int64_t unroll = rows * vectors >= 16 ? 2 : 4;
  SmallVector<Value> results = emitChunks(
      builder, loc, depth, 1, {unroll, 1}, /*allowPartial=*/false, accumulators,
      [&](OpFoldResult iv, int64_t steps, Value, ValueRange carried) {
        SmallVector<Value> sums = llvm::to_vector_of<Value>(carried);
        for (int64_t step = 0; step < steps; ++step) {
          OpFoldResult k = index.add(iv, index.cst(step));
          SmallVector<Value> rowOfB;
          for (int64_t vector = 0; vector < vectors; ++vector) {
            if (panel) {
              OpFoldResult address =
                  index.add(index.mul(k, index.cst(vectors * laneCount)),
                            index.cst(vector * laneCount));
              rowOfB.push_back(loadLanes(builder, loc, panel, address,
                                         index.cst(1), {laneCount, Value()}));
              continue;
            }
            OpFoldResult address = index.add(
                index.add(corner.addresses[roles.b], index.mul(k, strideB)),
                index.cst(vector * laneCount));
            rowOfB.push_back(
                extend(loadVector(roles.b, address, index.cst(1), lanes)));
          }
          for (int64_t row = 0; row < rows; ++row) {
            OpFoldResult address =
                index.add(rowsOfA[row], index.mul(k, strideA));
            Value element =
                splat(builder, loc,
                      extend(loadVector(roles.a, address, index.cst(0), lanes)),
                      laneCount);
            for (int64_t vector = 0; vector < vectors; ++vector) {
              Value &sum = sums[row * vectors + vector];
              sum = multiplyAdd(element, rowOfB[vector], sum);
            }
          }
        }
        return sums;
      });
  for (auto [cell, result] : llvm::zip(cells, results))
    storeLanes(builder, loc, result, nest.operands[roles.c].buffer, cell,
               index.cst(1), lanes);
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// panel[k][lane] = b[k, n + lane], for any strides.
void ContractionEmitter::packRows(const Cursor &column, OpFoldResult depth,
                                  int64_t vectors, const Lanes &lanes,
                                  Value panel) {
  const FlatOperand &b = nest.operands[roles.b];
  emitChunks(
      builder, loc, depth, 1, {4, 1}, /*allowPartial=*/false, ValueRange(),
      [&](OpFoldResult iv, int64_t steps, Value, ValueRange) {
        for (int64_t step = 0; step < steps; ++step) {
          OpFoldResult k = index.add(iv, index.cst(step));
          Cursor row = advance(column, roles.k, k);
          for (int64_t vector = 0; vector < vectors; ++vector) {
            Cursor cell = advance(row, roles.n, index.cst(vector * laneCount));
            Value elements = loadVector(roles.b, cell.addresses[roles.b],
                                        b.strides[*roles.n], lanes);
            storeLanes(builder, loc, extend(elements), panel,
                       index.add(index.mul(k, index.cst(vectors * laneCount)),
                                 index.cst(vector * laneCount)),
                       index.cst(1), {laneCount, Value()});
          }
        }
        return SmallVector<Value>();
      });
}

/// Transposes a square of vectors: log2(n) rounds, each of which interleaves
/// row i with row i + n/2.
static void transpose(OpBuilder &builder, Location loc,
                      SmallVector<Value> &rows) {
  int64_t size = rows.size();
  SmallVector<int64_t> low, high;
  for (int64_t lane = 0; lane < size / 2; ++lane) {
    low.append({lane, size + lane});
    high.append({size / 2 + lane, size + size / 2 + lane});
  }
  for (int64_t round = 1; round < size; round *= 2) {
    SmallVector<Value> next;
    for (int64_t row = 0; row < size / 2; ++row) {
      Value a = rows[row], b = rows[row + size / 2];
      next.push_back(vector::ShuffleOp::create(builder, loc, a, b, low));
      next.push_back(vector::ShuffleOp::create(builder, loc, a, b, high));
    }
    rows = std::move(next);
  }
}

/// panel[k][lane] = b[k, n + lane] where k is contiguous: squares of vectors
/// along k are transposed in registers. A row of b past the last one is not
/// read; the last one is read again in its place and ends up in lanes that are
/// never stored.
void ContractionEmitter::packTransposed(const Cursor &column,
                                        OpFoldResult depth, int64_t vectors,
                                        OpFoldResult columnsLeft, Value panel) {
  OpFoldResult last = index.sub(columnsLeft, index.cst(1));
  emitChunks(
      builder, loc, depth, laneCount, {1}, /*allowPartial=*/true, ValueRange(),
      [&](OpFoldResult iv, int64_t, Value valid, ValueRange) {
        Lanes lanes = Lanes::get(builder, loc, laneCount, valid);
        Cursor slab = advance(column, roles.k, iv);
        for (int64_t vector = 0; vector < vectors; ++vector) {
          SmallVector<Value> rows;
          for (int64_t row = 0; row < laneCount; ++row) {
            OpFoldResult n =
                index.min(index.cst(vector * laneCount + row), last);
            Cursor cell = advance(slab, roles.n, n);
            rows.push_back(extend(loadVector(roles.b, cell.addresses[roles.b],
                                             index.cst(1), lanes)));
          }
          transpose(builder, loc, rows);
          for (int64_t row = 0; row < laneCount; ++row) {
            OpFoldResult k = index.add(iv, index.cst(row));
            storeLanes(builder, loc, rows[row], panel,
                       index.add(index.mul(k, index.cst(vectors * laneCount)),
                                 index.cst(vector * laneCount)),
                       index.cst(1), {laneCount, Value()});
          }
        }
        return SmallVector<Value>();
      });
}

//===----------------------------------------------------------------------===//
// Dot products
//===----------------------------------------------------------------------===//

void ContractionEmitter::emitDotProducts(const Cursor &batch) {
  if (std::optional<int64_t> depth = nest.dims[*roles.k].size())
    laneCount = std::min<int64_t>(
        laneCount,
        llvm::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(*depth, 1))));
  // The accumulators of a block and one vector of each of its rows of a and b.
  bool isVector = sizeOr(nest, roles.m, 1) < 4;
  int64_t rows = isVector ? 1 : (target.numRegisters() == 32 ? 4 : 2);
  int64_t columns = isVector && target.numRegisters() == 32 ? 8 : 4;
  emitChunks(builder, loc, extent(roles.n), 1, {columns, 1},
             /*allowPartial=*/false, ValueRange(),
             [&](OpFoldResult n, int64_t blockColumns, Value, ValueRange) {
               Cursor column = advance(batch, roles.n, n);
               SmallVector<int64_t> rowSizes = {rows};
               if (rows != 1)
                 rowSizes.push_back(1);
               emitChunks(
                   builder, loc, extent(roles.m), 1, rowSizes,
                   /*allowPartial=*/false, ValueRange(),
                   [&](OpFoldResult m, int64_t blockRows, Value, ValueRange) {
                     emitDotBlock(advance(column, roles.m, m), blockRows,
                                  blockColumns);
                     return SmallVector<Value>();
                   });
               return SmallVector<Value>();
             });
}

void ContractionEmitter::emitDotBlock(const Cursor &corner, int64_t rows,
                                      int64_t columns) {
  SmallVector<OpFoldResult> rowsOfA, rowsOfB;
  for (int64_t row = 0; row < rows; ++row)
    rowsOfA.push_back(
        advance(corner, roles.m, index.cst(row)).addresses[roles.a]);
  for (int64_t column = 0; column < columns; ++column)
    rowsOfB.push_back(
        advance(corner, roles.n, index.cst(column)).addresses[roles.b]);

  // At least eight chains of multiply-adds: two a cycle, four cycles each.
  int64_t cells = rows * columns;
  int64_t chains = std::max<int64_t>(1, 8 / cells);
  auto type = VectorType::get(laneCount, roles.accumulatorType);
  Value zero = arith::ConstantOp::create(
      builder, loc, type, cast<TypedAttr>(builder.getZeroAttr(type)));
  SmallVector<Value> init(chains * cells, zero);
  SmallVector<int64_t> unitSizes = {chains};
  if (chains > 1)
    unitSizes.push_back(1);
  SmallVector<Value> sums = emitChunks(
      builder, loc, extent(roles.k), laneCount, unitSizes,
      /*allowPartial=*/true, init,
      [&](OpFoldResult iv, int64_t units, Value valid, ValueRange carried) {
        Lanes lanes = Lanes::get(builder, loc, laneCount, valid);
        SmallVector<Value> next = llvm::to_vector_of<Value>(carried);
        for (int64_t unit = 0; unit < units; ++unit) {
          OpFoldResult k = index.add(iv, index.cst(unit * laneCount));
          auto loadRow = [&](unsigned operand, OpFoldResult row) {
            return extend(
                loadVector(operand, index.add(row, k), index.cst(1), lanes));
          };
          SmallVector<Value> as;
          for (OpFoldResult row : rowsOfA)
            as.push_back(loadRow(roles.a, row));
          for (int64_t column = 0; column < columns; ++column) {
            Value b = loadRow(roles.b, rowsOfB[column]);
            for (int64_t row = 0; row < rows; ++row) {
              Value &sum = next[unit * cells + row * columns + column];
              sum = multiplyAdd(as[row], b, sum);
            }
          }
        }
        return next;
      });
  auto add = [&](Value a, Value b) -> Value {
    return arith::AddFOp::create(builder, loc, a, b);
  };
  Value buffer = nest.operands[roles.c].buffer;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      int64_t cell = row * columns + column;
      for (int64_t width = chains / 2; width > 0; width /= 2)
        for (int64_t chain = 0; chain < width; ++chain) {
          Value &low = sums[chain * cells + cell];
          low = add(low, sums[(chain + width) * cells + cell]);
        }
      Value total = reduceLanes(builder, loc, sums[cell], add);
      Cursor cursor = advance(advance(corner, roles.m, index.cst(row)), roles.n,
                              index.cst(column));
      Value at = index.value(cursor.addresses[roles.c]);
      Value before = memref::LoadOp::create(builder, loc, buffer, at);
      memref::StoreOp::create(builder, loc, add(before, total), buffer, at);
    }
}

LogicalResult transmamba::emitContraction(OpBuilder &builder,
                                          const LoopNest &nest,
                                          const VectorTarget &target,
                                          std::string &reason) {
  FailureOr<Contraction> roles = planContraction(nest, target, reason);
  if (failed(roles))
    return failure();
  ContractionEmitter(builder, nest, target, *roles).emit();
  return success();
}
