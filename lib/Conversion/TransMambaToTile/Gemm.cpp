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
      : kernel(builder, loc, name, getArgumentTypes(shape)), shape(shape),
        config(config), ownRows(config.blockM / 2) {}

  tile::KernelOp build();

private:
  static SmallVector<Type> getArgumentTypes(const GemmShape &shape) {
    return {MemRefType::get({shape.m, shape.k}, shape.operandType),
            MemRefType::get({shape.k, shape.n}, shape.operandType),
            MemRefType::get({shape.m, shape.n}, shape.resultType)};
  }
  /// First row and column of a tile of the result.
  std::pair<Value, Value> getPosition(Value work);
  void forEachTile(function_ref<void(Value m, Value n)> body);
  void emitLoads();
  void emitTile(Value first, Value m, Value n);
  void emitResult(Value result, Value first, Value m, Value n);

  KernelBuilder kernel;
  const GemmShape &shape;
  const GemmConfig &config;
  /// Rows of a warpgroup.
  int64_t ownRows;
  /// Tiles of the result down and across.
  Value rowTiles, tiles;
  int64_t columnTiles;
  Value block, blocks, zero, one, steps;
  Value aRing, bRing, staging;
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

void GemmBuilder::forEachTile(function_ref<void(Value, Value)> body) {
  kernel.loop(block, tiles, blocks, [&](Value work) {
    auto [m, n] = getPosition(work);
    body(m, n);
  });
}

void GemmBuilder::emitLoads() {
  forEachTile([&](Value m, Value n) {
    kernel.loop(zero, steps, one, [&](Value step) {
      Value k = kernel.mul(step, kGemmBlockK);
      kernel.load(kernel.argument(0), {m, k}, aRing);
      kernel.load(kernel.argument(1), {k, n}, bRing);
    });
  });
}

void GemmBuilder::emitResult(Value result, Value first, Value m, Value n) {
  Value row = kernel.add(m, first);
  if (!staging) {
    kernel.create<tile::WriteOp>(result, kernel.argument(2),
                                 ValueRange{row, n});
    return;
  }
  Value own = kernel.rowSlice(staging, first, ownRows);
  // The result before this one has left.
  kernel.create<tile::StoreWaitOp>();
  kernel.create<tile::StoreFragmentOp>(result, own);
  kernel.create<tile::StoreOp>(own, kernel.argument(2), ValueRange{row, n});
}

void GemmBuilder::emitTile(Value first, Value m, Value n) {
  auto multiply = [&](Value acc) {
    Value a = kernel.wait(aRing), b = kernel.wait(bRing);
    return kernel.mma(kernel.rowSlice(a, first, ownRows), b,
                      /*transposeB=*/false, acc);
  };
  auto release = [&] {
    kernel.release(aRing);
    kernel.release(bRing);
  };
  Value pending = multiply({});
  pending = kernel
                .loop(one, steps, one, pending,
                      [&](Value, ValueRange carried) -> SmallVector<Value> {
                        Value next = multiply(carried.front());
                        // The multiplication before has read its tiles.
                        kernel.create<tile::DrainOp>(uint32_t(1));
                        release();
                        return {next};
                      })
                .front();
  Value result = kernel.create<tile::AwaitOp>(pending, Value());
  release();
  emitResult(result, first, m, n);
}

tile::KernelOp GemmBuilder::build() {
  zero = kernel.index(0);
  one = kernel.index(1);
  steps = kernel.index(llvm::divideCeil(shape.k, kGemmBlockK));
  columnTiles = llvm::divideCeil(shape.n, config.blockN);
  Value rows = kernel.create<memref::DimOp>(kernel.argument(0), zero);
  rowTiles = kernel.ceilDiv(rows, config.blockM);
  tiles = kernel.mul(rowTiles, columnTiles);
  block = kernel.blockId(tile::Dimension::x);
  blocks = kernel.gridDim(tile::Dimension::x);
  aRing =
      kernel.ring(config.blockM, kGemmBlockK, shape.operandType, config.stages);
  bRing =
      kernel.ring(kGemmBlockK, config.blockN, shape.operandType, config.stages);
  if (shape.resultType == shape.operandType)
    staging = kernel.create<tile::AllocOp>(Type(tile::SharedType::get(
        kernel.getContext(), {config.blockM, config.blockN},
        shape.resultType)));
  // 40 + 2 * 232 registers a thread of each warpgroup: the whole file.
  kernel.producer(/*registers=*/40, [&] { emitLoads(); });
  kernel.consumers(/*count=*/2, /*registers=*/232, [&](Value warpgroup) {
    Value first = kernel.mul(warpgroup, ownRows);
    forEachTile([&](Value m, Value n) { emitTile(first, m, n); });
    if (staging)
      kernel.create<tile::StoreWaitOp>();
  });
  return kernel.getKernel();
}

tile::KernelOp transmamba::buildGemm(OpBuilder &builder, Location loc,
                                     StringRef name, const GemmShape &shape,
                                     const GemmConfig &config) {
  tile::KernelOp kernel =
      GemmBuilder(builder, loc, name, shape, config).build();
  kernel->setAttr(kTileConfigAttrName,
                  toAttribute(builder.getContext(), config));
  return kernel;
}
