//===- ShortForms.h - Kernels in fewer words --------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Some operations say at once what others say in several, so that a kernel is
// short enough to be read. Lowerings know only the others: they begin here.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TILE_TRANSFORMS_SHORTFORMS_H
#define TRANSMAMBA_TILE_TRANSFORMS_SHORTFORMS_H

#include "Tile/IR/TileOps.h"

namespace transmamba::tile {

/// Cuts loops where the condition of an operation in them changes:
///
///   for i = a to b { tile.mask ... if (i < m) }
/// -> for i = a to m' { tile.mask ... }; for i = m' to b { }
///
/// with m' in [a, b].
void splitLoops(KernelOp kernel);

/// `splitLoops`, and every short form as what it stands for.
void expandShortForms(KernelOp kernel);

} // namespace transmamba::tile

#endif // TRANSMAMBA_TILE_TRANSFORMS_SHORTFORMS_H
