//===- Gemm.cpp - Matrix multiplication -----------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A persistent kernel: a block takes every `blocks`-th tile of the result. The
// producer runs ahead of the consumers, into the next tile as well, so that the
// write of one result hides behind the loads of the next.
//
//===----------------------------------------------------------------------===//

#include "GemmEpilogue.h"
#include "KernelBuilder.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;

namespace {
class GemmBuilder {
public:
  GemmBuilder(OpBuilder &builder, Location loc, StringRef name,
              const GemmShape &shape, const GemmConfig &config)
      : kernel(builder, loc, name, getGemmArgumentTypes(shape)), shape(shape),
        config(config), ownRows(config.blockM / 2),
        staged(config.staging ? shape.getStagedOperand() : std::nullopt),
        epilogue(kernel, shape, ownRows, config.blockN) {}

  tile::KernelOp build();

private:
  /// First row and column of a tile of the result.
  std::pair<Value, Value> getPosition(Value work);
  void forEachTile(function_ref<void(Value work, Value m, Value n)> body);
  void allocate();
  void emitLoads();
  void emitTile(Value work, Value first, Value m, Value n);
  void emitResult(Value result, Value place, Value row, Value column);
  /// The results of this warpgroup have left; their place is free.
  void emitLeft();

  /// Results leave by way of shared memory.
  bool leavesByStaging() const {
    return config.staging && shape.resultType == shape.operandType;
  }

  KernelBuilder kernel;
  const GemmShape &shape;
  const GemmConfig &config;
  /// Rows of a warpgroup.
  int64_t ownRows;
  std::optional<size_t> staged;
  EpilogueBuilder epilogue;
  /// Tiles of the result down and across.
  Value rowTiles, tiles;
  int64_t columnTiles;
  Value block, blocks, zero, one, steps;
  Value aRing;
  SmallVector<Value> bRings;
  /// Where results leave from; `stagedRing`, where an operand comes to it.
  Value staging, stagedRing;
};
} // namespace

// Down `group` tiles, then across.
std::pair<Value, Value> GemmBuilder::getPosition(Value work) {
  Value perGroup = kernel.index(config.group * columnTiles);
  Value firstRow = kernel.mul(kernel.div(work, perGroup), config.group);
  Value inGroup = kernel.rem(work, perGroup);
  // The last group may be smaller.
  Value height =
      kernel.min(kernel.sub(rowTiles, firstRow), kernel.index(config.group));
  Value row = kernel.add(firstRow, kernel.rem(inGroup, height));
  Value column = kernel.div(inGroup, height);
  return {kernel.mul(row, config.blockM), kernel.mul(column, config.blockN)};
}

void GemmBuilder::forEachTile(function_ref<void(Value, Value, Value)> body) {
  kernel.loop(block, tiles, blocks, [&](Value work) {
    auto [m, n] = getPosition(work);
    body(work, m, n);
  });
}

// The staged operand comes last: its place is free when the result before has
// left, and nobody waits for that while there are products.
void GemmBuilder::emitLoads() {
  forEachTile([&](Value, Value m, Value n) {
    kernel.loop(zero, steps, one, [&](Value step) {
      Value k = kernel.mul(step, config.blockK);
      kernel.load(kernel.argument(0), {m, k}, aRing);
      for (auto [i, ring] : llvm::enumerate(bRings)) {
        int64_t first = shape.rights.empty() ? 0 : shape.rights[i].first;
        kernel.load(kernel.argument(1 + i), {k, kernel.add(n, first)}, ring);
      }
    });
    if (staged)
      kernel.load(kernel.argument(getGemmOperandArgument(shape, *staged)),
                  {m, n}, stagedRing);
  });
}

void GemmBuilder::emitLeft() {
  kernel.create<tile::StoreWaitOp>();
  kernel.release(stagedRing);
}

void GemmBuilder::emitResult(Value result, Value place, Value row,
                             Value column) {
  Value c = kernel.argument(getGemmResultArgument(shape));
  if (!leavesByStaging()) {
    kernel.create<tile::WriteOp>(result, c, ValueRange{row, column});
    if (stagedRing)
      kernel.release(stagedRing);
    return;
  }
  // The result before this one has left.
  if (!stagedRing)
    kernel.create<tile::StoreWaitOp>();
  kernel.create<tile::StoreFragmentOp>(result, place);
  kernel.create<tile::StoreOp>(place, c, ValueRange{row, column});
}

