//===- EarlyStart.h - Kernels that begin early ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// From sm_90 on a kernel may begin while those launched before it still run: it
// waits for their end itself (griddepcontrol.wait), at its start or, where it
// reads constants, before it touches anything else.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TILETONVVM_EARLYSTART_H
#define TRANSMAMBA_CONVERSION_TILETONVVM_EARLYSTART_H

#include "llvm/ADT/StringRef.h"

namespace transmamba {

/// Attribute of an argument of a tile.kernel: nothing writes the tensor while a
/// model runs, so tile.load may read it before earlier launches have ended.
inline constexpr llvm::StringLiteral kTileConstantAttrName = "tile.constant";

/// Attribute of a converted kernel: it waits where it has to, not at its start.
inline constexpr llvm::StringLiteral kTileWaitsAttrName = "tile.waits";

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TILETONVVM_EARLYSTART_H
