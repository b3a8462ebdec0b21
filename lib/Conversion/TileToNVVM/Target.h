//===- Target.h - What machines differ in -----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TILETONVVM_TARGET_H
#define TRANSMAMBA_LIB_CONVERSION_TILETONVVM_TARGET_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace transmamba::tile {

/// What a lowering must know of a machine. The README has the table.
struct Target {
  llvm::StringRef chip;
  /// Shared memory that a block may have.
  int64_t sharedBytes;
  /// Threads that run the producer's body, each of which arrives where a tile
  /// becomes full.
  int64_t producerThreads;
  /// TMA: tiles are copied by an engine that takes tensor maps.
  bool hasTensorMaps;
  /// The copy engine and wgmma see shared memory through a proxy of their own:
  /// a fence stands between what threads write and what these read.
  bool hasAsyncProxy;
  /// wgmma takes tiles from shared memory by itself; else threads read them.
  bool multipliesTiles;
  /// setmaxnreg: a role has its own number of registers.
  bool setsRegisters;
  /// A wait for a barrier may suspend the thread (mbarrier.try_wait).
  bool hasSuspendedWait;
  bool hasStMatrix;
  /// mul.bf16x2; else fma.bf16x2 alone.
  bool hasBf16Mul;
};

/// The target of that name, or null.
const Target *findTarget(llvm::StringRef chip);

} // namespace transmamba::tile

#endif // TRANSMAMBA_LIB_CONVERSION_TILETONVVM_TARGET_H
