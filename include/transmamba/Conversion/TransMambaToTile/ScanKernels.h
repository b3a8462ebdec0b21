//===- ScanKernels.h - The kernels of an SSD scan ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Tokens before `first` (the prefix) only leave a state; those from `first` on
// are scanned. Both are cut into segments of `segment` tokens, a multiple of a
// chunk, that start at token 0 and at `first`. Of P segments of the prefix and
// S others,
//
//   scan_state:   grid (heads * parts, rows, P + S - 1), the state that each
//                 leaves on its own, and the decay of what was there before
//   scan_combine: grid (heads * slices, rows, 1), in place of each state the
//                 one after `init` and all segments up to it
//   scan:         grid (heads * parts, rows, S), S >= 1; each starts from the
//                 state before it, combined or from `init` and what each
//                 segment leaves. Bits are the same; which is faster depends on
//                 how many there are
//   scan_fold:    grid (heads * slices, rows, 1), the state after all segments
//                 of a prefix, where nothing is scanned
//
// Of a sequence that is one segment, only the scan has blocks.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_SCANKERNELS_H
#define TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_SCANKERNELS_H

#include "Tile/IR/TileOps.h"
#include "transmamba/Conversion/TransMambaToTile/Config.h"

namespace transmamba {

/// What an argument of a kernel is.
enum class ScanOperand {
  Queries,
  Keys,
  Values,
  /// dt, and A.
  Steps,
  Rates,
  /// D.
  Skip,
  /// z.
  Gate,
  Init,
  Lengths,
  /// Of segments: [B, S, heads, stateDim, headDim] and [B, S, heads], f32.
  /// There may be room for more segments than there are.
  States,
  Decays,
  /// The number of states.
  Count,
  /// Tokens of the prefix, and of a segment.
  First,
  Segment,
  /// 1 where states are combined, else 0.
  Combined,
  Output,
  FinalState
};

/// The arguments of each kernel, in their order.
llvm::SmallVector<ScanOperand> getScanOperands(const ScanShape &shape);
llvm::SmallVector<ScanOperand> getStateOperands(const ScanShape &shape);
llvm::SmallVector<ScanOperand> getCombineOperands(const ScanShape &shape);
llvm::SmallVector<ScanOperand> getFoldOperands(const ScanShape &shape);

/// The tensor, or `index`, that an argument is.
mlir::Type getOperandType(ScanOperand operand, const ScanShape &shape);

/// Kernels that another one says it waits for (`tile.after`), or null.
struct ScanSources {
  mlir::StringAttr states, combination;
};

tile::KernelOp buildScan(mlir::OpBuilder &builder, mlir::Location loc,
                         llvm::StringRef name, const ScanShape &shape,
                         const ScanConfig &config,
                         const ScanSources &sources = {});
tile::KernelOp buildScanState(mlir::OpBuilder &builder, mlir::Location loc,
                              llvm::StringRef name, const ScanShape &shape,
                              const ScanConfig &config);
tile::KernelOp buildScanCombine(mlir::OpBuilder &builder, mlir::Location loc,
                                llvm::StringRef name, const ScanShape &shape,
                                const ScanConfig &config = {},
                                const ScanSources &sources = {});
tile::KernelOp buildScanFold(mlir::OpBuilder &builder, mlir::Location loc,
                             llvm::StringRef name, const ScanShape &shape);

/// Blocks that share a head in the last two.
int64_t getCombineSlices(const ScanShape &shape);

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_SCANKERNELS_H
