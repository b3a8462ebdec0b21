//===- Scan.cpp - The state-space reading, and the converter --------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ScanTile.h"

using namespace mlir;
using namespace transmamba;

namespace {
/// ssd_scan -> scf.forall (row, head, block of columns) { chunked scan }
struct LowerSSDScan final : TransMambaPattern<SSDScanOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(SSDScanOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tile(rewriter, op.getLoc());
    ScanKernel kernel;
    kernel.q = adaptor.getQ();
    kernel.k = adaptor.getK();
    kernel.v = adaptor.getV();
    kernel.dt = adaptor.getDt();
    kernel.A = adaptor.getA();
    kernel.skip = adaptor.getSkip();
    kernel.init = adaptor.getInit();
    kernel.lengths = adaptor.getLengths();
    kernel.start =
        adaptor.getStart() ? Index(adaptor.getStart()) : tile.constant(0);
    kernel.chunk = op.getChunk();
    SmallVector<Index> sizes = tile.dims(kernel.v);
    sizes[2] = tile.constant(shapeOf(op.getResult())[2]);
    Value output = tile.empty(sizes, elementOf(op.getResult()));
    rewriter.replaceOp(op, emitScan(tile, lowering.sizes, kernel, output));
    return success();
  }
};

/// convert_memory -> the scan without outputs
struct LowerConvertMemory final : TransMambaPattern<ConvertMemoryOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(ConvertMemoryOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TileBuilder tile(rewriter, op.getLoc());
    ScanKernel kernel;
    kernel.k = adaptor.getK();
    kernel.v = adaptor.getV();
    kernel.dt = adaptor.getDt();
    kernel.A = adaptor.getA();
    kernel.lengths = adaptor.getLengths();
    kernel.start = tile.constant(0);
    rewriter.replaceOp(
        op, emitScan(tile, lowering.sizes, kernel, /*output=*/Value()));
    return success();
  }
};
} // namespace

void transmamba::populateScanPatterns(const TypeConverter &converter,
                                      const LoweringContext &lowering,
                                      RewritePatternSet &patterns) {
  patterns.add<LowerSSDScan, LowerConvertMemory>(
      converter, patterns.getContext(), lowering);
}
