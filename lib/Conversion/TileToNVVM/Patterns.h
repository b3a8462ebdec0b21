//===- Patterns.h - Patterns from tile to NVVM ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TILETONVVM_PATTERNS_H
#define TRANSMAMBA_LIB_CONVERSION_TILETONVVM_PATTERNS_H

#include "Emitter.h"
#include "KernelPlan.h"
#include "mlir/Transforms/DialectConversion.h"

namespace transmamba::tile {

/// A pattern that knows the plan. One value of the tile dialect is the values
/// that a thread holds of it, see `addTileConversions`.
template <typename Op>
class TilePattern : public mlir::OpConversionPattern<Op> {
public:
  TilePattern(const mlir::TypeConverter &converter, mlir::MLIRContext *context,
              const KernelPlan &plan)
      : mlir::OpConversionPattern<Op>(converter, context), plan(plan) {}

protected:
  using Adaptor = typename mlir::OpConversionPattern<Op>::OneToNOpAdaptor;
  const KernelPlan &plan;
};

/// The one value of a range that has one.
inline mlir::Value single(mlir::ValueRange values) {
  assert(values.size() == 1 && "converted to more than one value");
  return values.front();
}

/// Index of an accumulator's register: 64-row block, 8-column block, whether
/// the row is the thread's second, whether the column is.
inline int64_t getRegister(int64_t columns, int64_t block, int64_t column8,
                           int64_t secondRow, int64_t secondColumn) {
  return block * columns / 2 + 4 * column8 + 2 * secondRow + secondColumn;
}

/// Named barriers of the hardware; 0 is that of the whole block.
enum BarrierId {
  kConsumersBarrier = 1,
  kWarpgroupBarrier = 2,
  kTurnBarrier = 5
};

/// Moves the operations of a region, without its terminator, before `before`.
void moveBody(mlir::Block &body, mlir::ValueRange arguments,
              mlir::Operation *before,
              mlir::ConversionPatternRewriter &rewriter);

void populateStructurePatterns(mlir::TypeConverter &converter,
                               const KernelPlan &plan,
                               mlir::RewritePatternSet &patterns);
void populateScalarPatterns(mlir::TypeConverter &converter,
                            const KernelPlan &plan,
                            mlir::RewritePatternSet &patterns);
void populateRingPatterns(mlir::TypeConverter &converter,
                          const KernelPlan &plan,
                          mlir::RewritePatternSet &patterns);
void populateTicketPatterns(mlir::TypeConverter &converter,
                            const KernelPlan &plan,
                            mlir::RewritePatternSet &patterns);
void populateArithmeticPatterns(mlir::TypeConverter &converter,
                                const KernelPlan &plan,
                                mlir::RewritePatternSet &patterns);
void populateMemoryPatterns(mlir::TypeConverter &converter,
                            const KernelPlan &plan,
                            mlir::RewritePatternSet &patterns);

// Copies of tiles: by the copy engine, or by threads piece by piece.
void populateBulkCopyPatterns(mlir::TypeConverter &converter,
                              const KernelPlan &plan,
                              mlir::RewritePatternSet &patterns);
void populatePieceCopyPatterns(mlir::TypeConverter &converter,
                               const KernelPlan &plan,
                               mlir::RewritePatternSet &patterns);

// Multiplication: by warpgroups, or by warps.
void populateWgmmaPatterns(mlir::TypeConverter &converter,
                           const KernelPlan &plan,
                           mlir::RewritePatternSet &patterns);
void populateMmaSyncPatterns(mlir::TypeConverter &converter,
                             const KernelPlan &plan,
                             mlir::RewritePatternSet &patterns);

} // namespace transmamba::tile

#endif // TRANSMAMBA_LIB_CONVERSION_TILETONVVM_PATTERNS_H
