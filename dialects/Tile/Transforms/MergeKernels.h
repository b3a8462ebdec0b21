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

/// A number of the host's: a constant, or the argument of the merged kernel
/// that holds it.
struct Extent {
  std::optional<int64_t> constant;
  unsigned argument = 0;
};

/// A kernel whose blocks become items of work.
struct KernelPart {
  KernelOp kernel;
  /// For each argument, the argument of the merged kernel that it is.
  mlir::SmallVector<unsigned> arguments;
  /// Its place among the items of all parts. With several, each but the last is
  /// that of so many items, which are taken from the first on.
  struct Turn {
    int64_t place = 0;
    std::optional<int64_t> items;
  };
  mlir::SmallVector<Turn> turns = {};
  /// How many blocks its grid has in each direction.
  std::array<Extent, 3> grid;
};

/// Items of a part that follow one another: the first number that is none of
/// theirs any more, and what a number has to lose to be that in the part alone.
struct Piece {
  unsigned part;
  Extent end, shift;
};

/// Consumer warpgroups of the merged kernel, and the blocks of a part that are
/// one item then.
uint32_t getMostWarpgroups(mlir::ArrayRef<KernelPart> parts);
int64_t getBlocksOfItem(const KernelPart &part, uint32_t warpgroups);
/// Whether blocks of the kernel wait for those of another one.
bool waitsFor(KernelOp kernel, KernelOp other);
/// How many tiles of the ring the consumers still have at their end; nothing
/// where that depends on what happens inside of them.
std::optional<int64_t> countHeldTiles(RingOp ring);
/// Whether the value is computed from the block's place along x.
bool dependsOnX(mlir::Value value);

/// Why the parts cannot be one kernel, or nothing. What must hold of launches
/// is not looked at.
std::optional<std::string> findMergeObstacle(mlir::ArrayRef<KernelPart> parts);

/// The kernel whose blocks draw the items of all parts, in the order of the
/// pieces. Its last argument is the control buffer.
KernelOp mergeKernels(mlir::OpBuilder &builder, mlir::Location loc,
                      llvm::StringRef name, mlir::ArrayRef<KernelPart> parts,
                      mlir::ArrayRef<Piece> pieces, mlir::TypeRange arguments);

} // namespace transmamba::tile

#endif // TRANSMAMBA_TILE_TRANSFORMS_MERGEKERNELS_H
