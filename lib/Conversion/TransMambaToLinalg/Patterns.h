//===- Patterns.h - The patterns of this folder -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_PATTERNS_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_PATTERNS_H

#include "RopeTables.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Transforms/DialectConversion.h"
#include "transmamba/Analysis/StateLayout.h"

namespace transmamba {

/// Sizes of tiles: upper bounds, made smaller where a dimension is.
struct TileSizes {
  int64_t queryBlock;
  int64_t keyBlock;
  /// Keys of a cache that a workgroup takes, of one query; 0: all.
  int64_t keySegment;
  int64_t chunk;
  int64_t valueBlock;
  int64_t tokenBlock;
  int64_t channelBlock;
  int64_t convChannelBlock;
  /// Bytes of scratch that a workgroup may use.
  int64_t scratchLimit;
};

/// What all patterns know of the module.
struct LoweringContext {
  StateLayout layout;
  RopeTables ropeTables;
  TileSizes sizes;

  /// The TransPoint that an operation names, else that of its layer.
  template <typename OpT> std::optional<int64_t> getTransPoint(OpT op) const {
    std::optional<int64_t> point = op.getPoint();
    return point ? point : layout.getTransPoint(op.getLayer());
  }
};

/// A pattern that knows the module.
template <typename OpT>
class TransMambaPattern : public mlir::OpConversionPattern<OpT> {
public:
  TransMambaPattern(const mlir::TypeConverter &converter,
                    mlir::MLIRContext *context, const LoweringContext &lowering)
      : mlir::OpConversionPattern<OpT>(converter, context), lowering(lowering) {
  }

protected:
  const LoweringContext &lowering;
};

void populateAttentionPatterns(const mlir::TypeConverter &converter,
                               const LoweringContext &lowering,
                               mlir::RewritePatternSet &patterns);
void populateCachePatterns(const mlir::TypeConverter &converter,
                           const LoweringContext &lowering,
                           mlir::RewritePatternSet &patterns);
void populateConvPatterns(const mlir::TypeConverter &converter,
                          const LoweringContext &lowering,
                          mlir::RewritePatternSet &patterns);
void populateNormPatterns(const mlir::TypeConverter &converter,
                          const LoweringContext &lowering,
                          mlir::RewritePatternSet &patterns);
void populateRopePatterns(const mlir::TypeConverter &converter,
                          const LoweringContext &lowering,
                          mlir::RewritePatternSet &patterns);
void populateRowPatterns(const mlir::TypeConverter &converter,
                         const LoweringContext &lowering,
                         mlir::RewritePatternSet &patterns);
void populateScanPatterns(const mlir::TypeConverter &converter,
                          const LoweringContext &lowering,
                          mlir::RewritePatternSet &patterns);
void populateSelectiveScanPatterns(const mlir::TypeConverter &converter,
                                   const LoweringContext &lowering,
                                   mlir::RewritePatternSet &patterns);
void populateSwitchPatterns(const mlir::TypeConverter &converter,
                            const LoweringContext &lowering,
                            mlir::RewritePatternSet &patterns);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_PATTERNS_H
