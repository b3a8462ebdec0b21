//===- KernelPlan.h - Where things lie in a kernel --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TILETONVVM_KERNELPLAN_H
#define TRANSMAMBA_LIB_CONVERSION_TILETONVVM_KERNELPLAN_H

#include "Tile/IR/Target.h"
#include "Tile/IR/TileOps.h"

namespace transmamba::tile {

struct RingPlan {
  /// Bytes from the start of shared memory.
  int64_t tiles = 0;
  int64_t barriers = 0;
  int64_t tileBytes = 0;
  /// One thread of each warpgroup frees a tile that only wgmma reads; where
  /// threads read it themselves, one of each warp.
  bool releasedByWarps = false;
  /// Cursors are one number. A kernel of many kinds of work keeps those of all
  /// its rings in registers, whichever it works on.
  bool packed = false;
};

/// A parameter of the function that a kernel becomes.
struct Parameter {
  enum Kind { Map, Pointer, Size, Scalar } kind;
  int64_t argument;
  /// Of a size.
  int64_t dim = 0;
  /// Of a map: columns and rows of the box, the element's panel.
  SharedType tile;
};

/// The warpgroups of a block: the producer's, if any, comes first.
struct Warpgroups {
  bool producer = false;
  int64_t consumers = 1;
};

/// What is decided about all kernels of a module before any is rewritten. Keys
/// are operations of the tile dialect.
struct KernelPlan {
  explicit KernelPlan(const Target &target) : target(target) {}

  const Target &target;
  llvm::DenseMap<mlir::Operation *, RingPlan> rings;
  /// Of tile.alloc, bytes from the start of shared memory.
  llvm::DenseMap<mlir::Operation *, int64_t> tiles;
  /// Of tile.kernel.
  llvm::DenseMap<mlir::Operation *, int64_t> sharedBytes;
  llvm::DenseMap<mlir::Operation *, mlir::SmallVector<Parameter>> parameters;
  /// Of tile.load and tile.store: the number of the parameter with the map.
  llvm::DenseMap<mlir::Operation *, int64_t> maps;
  /// Of tile.load and tile.store: the box starts at a multiple of 16 bytes of
  /// the tensor, for all that is known of its indices.
  llvm::DenseSet<mlir::Operation *> alignedCopies;
  /// Of tile.tickets, bytes from the start of shared memory.
  llvm::DenseMap<mlir::Operation *, int64_t> tickets;
  /// Of the producer: tile.work_loop and tile.look_back.
  llvm::DenseSet<mlir::Operation *> loads;
  /// Of tile.barrier, tile.turn_wait, tile.turn_pass, tile.tickets and
  /// tile.publish.
  llvm::DenseMap<mlir::Operation *, Warpgroups> warpgroups;
  /// Of tile.await: multiplications that may go on.
  llvm::DenseMap<mlir::Operation *, int64_t> keep;
};

/// Adds a kernel to the plan. Fails, with an error, where the kernel asks for
/// what the target does not have.
mlir::LogicalResult planKernel(KernelOp kernel, KernelPlan &plan);

/// The attribute `tile.parameters`, see TileToNVVM.h.
mlir::ArrayAttr describeParameters(mlir::MLIRContext *context,
                                   mlir::ArrayRef<Parameter> parameters);

/// Rows of the tile that `tile` is part of: the distance of its panels.
int64_t getPanelRows(mlir::Value tile);

} // namespace transmamba::tile

#endif // TRANSMAMBA_LIB_CONVERSION_TILETONVVM_KERNELPLAN_H