void GemmBuilder::emitTile(Value work, Value first, Value m, Value n) {
  Value row = kernel.add(m, first);
  epilogue.read(row, n, staged);
  auto multiply = [&](ValueRange sums) {
    Value a = kernel.rowSlice(kernel.wait(aRing), first, ownRows);
    SmallVector<Value> results;
    for (auto [i, ring] : llvm::enumerate(bRings))
      results.push_back(kernel.mma(a, kernel.wait(ring), /*transposeB=*/false,
                                   sums.empty() ? Value() : sums[i]));
    return results;
  };
  auto release = [&] {
    kernel.release(aRing);
    for (Value ring : bRings)
      kernel.release(ring);
  };
  auto afterFirst = [&] {
    if (stagedRing && leavesByStaging())
      kernel.ifLess(block, work, [&] { emitLeft(); });
  };
  SmallVector<Value> sums =
      kernel.sumProducts(steps, multiply, release, afterFirst);
  // One warpgroup multiplies while the other computes what it has summed up.
  if (config.alternate)
    kernel.create<tile::TurnWaitOp>();
  Value place;
  if (stagedRing)
    place = kernel.rowSlice(kernel.wait(stagedRing), first, ownRows);
  else if (staging)
    place = kernel.rowSlice(staging, first, ownRows);
  emitResult(epilogue.compute(sums, place), place, row, n);
  if (config.alternate)
    kernel.create<tile::TurnPassOp>();
}

void GemmBuilder::allocate() {
  aRing = kernel.ring(config.blockM, config.blockK, shape.operandType,
                      config.stages);
  for (int64_t i = 0; i < shape.getProducts(); ++i)
    bRings.push_back(kernel.ring(config.blockK, config.blockN,
                                 shape.operandType, config.stages));
  if (staged)
    stagedRing = kernel.ring(config.blockM, config.blockN, shape.operandType,
                             /*stages=*/1);
  else if (leavesByStaging())
    staging = kernel.create<tile::AllocOp>(Type(tile::SharedType::get(
        kernel.getContext(), {config.blockM, config.blockN},
        shape.resultType)));
}

tile::KernelOp GemmBuilder::build() {
  zero = kernel.index(0);
  one = kernel.index(1);
  steps = kernel.index(llvm::divideCeil(shape.k, config.blockK));
  columnTiles = llvm::divideCeil(shape.n, config.blockN);
  Value rows = kernel.create<memref::DimOp>(kernel.argument(0), zero);
  rowTiles = kernel.ceilDiv(rows, config.blockM);
  tiles = kernel.mul(rowTiles, columnTiles);
  block = kernel.blockId(tile::Dimension::x);
  blocks = kernel.gridDim(tile::Dimension::x);
  allocate();
  // 40 + 2 * 232 registers a thread of each warpgroup: the whole file.
  kernel.producer(/*registers=*/40, [&] { emitLoads(); });
  kernel.consumers(/*count=*/2, /*registers=*/232, [&](Value warpgroup) {
    Value first = kernel.mul(warpgroup, ownRows);
    forEachTile(
        [&](Value work, Value m, Value n) { emitTile(work, first, m, n); });
    if (stagedRing && leavesByStaging())
      kernel.ifLess(block, tiles, [&] { emitLeft(); });
    else if (staging)
      kernel.create<tile::StoreWaitOp>();
  });
  return kernel.getKernel();
}

tile::KernelOp transmamba::buildGemm(OpBuilder &builder, Location loc,
                                     StringRef name, const GemmShape &shape,
                                     const GemmConfig &config) {
  tile::KernelOp kernel =
      config.isForFewRows()
          ? buildFewRowsGemm(builder, loc, name, shape, config)
          : GemmBuilder(builder, loc, name, shape, config).build();
  kernel->setAttr(kTileConfigAttrName,
                  toAttribute(builder.getContext(), config));
  return kernel;
}
