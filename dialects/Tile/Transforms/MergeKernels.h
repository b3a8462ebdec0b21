//===- MergeKernels.h - Several kernels as one ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_TRANSFORMS_MERGEKERNELS_H
#define TRANSMAMBA_TILE_TRANSFORMS_MERGEKERNELS_H

#include "Tile/IR/TileOps.h"
#include <array>

namespace transmamba::tile {

/// A kernel whose blocks become items of work.
struct KernelPart {
  KernelOp kernel;
  /// For each argument, the argument of the merged kernel that it is.
  mlir::SmallVector<unsigned> arguments;
  /// For each direction of its grid, how many blocks: a number, or the argument
  /// of the merged kernel that holds it.
  struct Extent {
    std::optional<int64_t> constant;
    unsigned argument = 0;
  };
  std::array<Extent, 3> grid;
};

/// Consumer warpgroups of the merged kernel, and the blocks of a part that are
/// one item then.
uint32_t getMostWarpgroups(mlir::ArrayRef<KernelPart> parts);
int64_t getBlocksOfItem(const KernelPart &part, uint32_t warpgroups);
/// How many tiles of the ring the consumers still have at their end; nothing
/// where that depends on what happens inside of them.
std::optional<int64_t> countHeldTiles(RingOp ring);
/// Whether the value is computed from the block's place along x.
bool dependsOnX(mlir::Value value);

/// Why the parts cannot be one kernel, or nothing. What must hold of launches
/// is not looked at.
std::optional<std::string> findMergeObstacle(mlir::ArrayRef<KernelPart> parts);

/// The kernel whose blocks draw the items of all parts, in the order of the
/// parts. Its last argument is the control buffer.
KernelOp mergeKernels(mlir::OpBuilder &builder, mlir::Location loc,
                      llvm::StringRef name, mlir::ArrayRef<KernelPart> parts,
                      mlir::TypeRange arguments);

} // namespace transmamba::tile

#endif // TRANSMAMBA_TILE_TRANSFORMS_MERGEKERNELS_H
