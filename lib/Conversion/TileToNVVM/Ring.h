//===- Ring.h - A ring of tiles in a thread ---------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TILETONVVM_RING_H
#define TRANSMAMBA_LIB_CONVERSION_TILETONVVM_RING_H

#include "Patterns.h"

namespace transmamba::tile {

/// Start of shared memory, and some bytes on.
mlir::Value getShared(Emitter &emit, int64_t offset);

/// Waits for the end of a phase of a barrier. `ahead`: nobody waits for this
/// thread yet.
void waitForBarrier(Emitter &emit, const Target &target, mlir::Value barrier,
                    mlir::Value phase, bool ahead);

/// The values that a ring was converted to, and its plan.
class Ring {
public:
  Ring(Emitter &emit, mlir::Value original, mlir::ValueRange values,
       const KernelPlan &plan);

  /// The tile that is next, its phase, and the first one that is held.
  mlir::Value getTile();
  mlir::Value getPhase();
  mlir::Value getHeld();

  mlir::Value getAddress(mlir::Value tile);
  /// Barriers follow the tiles of all rings, at a constant distance.
  mlir::Value getFull(mlir::Value tile);
  mlir::Value getEmpty(mlir::Value tile);

  void advance(mlir::Value tile, mlir::Value phase);
  void advanceHeld(mlir::Value tile);

  void waitUntilFull(mlir::Value tile, mlir::Value phase);
  void waitUntilEmpty(mlir::Value tile, mlir::Value phase);

  /// One thread of each warp frees tiles, not one of each warpgroup.
  bool isReleasedByWarps() const { return plan.releasedByWarps; }

private:
  Emitter &emit;
  mlir::ValueRange values;
  const Target &target;
  const RingPlan &plan;
  int64_t stages;
};

} // namespace transmamba::tile

#endif // TRANSMAMBA_LIB_CONVERSION_TILETONVVM_RING_H
