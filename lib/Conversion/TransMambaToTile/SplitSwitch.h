//===- SplitSwitch.h - The hybrid mixer as attention and scan ---*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_SPLITSWITCH_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_SPLITSWITCH_H

#include "Tile/IR/Target.h"
#include "TransMamba/IR/TransMambaOps.h"

namespace transmamba {

/// Both parts of a switch fit kernels.
bool matchesSwitch(SwitchOp op, const tile::Target &target);

/// Heads [B, count, H, D] that attention of a switch takes, q and k rotated.
struct PrefixHeads {
  mlir::Value q, k, v;
};

/// The first `count` tokens of a switch over a sequence from its start. The
/// cache of the switch becomes one that has them.
PrefixHeads takePrefix(mlir::OpBuilder &builder, SwitchOp op,
                       mlir::Value count);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_SPLITSWITCH_H
