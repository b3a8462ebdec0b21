//===- FuseRotation.h - Rotate keys on their way to a cache -----*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TRANSFORMS_FUSEROTATION_H
#define TRANSMAMBA_TRANSFORMS_FUSEROTATION_H

#include "TransMamba/IR/TransMambaOps.h"

namespace transmamba {

/// append_kv %c, (rope %k), %v, where nothing else reads the rotated keys and
/// both stand at the same positions
/// -> append_kv %c, %k, %v {rope_theta}
bool fuseRotation(AppendKVOp op);

} // namespace transmamba

#endif // TRANSMAMBA_TRANSFORMS_FUSEROTATION_H
